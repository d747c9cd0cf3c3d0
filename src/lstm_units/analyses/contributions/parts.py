"""The verb margin split exactly into the contributions of groups of units.

The decoder is linear, so the margin at the verb is a sum over the units of the last layer,
``sum_u hidden_u * (W[correct, u] - W[wrong, u])``, and the difference of two decoder biases, with
the intact model's hidden values after the word before the verb. Layers below act only through the
last one. This is direct logit attribution (Elhage et al. 2021, A Mathematical Framework for
Transformer Circuits) of a difference of two logits; it is exact here, since nothing stands between
the last layer and the decoder. It measures what Lakretz et al. 2019 (Sections 4.2 and 5) remark in
passing: that the long-range units are almost always right, even where the network is wrong.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from torch import Tensor

from lstm_units.errors import InterventionError, UserError
from lstm_units.interventions.context_states import States
from lstm_units.interventions.model_inputs import (
    Compute,
    Context,
    Group,
    intact_states,
    model_metadata,
    sweep_size,
)
from lstm_units.interventions.prefix_trie import build_trie
from lstm_units.interventions.sweep import Items, partition
from lstm_units.interventions.trie_reader import SweepSize, read_intact
from lstm_units.io.results import Result, require_same
from lstm_units.io.unit_columns import arrow_table
from lstm_units.io.unit_numbers import layer_and_index
from lstm_units.models.language_model import LanguageModel

log = logging.getLogger(__name__)

REST, BIAS = "rest", "bias"
# The parts must add up to the margin that the intact model got. Both are sums of float32 products
# there, so a margin of 100 nats is not known to better than the second term.
TOLERANCE, RELATIVE_TOLERANCE = 1e-4, 1e-6


def contributions(
    model: LanguageModel,
    group: Group,
    stimuli: pa.Table,
    context: Context,
    intact: Result,
    long_range: Result,
    short_range: Result,
    compute: Compute,
) -> Result:
    """Split the verb margin of every item of a task into long-range, short-range units and rest.

    Units of lower layers act through the last layer only: they are left out and named in the
    metadata. A unit that is both long-range and short-range counts as long-range.

    Parameters
    ----------
    group : Group
        The items of one task.
    stimuli : pyarrow.Table
        The same, with what is known of their nouns and verbs.
    intact : Result
        ``item, margin, right`` of the intact model.
    long_range, short_range : Result
        JSON whose ``units`` have a ``unit`` each (1-based). Short-range units of the last layer
        whose ``supports_its_number`` is false are named in the metadata, under
        ``config.units.short_range_against``.

    Returns
    -------
    Result
        ``item, condition, right, margin`` (of the intact model), ``long_range, short_range, rest,
        bias`` (which add up to the margin; nats, float32), ``subject_number`` (singular or plural),
        ``subject_lemma, verb_lemma`` (these three null where not known), and ``unit_{number}`` for
        each long-range unit of the last layer.

    Raises
    ------
    UserError
        If the results come from several checkpoints, stimuli or contexts, or if the parts do not
        add up to the margins of `intact` within 1e-4.
    InterventionError
        If the model has no such unit.
    """
    units = _units_of_parts(model.layer_sizes, long_range, short_range)
    metadata = model_metadata(
        "contributions", model, group, **context.metadata(model.vocabulary), units=units
    )
    made = Result(None, metadata, "the contributions")
    require_same(
        *(made, intact),
        stimuli_sha256="version of the stimuli",
        context_sha256="context",
        context_case="case of the context",
    )
    require_same(made, long_range, short_range)
    known = intact.frame
    if not np.array_equal(known["item"], group.number):
        raise UserError(
            f"{intact.source} does not hold the items of the stimuli in their order. Delete it and "
            "run the workflow again"
        )
    states = intact_states(model, context)
    parts = {name: units[name] for name in ("long_range", "short_range")}
    size = sweep_size(compute, model.device)
    split = split_margins(model, group.items, states, parts, size, parts["long_range"])
    sums = [*parts, REST, BIAS]
    _require_sum(split[sums].sum(axis=1).to_numpy(), known, intact.source)
    names = ("subject_number", "subject_lemma", "verb_lemma")
    nouns = pd.DataFrame({name: stimuli[name].to_pylist() for name in names}, dtype=object)
    table = pd.concat(
        [
            known[["item"]].assign(condition=group.condition),
            known[["right", "margin"]],
            split[sums],
            nouns,
            split.drop(columns=sums),
        ],
        axis=1,
    )
    types = dict.fromkeys(["margin", *split.columns], pa.float32())
    return Result(arrow_table(table, item=pa.int32(), **types), metadata, made.source)


def _units_of_parts(
    layer_sizes: Sequence[int], long_range: Result, short_range: Result
) -> dict[str, Any]:
    """Units of the last layer by part, and what was left out or counted elsewhere, 1-based."""
    found: dict[str, list[int]] = {}
    lower: dict[str, list[int]] = {}
    last = len(layer_sizes) - 1
    for name, listed in (("long_range", long_range), ("short_range", short_range)):
        numbers = sorted({int(entry["unit"]) for entry in listed.content["units"]})
        layer = {unit: layer_and_index(layer_sizes, unit)[0] for unit in numbers}
        found[name] = [unit for unit in numbers if layer[unit] == last]
        lower[name] = [unit for unit in numbers if layer[unit] != last]
        if lower[name]:
            log.info(
                "%s units of lower layers act through the last layer only and are left out: %s",
                name.replace("_", "-"),
                ", ".join(map(str, lower[name])),
            )
    both = sorted(set(found["long_range"]) & set(found["short_range"]))
    found["short_range"] = [unit for unit in found["short_range"] if unit not in both]
    if both:
        log.info("counted as long-range, though short-range too: %s", ", ".join(map(str, both)))
    against = {
        int(entry["unit"])
        for entry in short_range.content["units"]
        if entry.get("supports_its_number") is False  # null: not known
    }
    return {
        **found,
        "long_range_in_lower_layers": lower["long_range"],
        "short_range_in_lower_layers": lower["short_range"],
        "both": both,
        "short_range_against": sorted(against - set(lower["short_range"])),
        "n_rest": layer_sizes[-1] - sum(map(len, found.values())),
        "last_layer": last + 1,
    }


def _require_sum(total: np.ndarray, known: pd.DataFrame, source: str) -> None:
    margin = known["margin"].to_numpy().astype(float)
    wrong = ~np.isclose(total, margin, rtol=RELATIVE_TOLERANCE, atol=TOLERANCE)
    if wrong.any():
        worst = int(np.argmax(np.where(wrong, np.abs(total - margin), -1)))
        raise UserError(
            f"the contributions do not add up to the margins of {source} in {int(wrong.sum())} of "
            f"{len(wrong)} items: in item {int(known['item'].iloc[worst])} their sum is "
            f"{total[worst]:.6g}, expected {margin[worst]:.6g} within {TOLERANCE:g}. The file is "
            "out of date or damaged; delete it and run the workflow again"
        )


@torch.inference_mode()
def split_margins(
    model: LanguageModel,
    items: Items,
    states: States,
    parts: Mapping[str, Sequence[int]],
    size: SweepSize | None = None,
    units: Sequence[int] = (),
) -> pd.DataFrame:
    """Split the verb margin of every item into the contributions of its parts.

    Parameters
    ----------
    states : States
        One row: the state after the context.
    parts : mapping of str to sequence of int
        1-based units of the last layer by the name of their part; no unit in two parts. An empty
        part contributes 0.
    size : SweepSize, optional
        How much is computed at a time.
    units : sequence of int
        1-based units of the last layer whose own contribution is wanted too.

    Returns
    -------
    DataFrame
        One row per item: a column per part, ``rest`` (the other units of the last layer) and
        ``bias``, which add up to the margin; then ``unit_{number}`` for each of `units`. float64,
        in nats: the products are formed in float64 whatever the model's precision.

    Raises
    ------
    InterventionError
        If a unit does not exist, is not in the last layer, or is in two parts.
    """
    size = size or SweepSize()
    names = [*parts, REST]
    membership = _membership(model, parts)
    single = [_index_in_last_layer(model, unit) for unit in units]
    values = np.empty((len(items), len(names) + 1 + len(single)))
    for part in partition(model, items, size):
        chosen = items.subset(part)
        trie = build_trie(chosen.prefixes)
        hidden = read_intact(model, trie, states, len(model.layers) - 1, size)
        values[part] = _split(model, chosen, trie.item_node, hidden, membership, single, size)
    columns = [*names, BIAS, *(f"unit_{unit}" for unit in units)]
    return pd.DataFrame(values, columns=columns)


def _split(
    model: LanguageModel,
    items: Items,
    node: np.ndarray,
    hidden: Tensor,
    membership: Tensor,
    single: Sequence[int],
    size: SweepSize,
) -> np.ndarray:
    """Contributions of the parts, the bias and single units, of shape (items, columns)."""
    device, n_parts = model.device, membership.shape[1]
    values = np.empty((len(items), n_parts + 1 + len(single)))
    # Hidden values, two decoder rows, their difference and the products, all in 8 bytes.
    n_rows = max(1, min(4096, int(size.memory / 4 / (5 * 8 * hidden.shape[1]))))
    for first in range(0, len(items), n_rows):
        rows = slice(first, first + n_rows)
        correct, wrong, at_verb = (
            torch.as_tensor(index[rows], device=device)
            for index in (items.correct, items.wrong, node)
        )
        weight = model.decoder_weight[correct].double() - model.decoder_weight[wrong].double()
        products = hidden[at_verb].double() * weight  # (rows, units of the last layer)
        bias = model.decoder_bias[correct].double() - model.decoder_bias[wrong].double()
        values[rows, :n_parts] = (products @ membership).cpu().numpy()
        values[rows, n_parts] = bias.cpu().numpy()
        values[rows, n_parts + 1 :] = products[:, list(single)].cpu().numpy()
    return values


def _membership(model: LanguageModel, parts: Mapping[str, Sequence[int]]) -> Tensor:
    """Which unit of the last layer belongs to which part, the rest last: 0 or 1."""
    owner = np.full(model.layer_sizes[-1], len(parts))
    names = list(parts)
    for number, (name, members) in enumerate(parts.items()):
        for unit in members:
            index = _index_in_last_layer(model, unit)
            if owner[index] != len(parts):
                raise InterventionError(
                    f"unit {unit} stands in {names[owner[index]]} and in {name}; each unit belongs "
                    "to one part, and stands there once"
                )
            owner[index] = number
    one_hot = owner[:, None] == np.arange(len(parts) + 1)
    return torch.as_tensor(one_hot, dtype=torch.float64, device=model.device)


def _index_in_last_layer(model: LanguageModel, unit: int) -> int:
    layer, index = layer_and_index(model.layer_sizes, unit)
    if layer != len(model.layers) - 1:
        raise InterventionError(
            f"unit {unit} is in layer {layer + 1}, but only the last layer, {len(model.layers)}, "
            "is read by the decoder; leave it out of the parts"
        )
    return index
