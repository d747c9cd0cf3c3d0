"""A sample of words in which position in the sentence and depth in the tree are uncorrelated."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lstm_units.depth_corpus.sentences import SCHEMA
from lstm_units.errors import StimuliError
from lstm_units.io.results import Result, made_from

log = logging.getLogger(__name__)

SMALLEST = "smallest"
ORDERS = ("file", "shuffled")


@dataclass(frozen=True)
class PositionSample:
    """Words chosen so that every combination of position and depth occurs equally often.

    Parameters
    ----------
    places : DataFrame
        Columns ``sentence`` (int32), ``position`` (int16, 0-based) and ``open_nodes`` (int16);
        sorted by sentence, then position.
    per_cell : int
        Words in each cell.
    available : dict of (int, int) to int
        Words there were for each (position, open_nodes).
    correlations : dict of str to float or None
        Pearson's, of position and open nodes: ``all_words``, ``range`` (the words within the
        ranges, before the choice) and ``sample`` (0, or None with a single position or depth).
    """

    places: pd.DataFrame
    per_cell: int
    available: dict[tuple[int, int], int]
    correlations: dict[str, float | None]


def depth_positions(
    sentences: Result,
    *,
    positions: tuple[int, int],
    open_nodes: tuple[int, int],
    per_cell: int | str,
    order: str,
    seed: int,
) -> tuple[Result, Result]:
    """Choose the words in which position and depth are uncorrelated, and count.

    Parameters
    ----------
    sentences : Result
        From `lstm_units.depth_corpus.corpus.depth_sentences`.
    positions, open_nodes, per_cell, order, seed
        For `choose_positions`.

    Returns
    -------
    places : Result
        ``sentence, position, open_nodes``; see `PositionSample`.
    report : Result
        JSON: how many sentences, words and words in each cell there are.

    Raises
    ------
    StimuliError
        If `sentences` is another table, or the choice is impossible.
    """
    table = sentences.content
    if table.schema.names != SCHEMA.names or table.schema.types != SCHEMA.types:
        raise StimuliError(
            f"{sentences.source} has the columns {', '.join(table.schema.names)}; expected "
            f"{', '.join(SCHEMA.names)} with the types of depth sentences. Delete it and run the "
            "workflow again"
        )
    config = {
        "positions": list(positions),
        "open_nodes": list(open_nodes),
        "per_cell": per_cell,
        "order": order,
    }
    metadata = made_from(sentences, kind="depth_positions", config=config, seed=seed)
    depths = table["open_nodes"].to_pylist()
    sample = choose_positions(depths, tuple(positions), tuple(open_nodes), per_cell, order, seed)
    log.info(
        "%d words of %d sentences, %d in each of %d cells of position and depth",
        len(sample.places),
        sample.places["sentence"].nunique(),
        sample.per_cell,
        len(sample.available),
    )
    places = pa.Table.from_pandas(sample.places, preserve_index=False).replace_schema_metadata()
    report = {**sentences.metadata.get("counts", {}), **_describe(table, sample)}
    return Result(places, metadata, "the positions"), Result(report, metadata, "the report")


def _describe(table: pa.Table, sample: PositionSample) -> dict[str, Any]:
    """Count what the sentences and the sample have."""
    sentences = table["tokens"].to_pylist()
    lengths = Counter(table["length"].to_pylist())
    chosen = Counter(
        zip(sample.places["position"].tolist(), sample.places["open_nodes"].tolist(), strict=True)
    )
    by_position: dict[int, list[int]] = {}
    for counts in table["open_nodes"].to_pylist():
        for position, depth in enumerate(counts):
            by_position.setdefault(position, []).append(depth)
    return {
        "sentences": len(sentences),
        "words": sum(map(len, sentences)),
        "word_types": len({word for tokens in sentences for word in tokens}),
        "sentences_per_length": {str(length): lengths[length] for length in sorted(lengths)},
        # By position, from 0.
        "mean_open_nodes": [
            round(sum(values) / len(values), 4) for _, values in sorted(by_position.items())
        ],
        "cells": [
            {
                "position": position,
                "open_nodes": depth,
                "before": before,
                "after": chosen[position, depth],
            }
            for (position, depth), before in sample.available.items()
        ],
        "per_cell": sample.per_cell,
        "places": len(sample.places),
        "sentences_with_places": int(sample.places["sentence"].nunique()),
        "correlation": {
            name: None if value is None else round(value, 6)
            for name, value in sample.correlations.items()
        },
    }


def choose_positions(
    depths: Sequence[Sequence[int]],
    positions: tuple[int, int],
    open_nodes: tuple[int, int],
    per_cell: int | str,
    order: str,
    seed: int,
) -> PositionSample:
    """Choose words so that position and depth are uncorrelated (Lakretz et al. 2019, Section 4.3).

    Every cell, a position with a depth, gets the same number of words. The choice is greedy:
    sentence after sentence and word after word, a word is taken while its cell has room. In the
    order of the file this recovers the 4,032 words of the paper from its released sentences.

    Parameters
    ----------
    depths : sequence of sequences of int
        Open nodes of each word of each sentence.
    positions : (int, int)
        First and last, 0-based, both included.
    open_nodes : (int, int)
        Least and greatest depth, both included.
    per_cell : int or "smallest"
        Words in each cell; ``"smallest"``: as many as the smallest cell has.
    order : {"file", "shuffled"}
        ``shuffled`` goes through the sentences in an order drawn with `seed`, so that short
        sentences, which stand first, are not favoured.

    Raises
    ------
    StimuliError
        If a range, `per_cell` or `order` is impossible, or a cell has too few words.
    """
    _check_ranges(positions, open_nodes, per_cell, order)
    cells = [
        (position, depth)
        for position in range(positions[0], positions[1] + 1)
        for depth in range(open_nodes[0], open_nodes[1] + 1)
    ]
    words = [
        (sentence, position, depth)
        for sentence, counts in enumerate(depths)
        for position, depth in enumerate(counts)
    ]
    counted = Counter((position, depth) for _, position, depth in words)
    available = {cell: counted[cell] for cell in cells}
    size = _cell_size(available, per_cell)
    ranks = list(range(len(depths)))
    if order == "shuffled":
        generator = np.random.default_rng([seed, len(ranks)])
        ranks = generator.permutation(len(ranks)).tolist()
    room = dict.fromkeys(cells, size)
    chosen = []
    for sentence in ranks:
        for position, depth in enumerate(depths[sentence]):
            if room.get((position, depth), 0):
                room[position, depth] -= 1
                chosen.append((sentence, position, depth))
    places = pd.DataFrame(sorted(chosen), columns=["sentence", "position", "open_nodes"])
    places = places.astype({"sentence": "int32", "position": "int16", "open_nodes": "int16"})
    if scaled_covariance(places["position"], places["open_nodes"]) != 0:
        raise AssertionError("position and depth are correlated although all cells are equal")
    inside = [word for word in words if word[1:] in available]
    correlations = {
        name: _correlation([word[1] for word in some], [word[2] for word in some])
        for name, some in (("all_words", words), ("range", inside), ("sample", chosen))
    }
    return PositionSample(places, size, available, correlations)


def scaled_covariance(first: Sequence[int], second: Sequence[int]) -> int:
    """Return n times the sum of products minus the product of sums: exact for whole numbers.

    Parameters
    ----------
    first, second : sequence of int
        Equally long.

    Returns
    -------
    int
        0 exactly where Pearson's correlation is 0 or not defined.
    """
    first, second = [int(value) for value in first], [int(value) for value in second]
    products = sum(a * b for a, b in zip(first, second, strict=True))
    return len(first) * products - sum(first) * sum(second)


def _correlation(first: Sequence[int], second: Sequence[int]) -> float | None:
    variances = scaled_covariance(first, first) * scaled_covariance(second, second)
    return scaled_covariance(first, second) / variances**0.5 if variances else None


def _check_ranges(positions, open_nodes, per_cell, order) -> None:
    for name, (first, last), least in (
        ("positions", positions, 0),
        ("open_nodes", open_nodes, 1),
    ):
        if not least <= first <= last:
            raise StimuliError(
                f"{name} is [{first}, {last}]; write a first of {least} or more and a last that is "
                "not below it"
            )
    whole = isinstance(per_cell, int) and not isinstance(per_cell, bool)
    if per_cell != SMALLEST and not (whole and per_cell >= 1):
        raise StimuliError(
            f"per_cell is {per_cell!r}; write a whole number of 1 or more, or {SMALLEST}"
        )
    if order not in ORDERS:
        raise StimuliError(f"order is {order!r}; write {' or '.join(ORDERS)}")


def _cell_size(available: dict[tuple[int, int], int], per_cell: int | str) -> int:
    smallest = min(available.values())
    wanted = smallest if per_cell == SMALLEST else int(per_cell)
    short = {cell: found for cell, found in available.items() if found < max(wanted, 1)}
    if not short:
        return wanted
    listed = "; ".join(
        f"position {position} with {depth} open nodes has {found}"
        for (position, depth), found in sorted(short.items())[:12]
    )
    more = f"; and {len(short) - 12} more" if len(short) > 12 else ""
    advice = "give more sentences, or narrow the ranges of positions and open_nodes"
    if smallest:
        advice = f"set per_cell to {SMALLEST} (it would be {smallest}), {advice}"
    raise StimuliError(
        f"{len(short)} of {len(available)} cells of position and depth have too few words, where "
        f"{max(wanted, 1)} are needed: {listed}{more}. What to do: {advice}"
    )
