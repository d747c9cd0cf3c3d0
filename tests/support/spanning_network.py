"""A small network with one unit that spans the dependency of subject and main verb, by design.

Layer 1 notices "The", a noun right after it (the subject), and the main verb: a verb that no "that"
waits for. For this a unit remembers an open relative clause, from "that" to the next verb. In layer
2 one unit opens at the subject and closes at the main verb. The other units are random, and read
nothing from these.
"""

from pathlib import Path

import torch
from support.layer_weights import OPEN, SHUT, LayerWeights
from support.planted_network import lexicon_rows, vocabulary_of

from lstm_units.models.language_model import LanguageModel
from lstm_units.models.vocabulary import Vocabulary

LOWER = ("The", "subject", "clause", "main verb", "", "")
LAYER_SIZES = (len(LOWER), 8)
SPANNING = len(LOWER) + 1  # 1-based number of the planted unit
_NOISE = 4  # further dimensions of the embedding, read by the random units


def spanning_network(language: Path, context: Path, seed: int = 0) -> LanguageModel:
    """Build the network over the words of a language and of the context."""
    words = vocabulary_of(language, context)
    index = {word: row for row, word in enumerate(words)}
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return 0.7 * torch.randn(*shape, generator=generator)

    embedding = torch.cat([torch.zeros(len(words), 4), normal(len(words), _NOISE)], dim=1)
    embedding[index["The"], 0] = 1
    embedding[index["that"], 2] = 1
    for category, *forms in lexicon_rows(language):
        if category in ("person", "place", "name"):
            embedding[[index[form] for form in forms], 1] = 1
        elif category in ("verb", "matrix_verb"):
            embedding[[index[form] for form in forms], 3] = 1

    the, subject, clause, verb = (LOWER.index(n) for n in ("The", "subject", "clause", "main verb"))
    lower = LayerWeights.drawn(normal, 4 + _NOISE, len(LOWER))
    lower.weight_ih[:, :4] = lower.weight_hh[:, :4] = 0
    for unit in (the, subject, verb):  # hold nothing beyond the word
        lower.plant(unit, input=SHUT, forget=SHUT, candidate=5, output=OPEN)
    lower.connect("input", the, [0], 40)
    lower.connect("input", subject, [1], 40)
    lower.connect("input", subject, [the], 60, recurrent=True)
    lower.bias[lower.row("input", subject)] = -63  # both: 40 + 60 tanh(1) = 86
    lower.plant(clause, input=SHUT, forget=OPEN, candidate=5, output=OPEN)
    lower.connect("input", clause, [2], 40)
    lower.connect("forget", clause, [3], -40)
    lower.connect("input", verb, [3], 40)
    lower.connect("input", verb, [clause], -60, recurrent=True)

    upper = LayerWeights.drawn(normal, len(LOWER), LAYER_SIZES[1])
    upper.weight_ih[:, :4] = upper.weight_hh[:, :1] = 0
    upper.plant(0, input=-15.2, forget=15.2, candidate=5, output=OPEN)
    upper.connect("input", 0, [subject], 40)
    upper.connect("forget", 0, [the, verb], -40)
    return LanguageModel(
        vocabulary=Vocabulary(tuple(words)),
        embedding=embedding,
        layers=(lower.layer(), upper.layer()),
        decoder_weight=normal(len(words), LAYER_SIZES[1]),
        decoder_bias=torch.zeros(len(words)),
    )
