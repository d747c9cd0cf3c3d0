"""The blocks of a unit card in words, tables and figures, as its HTML template takes them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from lstm_units.analyses.dynamics.figure import ALL_ROWS, dynamics_figure, unit_column
from lstm_units.cards.card import CardSettings, Part, UnitCard
from lstm_units.cards.figure import WIDTH, ablation_figure, auc_figure, inline_png
from lstm_units.io.plain_text import visible
from lstm_units.io.wording import listing


def card_blocks(card: UnitCard, settings: CardSettings) -> list[dict[str, Any]]:
    """Word all blocks of a card.

    Returns
    -------
    list of dict
        Each with ``key, title``; ``missing`` (sentences on what there is not), ``text``, ``notes``
        (sentences; words in backquotes are code), ``figures`` (``uri, width, height, alt,
        caption``), ``tables`` (``caption, columns`` with ``title, number``, ``rows`` of text,
        ``heads``: how many cells of a row name it) and ``files``.
    """
    return [
        _ablation_block(card, settings),
        _dynamics_block(card, settings),
        _efferents_block(card, settings),
        _afferents_block(card, settings),
        _decoding_block(card, settings),
        _depth_block(card, settings),
        *(
            _block(f"room-{place}", title) | {"text": list(sentences)}
            for place, (title, sentences) in enumerate(card.said.items())
        ),
    ]


def _block(key: str, title: str, *parts: Part) -> dict[str, Any]:
    """Return an empty block that names the files of some parts, and what is missing of them."""
    return {
        "key": key,
        "title": title,
        "files": list(dict.fromkeys(name for part in parts for name in part.files)),
        "missing": list(dict.fromkeys(part.missing for part in parts if part.missing)),
        **{name: [] for name in ("text", "figures", "tables", "notes")},
    }


def _table(caption: str, columns: Mapping[str, str], rows: Sequence, heads: int = 1) -> dict:
    """Return a table for the template; titles of columns map to ``text`` or ``number``."""
    titles = [{"title": title, "number": kind == "number"} for title, kind in columns.items()]
    return {"caption": caption, "columns": titles, "rows": [list(r) for r in rows], "heads": heads}


def _image(figure: Figure, alt: str, caption: str) -> dict[str, Any]:
    return {**inline_png(figure), "alt": alt, "caption": caption}


def _ablation_block(card: UnitCard, settings: CardSettings) -> dict[str, Any]:
    parts = card.ablation
    block = _block("ablation", "Effect of its ablation", *parts.values())
    if not parts:
        block["missing"].append("The sweep was not run (`ablation.modes`).")
        return block
    tables = {mode: part.table for mode, part in parts.items() if part.table is not None}
    if not tables:
        return block
    confidence = next(part.about["confidence"] for part in parts.values() if part.table is not None)
    level = f"{100 * confidence:g} % " if confidence else ""
    large = (
        f"A change is large (marked *) beyond {100 * settings.relative_drop:g} % of the intact "
        f"accuracy at q < {settings.maximum_q:g}."
    )
    said = [_largest(mode, table, settings) for mode, table in tables.items()]
    block["text"] = said
    block["figures"] = [
        _image(
            ablation_figure(tables, settings.labels),
            f"Change in accuracy by task and condition. {' '.join(said)}",
            f"Change in accuracy when the unit is ablated. Bars: {level}Wilson interval of the "
            "ablated accuracy, the intact accuracy taken as it is. Filled: large change.",
        )
    ]
    for mode, table in tables.items():
        rows = [
            (
                settings.label(row.task),
                row.condition,
                f"{row.n:,}",
                _percent(row.full_accuracy),
                _percent(row.accuracy),
                f"{_percent(row.ci_low)} to {_percent(row.ci_high)}",
                _percent(row.drop),
                f"{_percent(row.relative_drop)}{' *' if row.large else ''}",
                _q(row.q),
            )
            for row in table.itertuples()
        ]
        columns = {"task": "text", "condition": "text", "items": "number", "intact": "number"}
        columns |= {"ablated": "number", f"{level}interval": "number", "drop": "number"}
        columns |= {"relative drop": "number", "q": "number"}
        caption = f"Accuracy in percent, mode {mode}"
        block["tables"].append(_table(caption, columns, rows, heads=2))
    block["notes"].append(
        f"Negative drops are gains. {large} q: exact McNemar test of the ablated against the "
        "intact answers, adjusted over all units, tasks and conditions of the mode."
    )
    further = {
        settings.label(task) for part in parts.values() for task in part.about.get("further", ())
    }
    if further:
        block["notes"].append(
            f"{listing(sorted(further))} was not swept: there the discovered units alone were "
            "ablated, and q is adjusted over them."
        )
    return block


def _largest(mode: str, table: pd.DataFrame, settings: CardSettings) -> str:
    """Say in a sentence what the ablation does most."""
    row = table.loc[table["drop"].abs().idxmax()]
    if row["drop"] == 0:
        return f"Mode {mode}: accuracy changes in no condition."
    large = table[table["large"]]
    verb = "falls" if row["drop"] > 0 else "rises"
    said = (
        f"Mode {mode}: the change is large in {len(large) or 'none'} of {len(table)} conditions; "
        f"in points it is largest in {settings.label(row['task'])} {row['condition']}, where "
        f"accuracy {verb} from {_percent(row['full_accuracy'])} to {_percent(row['accuracy'])} %."
    )
    near = int((large["full_accuracy"] <= settings.minimum_intact).sum())
    if near:
        said += (
            f" In {near} of the {len(large)} the intact model is right in at most "
            f"{100 * settings.minimum_intact:g} %: hardly anything can be lost there."
        )
    return said


def _dynamics_block(card: UnitCard, settings: CardSettings) -> dict[str, Any]:
    part = card.dynamics
    block = _block("dynamics", "Time courses", part)
    if part.table is None:
        return block
    items, answers = part.about["items"], part.about["answers"]
    figure = dynamics_figure(
        [unit_column(part.table, card.unit, f"unit {card.unit}")],
        items,
        variables=ALL_ROWS,
        width=WIDTH,
        answers=answers,
    )
    task = settings.label(part.about["task"])
    course = _course(part.table, items.subject_position, items.verb_position - 1)
    block["figures"].append(
        _image(
            figure,
            f"Gates, candidate, cell and hidden state of unit {card.unit} at every word of {task}, "
            f"by condition. {course}",
            f"Mean and SD of all variables at every word of {task}, by condition"
            f"{_over(answers)}. The words are an example.",
        )
    )
    block["notes"].append(f"{course} A unit's sign is arbitrary.")
    return block


def _course(rows: pd.DataFrame, subject: int, before_verb: int) -> str:
    """Say what the first of cell, hidden state or gates does from the subject to the verb."""
    for variable in ("cell", "hidden", "forget_gate", *sorted(set(rows["variable"]))):
        chosen = rows[(rows["variable"] == variable) & (rows["n"] > 0)]
        if chosen.empty:
            continue
        mean = chosen.set_index(["condition", "position"])["mean"]
        said = [
            f"{name} {mean[name, subject]:.2f} and {mean[name, before_verb]:.2f}"
            for name in dict.fromkeys(chosen["condition"])
            if (name, subject) in mean.index and (name, before_verb) in mean.index
        ]
        name = variable.replace("_", " ")
        return f"Mean {name} at the subject and before the verb: {', '.join(said)}."
    return ""


def _efferents_block(card: UnitCard, settings: CardSettings) -> dict[str, Any]:
    units, words = card.efferents, card.words
    block = _block("efferents", "Efferent words", units, words)
    if units.table is not None:
        row = units.table.iloc[0]
        block["text"].append(
            f"Its weights to the singular and plural forms of {int(row['n_pairs'])} verbs have "
            f"separability {row['separability']:.2f}: {row['percentile']:.1f} % of the "
            f"{units.about['units']:,} units of the layer have no more. They tell the forms apart "
            f"with AUC {row['auc_folded']:.3f} (q = {_q(row['q'])})."
        )
    if words.table is not None and len(words.table):
        first = words.table.iloc[0]
        columns, sides = {"rank": "number"}, {}
        for direction in ("raised", "lowered"):
            columns |= {direction: "text", f"effect of {direction}": "number"}
            chosen = words.table[words.table["direction"] == direction].sort_values("rank")
            pairs = zip(map(visible, chosen["word"]), chosen["effect"], strict=True)
            sides[direction] = dict(zip(chosen["rank"], pairs, strict=True))
        ranks = sorted({*sides["raised"], *sides["lowered"]})
        rows = [
            (
                str(rank),
                *(
                    cell
                    for side in sides.values()
                    for word, effect in [side.get(rank, ("", float("nan")))]
                    for cell in (word, _signed(effect))
                ),
            )
            for rank in ranks
        ]
        block["tables"].append(_table("Words raised and lowered most", columns, rows))
        block["notes"].append(
            "Effect: decoder weight (centred over the vocabulary) times the unit's mean hidden "
            f"state before the verb, {first['activity']:.2f}, in nats; in the condition of "
            f"{settings.label(words.about['task'])} in which that is largest in size, "
            f"{first['condition']}. Separability: difference of the two means over the sum of the "
            "two SDs."
        )
    return block


def _afferents_block(card: UnitCard, settings: CardSettings) -> dict[str, Any]:
    part = card.afferents
    block = _block("afferents", "Strongest afferents", part)
    if card.layer == 1:
        block["notes"].append("From below, layer 1 reads words, not units.")
    if part.table is None:
        return block
    rows = [
        (
            row.gate.replace("_", " "),
            f"{row.source_layer}{' (own)' if row.connection == 'recurrent' else ''}",
            row.source_lists,
            _signed(row.weight),
            _signed(row.activity_mean),
            _signed(row.input_mean),
            _signed(row.z_mean, 1),
            _signed(row.input_largest),
            _signed(row.z_largest, 1),
        )
        for row in part.table.astype({"gate": str, "connection": str}).itertuples()
    ]
    columns = {"to": "text", "from layer": "text", "unit": "text", "weight": "number"}
    columns |= {"mean activity": "number", "mean input": "number", "z": "number"}
    columns |= {"largest input": "number", "z of largest": "number"}
    caption = f"The {settings.n_afferents} inputs per gate and layer that stand out most"
    block["tables"].append(_table(caption, columns, rows, heads=3))
    task = settings.label(part.about["task"])
    if part.about.get("means"):
        reading = (
            f"Activity: hidden state of the source in {task}{_over(part.about['answers'])}, from "
            "the subject to the word before the verb; largest: of the means by condition and word."
        )
    else:
        reading = (
            f"Activity: hidden state of the source in {task}, from the subject to the word before "
            "the verb; largest: of all items and words before the verb."
        )
    block["notes"].insert(
        0,
        f"Input: weight times activity. z: its distance from the mean input of all sources of that "
        f"layer, in SD. {reading} The sign of a source cancels in its input; an input to the "
        "candidate has the sign of this unit.",
    )
    for layer in part.about["lacking"]:
        block["notes"].append(f"The activity of layer {layer} is not known (`activations.layers`).")
    return block


def _decoding_block(card: UnitCard, settings: CardSettings) -> dict[str, Any]:
    part = card.decoding
    block = _block("decoding", "The subject's number over time", part)
    if part.table is None:
        return block
    about, table = part.about, part.table.sort_values("position")
    items, task = about["items"], settings.label(about["task"])
    places = {} if items is None else {
        "subject": items.subject_position,
        "attractors": items.attractor_positions,
        "verb": items.verb_position,
    }  # fmt: skip
    said = ", ".join(f"{row.word} {row.auc:.2f}" for row in table.itertuples())
    variable = str(about["variable"]).replace("_", " ")
    chosen = about["conditions"]
    if not isinstance(chosen, str):
        chosen = "conditions " + ", ".join(chosen)
    level = "no interval, for lemmas are not known"
    if table["ci_low"].notna().any():
        level = f"{100 * about['confidence']:g} % interval (bootstrap over the subject's lemmas)"
    block["figures"].append(
        _image(
            auc_figure(table, variable=variable, **places),
            f"AUC of the subject's number from the {variable} of unit {card.unit} at every word: "
            f"{said}.",
            f"AUC of the {about['label'].replace('_', ' ')} from its {variable} at every word of "
            f"{task}, {chosen} items; {level}.",
        )
    )
    rows = [
        (row.word, f"{row.auc:.3f}", _interval(row.ci_low, row.ci_high))
        for row in table.itertuples()
    ]
    columns = {"word of an example": "text", "AUC": "number", "interval": "number"}
    block["tables"].append(_table("AUC at every word", columns, rows))
    block["notes"].append(
        "The unit's sign is chosen so that the AUC is at least .5 at the subject; below .5 later "
        "on, the unit says the opposite of the subject's number."
    )
    return block


def _depth_block(card: UnitCard, settings: CardSettings) -> dict[str, Any]:
    depth, span = card.depth, card.span
    block = _block("depth", "Depth and the subject-verb dependency", depth, span)
    if depth.table is not None:
        row = depth.table.iloc[0]
        block["text"].append(
            f"Coefficient of depth: {row['coefficient']:.4f} on average over {row['folds']} folds, "
            f"{row['deviation']:.2f} SD of all units' from {settings.deviations_from}. By size "
            f"that is rank {row['rank']:,} of {row['units']:,} units. It is beyond "
            f"{settings.threshold:g} SD in {row['folds_beyond']} folds"
            f"{': an outlier' if row['outlier'] else ': no outlier'} (needed: beyond on average, "
            f"and in {settings.minimum_folds} folds)."
        )
    if span.table is not None:
        first = span.table.iloc[0]
        rows = [
            (
                settings.label(row.task),
                *(f"{v:.3f}" for v in (row.auc, row.auc_before, row.auc_after)),
            )
            for row in span.table.itertuples()
        ]
        columns = {"structure": "text", "against all": "number", "against before": "number"}
        columns |= {"against after": "number"}
        block["tables"].append(_table("AUC of words inside the dependency", columns, rows))
        block["notes"].append(
            f"Span: how well the cell tells the words from subject to verb from those before and "
            f"after. The score, {first['score']:.3f}, is the least AUC over structures and sides "
            "under the better of the unit's two signs; the table is read with that sign."
        )
    return block


def _over(answers: str | None) -> str:
    return {
        "right": ", over the items that the model answers rightly",
        "all": ", over all items",
    }.get(answers or "", "")


def _percent(value: float) -> str:
    return "" if pd.isna(value) else f"{_zero(round(100 * value, 1)):.1f}"


def _q(value: float) -> str:
    return "" if pd.isna(value) else (f"{value:.3f}" if value >= 0.001 else f"{value:.1e}")


def _signed(value: float, digits: int = 3) -> str:
    return "" if pd.isna(value) else f"{_zero(round(value, digits)):.{digits}f}"


def _interval(low: float, high: float) -> str:
    return "" if pd.isna(low) or pd.isna(high) else f"{low:.3f} to {high:.3f}"


def _zero(value: float) -> float:
    """Turn -0.0 into 0.0, which prints without a sign."""
    return value + 0.0
