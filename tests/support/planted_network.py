"""A small network in which one unit is known to carry plural subjects over attractors.

Layer 1 notices "The" (units 1 and 2) and a plural noun right after it (units 3 and 4), each twice,
so that no single one of them is needed. Unit `PLURAL_UNIT` of layer 2 forgets at "The" and stores
such a noun until the verb. The decoder prefers singular verbs unless that unit speaks. The other
units are small random ones.
"""

from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import save_file
from support.layer_weights import OPEN, SHUT, LayerWeights
from torch import Tensor

LAYER_SIZES = (5, 3)
PLURAL_UNIT = 7
_NOISE = 4  # further dimensions of the embedding, read by the random units


def lexicon_rows(language: Path) -> list[tuple[str, str, str]]:
    """Category, singular and plural form of each row of a lexicon."""
    lines = (language / "lexicon.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    return [(row[0], row[2], row[3] or row[2]) for row in rows]


def vocabulary_of(language: Path, context: Path | None = None) -> list[str]:
    """Every word that the tasks of a language and a context can contain."""
    words = {form for _, *forms in lexicon_rows(language) for form in forms}
    words |= set(context.read_text(encoding="utf-8").split()) if context else set()
    words |= {"The", "the", "that", "and", "."}
    return ["<unk>", "<eos>", *sorted(words - {"<unk>", "<eos>", ""})]


def planted_tensors(words: Iterable[str], language: Path, seed: int = 0) -> dict[str, Tensor]:
    """The weights, under the names of the usual state dict."""
    words = list(words)
    index = {word: row for row, word in enumerate(words)}
    rows = lexicon_rows(language)
    generator = torch.Generator().manual_seed(seed)

    def small(*shape):
        return 0.3 * torch.randn(*shape, generator=generator)

    embedding = torch.zeros(len(words), 2 + _NOISE)
    embedding[:, 2:] = small(len(words), _NOISE)
    embedding[index["The"], 0] = 1
    for category, singular, plural in rows:
        if category == "person" and plural != singular:
            embedding[index[plural], 1] = 1

    first, second = LAYER_SIZES
    lower = LayerWeights.drawn(small, 2 + _NOISE, first)
    upper = LayerWeights.drawn(small, first, second)
    for unit in range(4):
        lower.plant(unit, input=SHUT, forget=SHUT, candidate=5, output=OPEN)
    for unit in (0, 1):  # the word is "The"
        lower.connect("input", unit, [0], 40)
    for unit in (2, 3):  # a plural noun, and the word before it was "The"
        lower.connect("input", unit, [1], 80)
        lower.connect("input", unit, [0, 1], 40, recurrent=True)
        lower.bias[lower.row("input", unit)] = -94
    stored = PLURAL_UNIT - first - 1
    upper.plant(stored, input=-15.2, forget=15.2, candidate=5, output=OPEN)
    upper.connect("input", stored, [2, 3], 40)
    upper.connect("forget", stored, [0, 1], -40)

    decoder, decoder_bias = small(len(words), second), torch.zeros(len(words))
    decoder[:, stored] = 0
    for category, singular, plural in rows:
        if category == "verb":
            for form, sign in ((singular, 1.0), (plural, -1.0)):
                decoder_bias[index[form]] = sign
                decoder[index[form], stored] = -3 * sign
    tensors = {"encoder.weight": embedding}
    for depth, weights in enumerate((lower, upper)):
        tensors[f"rnn.weight_ih_l{depth}"] = weights.weight_ih
        tensors[f"rnn.weight_hh_l{depth}"] = weights.weight_hh
        tensors[f"rnn.bias_ih_l{depth}"] = weights.bias
        tensors[f"rnn.bias_hh_l{depth}"] = torch.zeros_like(weights.bias)
    return {**tensors, "decoder.weight": decoder, "decoder.bias": decoder_bias}


def write_planted_network(folder: Path, language: Path, context: Path) -> None:
    """Write ``model.safetensors`` and ``vocab.txt``."""
    folder.mkdir(parents=True, exist_ok=True)
    words = vocabulary_of(language, context)
    save_file(planted_tensors(words, language), folder / "model.safetensors")
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
