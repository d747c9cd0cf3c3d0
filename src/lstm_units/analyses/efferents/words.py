"""The words that each unit of the last layer raises and lowers most."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.analyses.efferents.weights import last_layer_units
from lstm_units.errors import NotRun, UserError
from lstm_units.io.results import Result, made_from
from lstm_units.io.unit_columns import arrow_table
from lstm_units.models.language_model import LanguageModel
from lstm_units.statistics.margins import condition_rank
from lstm_units.stimuli.aligned_items import AlignedItems

if TYPE_CHECKING:
    from torch import Tensor


def efferent_words(
    model: LanguageModel, dynamics: Result, items: AlignedItems, *, n_words: int
) -> Result:
    """List the words that each unit raises and lowers most at the verb.

    Parameters
    ----------
    dynamics : Result
        From `lstm_units.analyses.dynamics.time_courses.time_courses`. A unit's activity is its mean
        hidden state at the word before the verb.
    items : AlignedItems
        Of the same task.
    n_words : int
        Words per unit and direction.

    Returns
    -------
    Result
        The table of `top_words`.

    Raises
    ------
    UserError
        If the dynamics come from another checkpoint, or lack the hidden state of the last layer.
    """
    metadata = made_from(
        model,
        dynamics,
        kind="efferent words",
        stimuli_sha256=dynamics.metadata.get("stimuli_sha256"),
        config={"task": items.task, "n_words": n_words, **dynamics.config},
    )
    layer, units = len(model.layer_sizes), last_layer_units(model.layer_sizes)
    activity = strongest_activity(dynamics.frame, items.verb_position - 1)
    missing = sorted(set(units.tolist()) - set(activity.index))
    if missing:
        raise UserError(
            f"{dynamics.source} holds no hidden state of unit {missing[0]} of the last layer; dump "
            f"the activations of layer {layer} too, and run the workflow again"
        )
    vocabulary = model.vocabulary.words
    table = top_words(model.decoder_weight, vocabulary, activity.loc[units], layer, n_words)
    return Result(
        arrow_table(table, layer=pa.int16(), rank=pa.int16()), metadata, "the efferent words"
    )


def strongest_activity(dynamics: pd.DataFrame, position: int) -> pd.DataFrame:
    """Each unit's mean hidden state in the condition in which it is largest in size.

    Parameters
    ----------
    dynamics : DataFrame
        From `lstm_units.analyses.dynamics.time_courses.dynamics_table`.
    position : int
        0-based; the word before the verb.

    Returns
    -------
    DataFrame
        Index ``unit``; ``condition``, ``activity`` (with its sign). Of equal sizes counts the first
        condition in the paper's order.

    Raises
    ------
    UserError
        If the hidden state was not dumped, or no condition has an item left.
    """
    rows = dynamics[(dynamics["variable"] == "hidden") & (dynamics["position"] == position)]
    if rows.empty:
        raise UserError(
            "the dynamics hold no hidden state at the word before the verb; dump the variable "
            "hidden too, and run the workflow again"
        )
    rows = rows[rows["mean"].notna()]
    if rows.empty:
        raise NotRun(
            "the model answers no item of this task rightly, so no unit has a mean activity; make "
            "the dynamics of all items, or of another task"
        )
    rows = rows.assign(
        condition=rows["condition"].astype(str),
        size=rows["mean"].abs(),
        rank=[condition_rank(str(name)) for name in rows["condition"]],
    ).sort_values(["unit", "size", "rank"], ascending=[True, False, True], kind="stable")
    first = rows.drop_duplicates("unit").set_index("unit")
    return first[["condition", "mean"]].rename(columns={"mean": "activity"})


def top_words(
    decoder_weight: "Tensor", words: Sequence[str], activity: pd.DataFrame, layer: int, k: int = 10
) -> pd.DataFrame:
    """List the words that each unit of the last layer raises and lowers most.

    The effect on a word is its decoder weight, centred over the vocabulary, times the unit's
    activity. A constant added to all of a unit's weights cancels in the softmax, and so it does
    here. Negating a unit's activity and weights changes no effect.

    Parameters
    ----------
    decoder_weight : Tensor of shape (words, units)
    words : sequence of str
        The vocabulary.
    activity : DataFrame
        From `strongest_activity`; has a row for each unit (column) of `decoder_weight`, in order.
    layer : int
        1-based layer of the units.
    k : int
        Words per direction, at most those there are.

    Returns
    -------
    DataFrame
        ``unit, layer, direction`` ("raised" or "lowered"), ``rank`` (from 1), ``word, weight``
        (centred), ``effect`` (in nats of the logit), ``condition, activity``. Of equal effects, the
        first word of the vocabulary comes first.
    """
    k = min(k, len(words))
    tables = []
    for column, (unit, row) in enumerate(activity.iterrows()):
        weight = decoder_weight[:, column].double().cpu().numpy()
        weight = weight - weight.mean()
        effect = weight * row["activity"]
        for direction, sign in (("raised", -1), ("lowered", 1)):
            chosen = _smallest(sign * effect, k)
            tables.append(
                pd.DataFrame(
                    {
                        "unit": unit,
                        "layer": layer,
                        "direction": direction,
                        "rank": np.arange(1, k + 1),
                        "word": [words[place] for place in chosen],
                        "weight": weight[chosen],
                        "effect": effect[chosen],
                        "condition": row["condition"],
                        "activity": row["activity"],
                    }
                )
            )
    return pd.concat(tables, ignore_index=True)


def _smallest(values: np.ndarray, k: int) -> np.ndarray:
    """Return the places of the k smallest values in rising order; of equal ones the first."""
    candidates = np.flatnonzero(values <= np.partition(values, k - 1)[k - 1])
    return candidates[np.argsort(values[candidates], kind="stable")][:k]
