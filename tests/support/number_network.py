"""A small network in which it is known which units carry number, near and far.

Layer 1 notices "The", a singular and a plural noun, and a singular and a plural noun right after
"The"; each of the latter three pairs is there twice, so that no single one of them is needed. In
layer 2, two long-range units forget at "The" and store a singular or a plural subject until the
verb; the short-range unit keeps the number of the last noun, whichever it is. Two decoys do one
half of what a short-range unit does: one keeps the number of the last noun but is not read by verb
forms, the other is read by them but knows no number. The rest are small random units.
"""

from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from support.layer_weights import GATES, OPEN, SHUT, LayerWeights
from support.planted_network import lexicon_rows, vocabulary_of

from lstm_units.models.checkpoints import CheckpointSource, convert_checkpoint
from lstm_units.models.language_model import LanguageModel, Layer
from lstm_units.models.vocabulary import Vocabulary

LOWER = ("The", "The", "S", "S", "P", "P", "noun S", "noun P", "noise", "noise", "", "")
UPPER = ("long S", "", "long P", "short", "mute", "deaf", "", "")
LONG_RANGE = {
    len(LOWER) + 1 + UPPER.index(f"long {n[0].upper()}"): n for n in ("singular", "plural")
}
SHORT_RANGE = len(LOWER) + 1 + UPPER.index("short")
MUTE = len(LOWER) + 1 + UPPER.index("mute")  # swaps, but verb forms do not read it
DEAF = len(LOWER) + 1 + UPPER.index("deaf")  # verb forms read it, but it knows no number
LAYER_SIZES = (len(LOWER), len(UPPER))
_NOISE = 4  # further dimensions of the embedding, read by the random units


def _places(names: tuple[str, ...], name: str) -> list[int]:
    return [place for place, other in enumerate(names) if other == name]


def number_network(language: Path, context: Path, seed: int = 0) -> LanguageModel:
    """Build the network over the words of a language and of the context."""
    words = vocabulary_of(language, context)
    index = {word: row for row, word in enumerate(words)}
    generator = torch.Generator().manual_seed(seed)

    def small(*shape, scale=0.3):
        return scale * torch.randn(*shape, generator=generator)

    embedding = torch.cat([torch.zeros(len(words), 3), small(len(words), _NOISE)], dim=1)
    embedding[index["The"], 0] = 1
    verbs = []
    for category, singular, plural in lexicon_rows(language):
        if category in ("person", "place"):
            embedding[index[singular], 1] = 1
            embedding[index[plural], 2] = 1
        elif category.endswith("verb") and singular != plural:
            verbs.append((index[singular], index[plural]))

    lower = LayerWeights.drawn(small, 3 + _NOISE, len(LOWER))
    noise = range(3, 3 + _NOISE)
    for unit, name in enumerate(LOWER):
        if name == "noise":  # has nothing from the nouns' number, through no other unit either
            own = small(4, _NOISE, scale=1.0)
            lower.plant(unit, input=0, forget=0, candidate=0, output=0)
            for gate, weights in zip(GATES, own, strict=True):
                lower.connect(gate, unit, noise, weights)
        elif name:
            lower.plant(unit, input=SHUT, forget=SHUT, candidate=5, output=OPEN)
    for name, dimension in (("The", 0), ("noun S", 1), ("noun P", 2)):
        for unit in _places(LOWER, name):
            lower.connect("input", unit, [dimension], 40)
    for name, dimension in (("S", 1), ("P", 2)):  # such a noun, and the word before it was "The"
        for unit in _places(LOWER, name):
            lower.connect("input", unit, [dimension], 80)
            lower.connect("input", unit, _places(LOWER, "The"), 40, recurrent=True)
            lower.bias[lower.row("input", unit)] = -94

    upper = LayerWeights.drawn(small, len(LOWER), len(UPPER))
    nouns = _places(LOWER, "noun S"), _places(LOWER, "noun P")
    for unit, name in enumerate(UPPER):
        if name.startswith("long"):
            upper.plant(unit, input=-15.2, forget=15.2, candidate=5, output=OPEN)
            upper.connect("input", unit, _places(LOWER, name[-1]), 40)
            upper.connect("forget", unit, _places(LOWER, "The"), -40)
        elif name in ("short", "mute"):
            upper.plant(unit, input=-15.2, forget=15.2, candidate=0, output=OPEN)
            upper.connect("input", unit, [*nouns[0], *nouns[1]], 40)
            upper.connect("forget", unit, [*nouns[0], *nouns[1]], -40)
            upper.connect("candidate", unit, nouns[0], 5)
            upper.connect("candidate", unit, nouns[1], -5)
        elif name == "deaf":
            upper.plant(unit, input=0, forget=0, candidate=0, output=OPEN)
            upper.connect("candidate", unit, _places(LOWER, "noise"), 3)

    decoder = small(len(words), len(UPPER), scale=0.1)
    for unit, name in enumerate(UPPER):
        strength = {"long S": 3.0, "long P": -3.0, "short": 1.0, "deaf": 0.5}.get(name, 0.0)
        for singular, plural in verbs:
            decoder[singular, unit] += strength
            decoder[plural, unit] -= strength
    return LanguageModel(
        vocabulary=Vocabulary(tuple(words)),
        embedding=embedding,
        layers=(lower.layer(), upper.layer()),
        decoder_weight=decoder,
        decoder_bias=torch.zeros(len(words)),
    )


def flip_sign(model: LanguageModel, unit: int) -> LanguageModel:
    """Negate a unit (1-based): its candidate, and every weight that reads its hidden state.

    Cell and hidden state change their sign, and everything else stays as it is.
    """
    depth, index = 0, unit - 1
    while index >= model.layer_sizes[depth]:
        index -= model.layer_sizes[depth]
        depth += 1
    layers = [
        Layer(layer.weight_ih.clone(), layer.weight_hh.clone(), layer.bias.clone())
        for layer in model.layers
    ]
    own = layers[depth]
    candidate = 2 * own.size + index
    for part in (own.weight_ih, own.weight_hh, own.bias):
        part[candidate] *= -1
    own.weight_hh[:, index] *= -1
    decoder = model.decoder_weight.clone()
    reader = layers[depth + 1].weight_ih if depth + 1 < len(layers) else decoder
    reader[:, index] *= -1
    return replace(model, layers=tuple(layers), decoder_weight=decoder)


def save_checkpoint(model: LanguageModel, folder: Path, *, tied: bool = False) -> Path:
    """Write a model as a converted checkpoint, and return its folder."""
    tensors = {"encoder.weight": model.embedding, "decoder.bias": model.decoder_bias}
    if not tied:
        tensors["decoder.weight"] = model.decoder_weight
    for depth, layer in enumerate(model.layers):
        tensors[f"rnn.weight_ih_l{depth}"] = layer.weight_ih
        tensors[f"rnn.weight_hh_l{depth}"] = layer.weight_hh
        tensors[f"rnn.bias_ih_l{depth}"] = layer.bias
        tensors[f"rnn.bias_hh_l{depth}"] = torch.zeros_like(layer.bias)
    source = folder / "source"
    source.mkdir(parents=True, exist_ok=True)
    save_file({n: t.contiguous() for n, t in tensors.items()}, source / "model.safetensors")
    words = "".join(f"{word}\n" for word in model.vocabulary.words)
    (source / "vocab.txt").write_text(words, encoding="utf-8")
    words = {"unk": model.vocabulary.unk, "eos": model.vocabulary.eos}
    convert_checkpoint(CheckpointSource(source, **words), folder / "checkpoint")
    return folder / "checkpoint"
