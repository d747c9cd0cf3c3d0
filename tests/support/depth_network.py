"""A small network in which depth can be read from two known units, and the language it reads.

Every word of the language opens a node, and its name says how many nodes close after it: ``c2_05``
closes two. The depth of a word is the number of nodes that are open there, its own among them. In
layer 1 unit `CLOSINGS` holds how many nodes close after the present word; in layer 2 unit `LEFT`
adds up, over all words so far, one node less those that close. Depth is the sum of the two (in the
units' own scale), and both keep to the part of tanh that is straight. All other units are those of
an untrained network.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from support.layer_weights import OPEN, SHUT, LayerWeights

from lstm_units.io.files import make_metadata, write_parquet
from lstm_units.models.language_model import LanguageModel, Layer
from lstm_units.models.untrained import untrained_like
from lstm_units.models.vocabulary import Vocabulary

LAYER_SIZES = (40, 60)
CLOSINGS = 8  # of layer 1
LEFT = LAYER_SIZES[0] + 21  # of layer 2
CONTEXT = "c0_00 c0_01 .\n"
_MOST = 3  # nodes that close after a word
_VARIANTS = 6  # words that close the same number
_EMBEDDING = 8
_SCALE = 0.01  # of both units: 12 open nodes are still in the straight part of tanh


def vocabulary() -> list[str]:
    words = [f"c{n}_{variant:02d}" for n in range(_MOST + 1) for variant in range(_VARIANTS)]
    return ["<unk>", "<eos>", ".", *words]


def depth_network(seed: int = 0) -> LanguageModel:
    """Build the network."""
    words = vocabulary()
    shape = LanguageModel(
        vocabulary=Vocabulary(tuple(words)),
        embedding=torch.zeros(len(words), _EMBEDDING),
        layers=tuple(
            Layer(torch.zeros(4 * n, inputs), torch.zeros(4 * n, n), torch.zeros(4 * n))
            for inputs, n in ((_EMBEDDING, LAYER_SIZES[0]), LAYER_SIZES)
        ),
        decoder_weight=torch.zeros(len(words), LAYER_SIZES[1]),
        decoder_bias=torch.zeros(len(words)),
    )
    model = untrained_like(shape, seed)
    # The first dimension says how many nodes close, so other units see it too.
    model.embedding[:, 0] = torch.tensor([_closings(word) for word in words])
    lower, upper = (LayerWeights(w.weight_ih, w.weight_hh, w.bias) for w in model.layers)
    lower.plant(CLOSINGS - 1, input=OPEN, forget=SHUT, candidate=0, output=OPEN)
    lower.connect("candidate", CLOSINGS - 1, [0], _SCALE)
    left = LEFT - LAYER_SIZES[0] - 1
    upper.plant(left, input=OPEN, forget=OPEN, candidate=_SCALE, output=OPEN)
    upper.connect("candidate", left, [CLOSINGS - 1], -1.0)
    return replace(model, sha256="")


def _closings(word: str) -> float:
    return float(word[1]) if word[0] == "c" else 0.0


def make_sentences(n: int, length: int = 12, seed: int = 0) -> list[tuple[list[str], list[int]]]:
    """Draw distinct sentences: their words and the depth of each."""
    rng = np.random.default_rng(seed)
    sentences: dict[tuple[str, ...], list[int]] = {}
    while len(sentences) < n:
        open_nodes, words, depths = 0, [], []
        for _ in range(length):
            open_nodes += 1
            # The first node stays open; more closes where more is open, so depth has no trend.
            most = min(_MOST, open_nodes - 1)
            closing = int(rng.binomial(most, min(1.0, open_nodes / 8)))
            depths.append(open_nodes)
            words.append(f"c{closing}_{rng.integers(_VARIANTS):02d}")
            open_nodes -= closing
        sentences.setdefault(tuple(words), depths)
    return [(list(words), depths) for words, depths in sentences.items()]


def write_depth_corpus(
    folder: Path, n: int = 150, positions: range = range(4, 10), seed: int = 0
) -> tuple[Path, Path, Path]:
    """Write sentences, all words at some positions as the sample, and word counts."""
    corpus = make_sentences(n, seed=seed)
    sentences, sampled, counts = (
        folder / name for name in ("sentences.parquet", "positions.parquet", "counts.tsv")
    )
    table = pa.table(
        {
            "sentence": pa.array(range(n), pa.int32()),
            "tokens": pa.array([words for words, _ in corpus], pa.list_(pa.string())),
            "open_nodes": pa.array([depths for _, depths in corpus], pa.list_(pa.int16())),
            "length": pa.array([len(words) for words, _ in corpus], pa.int16()),
        }
    )
    write_parquet(table, sentences, make_metadata(kind="test"))
    rows = [(s, p, corpus[s][1][p]) for s in range(n) for p in positions]
    number, position, depth = zip(*rows, strict=True)
    table = pa.table(
        {
            "sentence": pa.array(number, pa.int32()),
            "position": pa.array(position, pa.int16()),
            "open_nodes": pa.array(depth, pa.int16()),
        }
    )
    write_parquet(table, sampled, make_metadata(kind="test"))
    rng = np.random.default_rng([seed, 1])
    lines = [f"{word}\t{rng.integers(1, 10_000)}\n" for word in vocabulary()]
    counts.write_text("".join(lines), encoding="utf-8")
    return sentences, sampled, counts
