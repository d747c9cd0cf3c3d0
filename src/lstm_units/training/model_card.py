"""The model card of a network that was trained here, as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lstm_units.io.table_formats import format_markdown
from lstm_units.training.corpus import PARTS

_RAREST = 20


@dataclass(frozen=True)
class ModelCard:
    """What a model card is made of.

    Parameters
    ----------
    name : str
        The training run.
    run : mapping
        Its entry of ``training.runs``.
    corpus : mapping
        The entry of ``training.corpora``.
    statistics : mapping
        ``corpus.json``, see `lstm_units.training.write_corpus.write_corpus`.
    perplexity : mapping
        See `lstm_units.training.write_training.write_perplexity`.
    accuracy : DataFrame
        ``task`` (in print), ``condition, n, right`` (number of items).
    parameters : int
        Number of weights.
    weights_sha256 : str
    """

    name: str
    run: Mapping[str, Any]
    corpus: Mapping[str, Any]
    statistics: Mapping[str, Any]
    perplexity: Mapping[str, Any]
    accuracy: pd.DataFrame
    parameters: int
    weights_sha256: str


def card_text(card: ModelCard) -> str:
    """Write a model card: architecture, text, training, evaluation, words.

    Parameters
    ----------
    card : ModelCard

    Returns
    -------
    str
        Markdown.
    """
    sections = (
        ("Architecture", _rows(_architecture(card))),
        ("Training text", _rows(_text(card)) + _parts(card)),
        ("Training", _rows(_training(card))),
        ("Evaluation", _evaluation(card)),
        ("Words", _words(card)),
    )
    text = f"# Model card: {card.name}\n"
    return text + "".join(f"\n## {title}\n\n{body}" for title, body in sections)


def mean_accuracy(accuracy: pd.DataFrame) -> pd.Series:
    """Return the accuracy of each task, the mean of its conditions, in the order of the tasks.

    Parameters
    ----------
    accuracy : DataFrame
        As in `ModelCard`.

    Returns
    -------
    Series
        Shares, by task.
    """
    shares = accuracy["right"] / accuracy["n"]
    return shares.groupby(accuracy["task"], sort=False).mean()


def _rows(rows: Sequence[tuple[str, str]]) -> str:
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in rows)


def _architecture(card: ModelCard) -> list[tuple[str, str]]:
    sizes = card.run["layers"]
    layers = ", ".join(f"{size:,}" for size in sizes)
    return [
        ("embedding", f"{card.run['embedding'] or sizes[-1]:,}"),
        ("LSTM layers", f"{len(sizes)}, of {layers} units"),
        ("decoder", f"{'tied to the embedding' if card.run['tied'] else 'not tied'}, with a bias"),
        ("vocabulary", f"{card.statistics['vocabulary']:,} words, case kept"),
        ("parameters", f"{card.parameters:,}"),
        ("weights stored as", card.run["stored_as"]),
        ("sha256 of the weights", f"`{card.weights_sha256}`"),
    ]


def _text(card: ModelCard) -> list[tuple[str, str]]:
    corpus = card.corpus
    rows = [
        ("files", ", ".join(f"`{file}`" for file in corpus["files"])),
        ("largest share of unknown words in a sentence", f"{corpus['maximum_unknown']:.0%}"),
    ]
    if corpus["chosen_words"]:
        rows.append(
            (
                "choice",
                f"training sentences with a word of `{corpus['chosen_words']}`, and "
                f"{corpus['share_of_others']:.0%} of the others",
            )
        )
    return [*rows, ("seed of split and order", str(corpus["seed"]))]


def _parts(card: ModelCard) -> str:
    rows = []
    for part in PARTS:
        found = card.statistics[part]
        rows.append(
            {
                "part": part,
                "articles": f"{card.statistics['articles'][part]:,}",
                "sentences": f"{found['sentences']:,}",
                "words": f"{found['tokens']:,}",
                "unknown": f"{found['unknown'] / found['tokens']:.2%}",
                "left out, unknown words": f"{found['left_out_for_unknown_words']:,}",
                "left out, not chosen": f"{found['left_out_by_choice']:,}",
            }
        )
    note = "Words include one end-of-sentence mark per sentence; left out are sentences."
    return "\n" + format_markdown(pd.DataFrame(rows), legend=[note])


def _training(card: ModelCard) -> list[tuple[str, str]]:
    run = card.run
    words = run["steps"] * run["batch_size"] * run["window"]
    passes = words / card.statistics["train"]["tokens"]
    if run["optimizer"] == "adam":
        rate = (
            f"AdamW, rate {run['learning_rate']:g}, {run['warm_up']:,} steps of warm-up, cosine to "
            f"{run['final_rate']:.0%}, weight decay {run['weight_decay']:g}"
        )
    else:
        rate = f"SGD, rate {run['learning_rate']:g}, divided by 4 when validation does not improve"
    softmax = "full"
    if run["softmax"] == "sampled":
        softmax = (
            f"sampled ({run['head']:,} most frequent words and {run['sample']:,} draws of the "
            f"others); full from {run['full_from']:.0%} of the steps on"
        )
    rows = [
        (
            "decoder bias before training",
            "log frequency of the words" if run["initial_bias"] == "frequency" else "0",
        ),
        ("steps", f"{run['steps']:,} of {run['batch_size']} x {run['window']} words"),
        ("words read", f"{words:,} ({passes:.2f} passes through the text)"),
        ("optimiser", rate),
        ("gradient norm", f"at most {run['clip']:g}"),
        ("dropout", f"{run['dropout']:g}"),
        ("softmax", softmax),
        ("matrix products", run["precision"]),
        ("seed", str(run["seed"])),
    ]
    if run["initial"]:
        rows.insert(0, ("starts from", f"the weights of `{run['initial']}`"))
    return rows


def _evaluation(card: ModelCard) -> str:
    lines = [
        f"Perplexity **{found['perplexity']:.1f}** on the {part} part ({found['tokens']:,} words)."
        for part, found in card.perplexity.items()
        if part in ("validation", "test")
    ]
    lines.append(
        "By the full softmax with float32 products; ends of sentences and unknown words count too."
    )
    if card.accuracy.empty:
        return "\n".join(lines) + "\n"
    means = mean_accuracy(card.accuracy)
    conditions = list(dict.fromkeys(card.accuracy["condition"]))
    rows = []
    for task, group in card.accuracy.groupby("task", sort=False):
        share = (100 * group["right"] / group["n"]).set_axis(group["condition"])
        cells = {c: f"{share[c]:.1f}" if c in share else "" for c in conditions}
        rows.append({"task": task, "mean": f"{100 * means[task]:.1f}", **cells})
    table = format_markdown(pd.DataFrame(rows))
    lines += [
        "",
        f"Agreement accuracy (%) on the tasks of this workflow; mean of {len(means)} tasks "
        f"**{100 * means.mean():.1f}**. Conditions are the numbers of the subject and of the nouns "
        "between it and the verb.",
        "",
    ]
    return "\n".join(lines) + "\n" + table


def _words(card: ModelCard) -> str:
    required = card.statistics["required_words"]
    rarest = sorted(required.items(), key=lambda pair: (pair[1], pair[0]))[:_RAREST]
    listed = ", ".join(f"{word} {count:,}" for word, count in rarest)
    text = "How often each word stands in the training part is in `counts.tsv` of the corpus.\n"
    if not required:
        return text
    return text + (
        f"Of the {len(required):,} words that had to be in the vocabulary, the rarest: {listed}.\n"
    )
