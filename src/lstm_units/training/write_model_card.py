"""The steps that describe a trained network: its learning curve and its model card."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
from safetensors import safe_open

from lstm_units.io.figure_style import save_figure
from lstm_units.io.files import make_metadata, read_json, sha256_file, write_text
from lstm_units.training.learning_curve import learning_curve
from lstm_units.training.model_card import ModelCard, card_text


def write_learning_curve(
    history: str | Path, run: Mapping[str, Any], outputs: Sequence[str | Path]
) -> None:
    """Draw `lstm_units.training.learning_curve.learning_curve`.

    Parameters
    ----------
    history : path
        See `lstm_units.training.write_training.write_training`.
    run : mapping
        The entry of ``training.runs``.
    outputs : sequence of path
        PDF or PNG.
    """
    figure = learning_curve(pd.read_csv(history))
    metadata = make_metadata(kind="learning curve", config=dict(run), seed=run["seed"])
    for output in outputs:
        save_figure(figure, output, metadata)


def write_model_card(
    name: str,
    run: Mapping[str, Any],
    corpus: Mapping[str, Any],
    statistics: str | Path,
    perplexity: str | Path,
    weights: str | Path,
    intact: Mapping[str, str | Path],
    labels: Mapping[str, str],
    output: str | Path,
) -> None:
    """Write the model card of a trained network.

    Parameters
    ----------
    name, run, corpus
        As in `lstm_units.training.model_card.ModelCard`.
    statistics, perplexity : path
        Its files.
    weights : path
        The weights at the end of the training.
    intact : mapping of str to path
        ``{model}/intact/{task}.parquet`` by task.
    labels : mapping of str to str
        Names of the tasks in print; those that two tasks share get the task's own name behind.
    output : path
        Markdown.
    """
    tables = []
    shared = [label for label, n in Counter(labels[task] for task in intact).items() if n > 1]
    for task, path in intact.items():
        label = labels[task]
        name_in_print = f"{label} ({task})" if label in shared else label
        table = pq.read_table(path, columns=["condition", "right"]).to_pandas()
        table["condition"] = table["condition"].astype(str)
        counts = table.groupby("condition", sort=False)["right"].agg(n="size", right="sum")
        tables.append(counts.reset_index().assign(task=name_in_print))
    with safe_open(weights, framework="np") as handle:
        shapes = [handle.get_slice(key).get_shape() for key in handle.keys()]  # noqa: SIM118
    n_parameters = sum(math.prod(shape) for shape in shapes)
    columns = ["task", "condition", "n", "right"]
    card = ModelCard(
        name=name,
        run=run,
        corpus=corpus,
        statistics=read_json(statistics),
        perplexity=read_json(perplexity),
        accuracy=pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns),
        parameters=n_parameters,
        weights_sha256=sha256_file(weights),
    )
    write_text(card_text(card), output)
