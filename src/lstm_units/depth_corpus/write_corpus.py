"""The steps of an experiment that make the depth corpus and choose its words."""

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from lstm_units.depth_corpus.generation import generate_depth_corpus
from lstm_units.depth_corpus.grammar_file import read_grammar
from lstm_units.depth_corpus.positions import PositionSample, choose_positions
from lstm_units.depth_corpus.sentences import (
    make_sentence_table,
    read_depth_sentences,
    read_sentence_table,
    sentences_sha256,
    without_duplicates,
)
from lstm_units.io.files import (
    lineage,
    make_metadata,
    read_metadata,
    sha256_file,
    write_json,
    write_parquet,
)

_LOGGER = logging.getLogger(__name__)


def write_generated_depth_sentences(
    grammar: str | Path,
    per_length: int,
    lengths: tuple[int, int],
    seed: int,
    output: str | Path,
) -> None:
    """Generate the sentences of the depth corpus.

    Parameters
    ----------
    grammar : path
        Such as ``stimuli/english/depth_grammar.txt``.
    per_length, lengths, seed
        As in `lstm_units.depth_corpus.generation.generate_depth_corpus`.
    output : path
        ``stimuli/depth/sentences.parquet``.
    """
    rules = read_grammar(grammar)
    corpus = generate_depth_corpus(rules, per_length, tuple(lengths), seed)
    table = make_sentence_table(corpus.sentences)
    config = {
        "grammar_sha256": sha256_file(grammar),
        "per_length": per_length,
        "lengths": list(lengths),
    }
    counts = {
        "from": "grammar",
        "productions": len(rules.productions),
        "productions_with_bracket": sum(p.label is not None for p in rules.productions),
        "word_types_of_grammar": len(rules.word_types),
        "drawn_anew": corpus.exhausted,
        "fewer_than_wanted": {
            str(length): found for length, found in corpus.per_length.items() if found < per_length
        },
    }
    _write_sentences(table, output, config=config, counts=counts, seed=seed)


def write_imported_depth_sentences(file: str | Path, output: str | Path) -> None:
    """Import sentences with their trees, in the format that Lakretz et al. (2019) released.

    Parameters
    ----------
    file : path
        As in `lstm_units.depth_corpus.sentences.read_depth_sentences`. Of sentences with the same words
        the first is kept.
    output : path
        ``stimuli/depth/sentences.parquet``.
    """
    read = read_depth_sentences(file)
    kept = without_duplicates(read)
    if len(kept) < len(read):
        _LOGGER.info(
            "%s: %d of %d sentences left out as duplicates", file, len(read) - len(kept), len(read)
        )
    counts = {"from": "file", "sentences_in_file": len(read), "duplicates": len(read) - len(kept)}
    config = {"file_sha256": sha256_file(file)}
    _write_sentences(make_sentence_table(kept), output, config=config, counts=counts)


def _write_sentences(table: pa.Table, output: str | Path, **fields: Any) -> None:
    hashed = sentences_sha256(table)
    write_parquet(
        table, output, make_metadata(kind="depth_sentences", stimuli_sha256=hashed, **fields)
    )


def write_depth_positions(
    sentences: str | Path,
    positions: tuple[int, int],
    open_nodes: tuple[int, int],
    per_cell: int | str,
    order: str,
    seed: int,
    output: str | Path,
    report: str | Path,
) -> None:
    """Choose the words in which position and depth are uncorrelated, and count.

    Parameters
    ----------
    sentences : path
        ``stimuli/depth/sentences.parquet``.
    positions, open_nodes, per_cell, order, seed
        As in `lstm_units.depth_corpus.positions.choose_positions`.
    output : path
        ``stimuli/depth/positions.parquet``.
    report : path
        ``stimuli/depth/report.json``.
    """
    table = read_sentence_table(sentences)
    depths = table["open_nodes"].to_pylist()
    sample = choose_positions(depths, tuple(positions), tuple(open_nodes), per_cell, order, seed)
    config = {
        "positions": list(positions),
        "open_nodes": list(open_nodes),
        "per_cell": per_cell,
        "order": order,
    }
    metadata = lineage([sentences], kind="depth_positions", config=config, seed=seed)
    schema = pa.schema(
        [("sentence", pa.int32()), ("position", pa.int16()), ("open_nodes", pa.int16())]
    )
    places = pa.Table.from_pandas(sample.places, schema=schema, preserve_index=False)
    counts = read_metadata(sentences).get("counts", {})
    write_json({**counts, **_describe(table, sample)}, report, metadata)
    # Without what pandas adds about its own index and version.
    write_parquet(places.replace_schema_metadata(), output, metadata)
    _LOGGER.info(
        "%d words of %d sentences, %d in each of %d cells of position and depth",
        len(sample.places),
        sample.places["sentence"].nunique(),
        sample.per_cell,
        len(sample.available),
    )


def _describe(table: pa.Table, sample: PositionSample) -> dict[str, Any]:
    """Count what the sentences and the sample have."""
    sentences = table["tokens"].to_pylist()
    depths = table["open_nodes"].to_pylist()
    lengths = Counter(table["length"].to_pylist())
    chosen = Counter(
        zip(sample.places["position"].tolist(), sample.places["open_nodes"].tolist(), strict=True)
    )
    by_position: dict[int, list[int]] = {}
    for counts in depths:
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
            {"position": position, "open_nodes": depth, "before": before, "after": after}
            for (position, depth), before in sample.available.items()
            for after in [chosen[position, depth]]
        ],
        "per_cell": sample.per_cell,
        "places": len(sample.places),
        "sentences_with_places": int(sample.places["sentence"].nunique()),
        "correlation": {
            name: None if value is None else round(value, 6)
            for name, value in sample.correlations.items()
        },
    }
