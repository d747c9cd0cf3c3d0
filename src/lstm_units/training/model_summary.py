"""What is said of a network that was trained here, in Markdown: its model summary.

In code it is a summary of the model; cards are those of units.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import safe_open

from lstm_units.io.files import sha256_file
from lstm_units.io.results import Result
from lstm_units.io.table_formats import format_markdown
from lstm_units.training.corpus import PARTS

_RAREST = 20


@dataclass(frozen=True)
class ModelSummary:
    """What there is to say of a trained network.

    Parameters
    ----------
    name : str
        The training run.
    run : mapping
        Its entry of ``training.runs``.
    corpus : mapping
        The entry of ``training.corpora``.
    statistics : mapping
        ``corpus.json``, see `lstm_units.training.corpus.Corpus`.
    perplexity : mapping
        See `lstm_units.training.run.measure_perplexity`.
    accuracy : DataFrame
        ``task`` (in print), ``condition, n, right`` (number of items).
    parameters : int
        Number of weights.
    """

    name: str
    run: Mapping[str, Any]
    corpus: Mapping[str, Any]
    statistics: Mapping[str, Any]
    perplexity: Mapping[str, Any]
    accuracy: pd.DataFrame
    parameters: int
    weights_sha256: str


def summarise_model(
    name: str,
    run: Mapping[str, Any],
    corpus: Mapping[str, Any],
    statistics: Mapping[str, Any],
    perplexity: Mapping[str, Any],
    weights: str | Path,
    scores: Mapping[str, Result],
    labels: Mapping[str, str],
) -> str:
    """Describe a trained network.

    Parameters
    ----------
    name, run, corpus, statistics, perplexity
        As in `ModelSummary`.
    weights : path
        The weights at the end of the training.
    scores : mapping of str to Result
        ``condition, right`` of the intact model by task.
    labels : mapping of str to str
        Names of the tasks in print; those that two tasks share get the task's own name behind.

    Returns
    -------
    str
        Markdown.
    """
    tables = []
    shared = [label for label, n in Counter(labels[task] for task in scores).items() if n > 1]
    for task, result in scores.items():
        label = labels[task]
        table = result.frame.astype({"condition": str})
        counts = table.groupby("condition", sort=False)["right"].agg(n="size", right="sum")
        shown = f"{label} ({task})" if label in shared else label
        tables.append(counts.reset_index().assign(task=shown))
    with safe_open(weights, framework="np") as handle:
        shapes = [handle.get_slice(key).get_shape() for key in handle.keys()]  # noqa: SIM118
    columns = ["task", "condition", "n", "right"]
    return print_summary(
        ModelSummary(
            name=name,
            run=run,
            corpus=corpus,
            statistics=statistics,
            perplexity=perplexity,
            accuracy=pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns),
            parameters=sum(math.prod(shape) for shape in shapes),
            weights_sha256=sha256_file(weights),
        )
    )


def print_summary(summary: ModelSummary) -> str:
    """Print a summary in Markdown: architecture, text, training, evaluation, words."""
    sections = (
        ("Architecture", _rows(_architecture(summary))),
        ("Training text", _rows(_text(summary)) + _parts(summary)),
        ("Training", _rows(_training(summary))),
        ("Evaluation", _evaluation(summary)),
        ("Words", _words(summary)),
    )
    text = f"# Model card: {summary.name}\n"
    return text + "".join(f"\n## {title}\n\n{body}" for title, body in sections)


def mean_accuracy(accuracy: pd.DataFrame) -> pd.Series:
    """Return the share of right answers in each task: the mean of its conditions.

    Parameters
    ----------
    accuracy : DataFrame
        As in `ModelSummary`.
    """
    shares = accuracy["right"] / accuracy["n"]
    return shares.groupby(accuracy["task"], sort=False).mean()


def _rows(rows: Sequence[tuple[str, str]]) -> str:
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in rows)


def _architecture(summary: ModelSummary) -> list[tuple[str, str]]:
    sizes = summary.run["layers"]
    layers = ", ".join(f"{size:,}" for size in sizes)
    return [
        ("embedding", f"{summary.run['embedding'] or sizes[-1]:,}"),
        ("LSTM layers", f"{len(sizes)}, of {layers} units"),
        (
            "decoder",
            f"{'tied to the embedding' if summary.run['tied'] else 'not tied'}, with a bias",
        ),
        ("vocabulary", f"{summary.statistics['vocabulary']:,} words, case kept"),
        ("parameters", f"{summary.parameters:,}"),
        ("weights stored as", summary.run["stored_as"]),
        ("sha256 of the weights", f"`{summary.weights_sha256}`"),
    ]


def _text(summary: ModelSummary) -> list[tuple[str, str]]:
    corpus = summary.corpus
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


def _parts(summary: ModelSummary) -> str:
    rows = []
    for part in PARTS:
        found = summary.statistics[part]
        rows.append(
            {
                "part": part,
                "articles": f"{summary.statistics['articles'][part]:,}",
                "sentences": f"{found['sentences']:,}",
                "words": f"{found['tokens']:,}",
                "unknown": f"{found['unknown'] / found['tokens']:.2%}",
                "left out, unknown words": f"{found['left_out_for_unknown_words']:,}",
                "left out, not chosen": f"{found['left_out_by_choice']:,}",
            }
        )
    note = "Words include one end-of-sentence mark per sentence; left out are sentences."
    return "\n" + format_markdown(pd.DataFrame(rows), legend=[note])


def _training(summary: ModelSummary) -> list[tuple[str, str]]:
    run = summary.run
    words = run["steps"] * run["batch_size"] * run["window"]
    passes = words / summary.statistics["train"]["tokens"]
    if run["optimizer"] == "adam":
        rate = (
            f"AdamW, rate {run['learning_rate']:g}, {run['warm_up']:,} updates of warm-up, "
            f"cosine to {run['final_rate']:.0%}, weight decay {run['weight_decay']:g}"
        )
    else:
        rate = f"SGD, rate {run['learning_rate']:g}, divided by 4 when validation does not improve"
    softmax = "full"
    if run["softmax"] == "sampled":
        softmax = (
            f"sampled ({run['head']:,} most frequent words and {run['sample']:,} draws of the "
            f"others); full from {run['full_from']:.0%} of the updates on"
        )
    rows = [
        (
            "decoder bias before training",
            "log frequency of the words" if run["initial_bias"] == "frequency" else "0",
        ),
        ("updates", f"{run['steps']:,} of {run['batch_size']} x {run['window']} words"),
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


def _evaluation(summary: ModelSummary) -> str:
    lines = [
        f"Perplexity **{found['perplexity']:.1f}** on the {part} part ({found['tokens']:,} words)."
        for part, found in summary.perplexity.items()
        if part in ("validation", "test")
    ]
    lines.append(
        "By the full softmax with float32 products; ends of sentences and unknown words count too."
    )
    if summary.accuracy.empty:
        return "\n".join(lines) + "\n"
    means = mean_accuracy(summary.accuracy)
    conditions = list(dict.fromkeys(summary.accuracy["condition"]))
    rows = []
    for task, group in summary.accuracy.groupby("task", sort=False):
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


def _words(summary: ModelSummary) -> str:
    required = summary.statistics["required_words"]
    rarest = sorted(required.items(), key=lambda pair: (pair[1], pair[0]))[:_RAREST]
    listed = ", ".join(f"{word} {count:,}" for word, count in rarest)
    text = "How often each word stands in the training part is in `counts.tsv` of the corpus.\n"
    if not required:
        return text
    return text + (
        f"Of the {len(required):,} words that had to be in the vocabulary, the rarest: {listed}.\n"
    )
