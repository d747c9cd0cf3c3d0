"""A network in which it is known who drives the gates of whom, and its files.

Layer 1 notices singular and plural nouns. In layer 2, two number units store a singular or a plural
noun with negative activity. The syntax unit is always active; it opens their forget gates and shuts
their input gates. Between the number units all weights to these gates are positive, so each
inhibits the other when it is active. All else is random and weak.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from support.made_files import write_activations, write_stimuli
from support.number_network import save_checkpoint
from support.planted_network import lexicon_rows, vocabulary_of

from lstm_units.activations.reader import open_activations
from lstm_units.analyses.connectivity.afferents import afferents
from lstm_units.interventions.model_inputs import Compute, Context
from lstm_units.io.files import make_metadata, read_metadata, write_json
from lstm_units.io.results import Result, read_result
from lstm_units.models.checkpoints import load_language_model
from lstm_units.models.language_model import LanguageModel, Layer
from lstm_units.models.variables import GATES
from lstm_units.models.vocabulary import Vocabulary
from lstm_units.stimuli.aligned_items import read_aligned_items
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.language_tables import read_language

LAYER_SIZES = (40, 60)
SINGULAR, PLURAL = 45, 71
NUMBER_UNITS = {SINGULAR: "singular", PLURAL: "plural"}
SYNTAX, OTHER_SYNTAX = 58, 90
DRIVE, INHIBITION = 8.0, 1.5
_DETECTORS = {"singular": [0, 1], "plural": [2, 3]}
_NOISE = 4


def connected_network(language: Path, *, driven: bool = True, seed: int = 0) -> LanguageModel:
    """Build it over the words of a language; without `driven` the syntax unit is like any other."""
    words = vocabulary_of(language)
    index = {word: row for row, word in enumerate(words)}
    generator = torch.Generator().manual_seed(seed)

    def small(*shape):
        return 0.3 * torch.randn(*shape, generator=generator)

    embedding = torch.cat([torch.zeros(len(words), 2), small(len(words), _NOISE)], dim=1)
    for category, *forms in lexicon_rows(language):
        if category in ("person", "place"):
            for dimension, form in enumerate(forms):
                embedding[index[form], dimension] = 1
    inputs, layers = 2 + _NOISE, []
    for size in LAYER_SIZES:
        layers.append(Layer(small(4 * size, inputs), small(4 * size, size), small(4 * size)))
        inputs = size

    def plant(layer, unit, **biases):
        for gate, bias in biases.items():
            row = GATES.index(gate) * layer.size + unit
            layer.weight_ih[row] = 0
            layer.bias[row] = bias

    lower, upper = layers
    shut = {"forget_gate": -20.0, "candidate": 5.0, "output_gate": 20.0}
    for dimension, units in enumerate(_DETECTORS.values()):
        for unit in units:
            plant(lower, unit, input_gate=-20.0, **shut)
            lower.weight_ih[unit, dimension] = 40  # the input gate stands first
    plant(upper, SYNTAX - LAYER_SIZES[0] - 1, input_gate=20.0, **shut)
    for unit, number in NUMBER_UNITS.items():
        own = unit - LAYER_SIZES[0] - 1
        plant(upper, own, input_gate=-15.0, forget_gate=15.0, candidate=-5.0, output_gate=20.0)
        upper.weight_ih[own, _DETECTORS[number]] = 40
        (other,) = set(NUMBER_UNITS) - {unit}
        if driven:
            for gate, sign in (("input_gate", -1), ("forget_gate", 1)):
                row = GATES.index(gate) * upper.size + own
                upper.weight_hh[row, SYNTAX - LAYER_SIZES[0] - 1] = sign * DRIVE
                upper.weight_hh[row, other - LAYER_SIZES[0] - 1] = INHIBITION
    return LanguageModel(
        vocabulary=Vocabulary(tuple(words)),
        embedding=embedding,
        layers=tuple(layers),
        decoder_weight=small(len(words), inputs),
        decoder_bias=torch.zeros(len(words)),
    )


@dataclass(frozen=True)
class Files:
    """What the analyses of connectivity read."""

    folder: Path
    checkpoint: Path
    dump: Path
    stimuli: Path
    shown: Path
    syntax: Path
    short_range: Path

    @property
    def lists(self) -> dict[str, Result | None]:
        """Of units; None stands for a list that is not there."""
        paths = {"shown": self.shown, "syntax": self.syntax, "short_range": self.short_range}
        return {n: read_result(path) if path.is_file() else None for n, path in paths.items()}

    def afferents(self, threshold: float = 3.0, **changed) -> Result:
        given = {
            "model": load_language_model(self.checkpoint),
            "dump": open_activations(self.dump),
            "items": read_aligned_items(self.stimuli),
            **self.lists,
        }
        return afferents(**{**given, **changed}, threshold=threshold)


def unit_entry(unit: int, layer: int = 2, **more) -> dict:
    return {"unit": unit, "layer": layer, **more}


def shown_entry(unit: int, role: str, number: str | None = None, layer: int = 2) -> dict:
    return unit_entry(unit, layer, role=role, number=number, found=role == "long-range")


FOUND = [shown_entry(unit, "long-range", number) for unit, number in NUMBER_UNITS.items()]
STAND_INS = [shown_entry(unit, "nearest", number) for unit, number in NUMBER_UNITS.items()]
SYNTAX_FOUND = {
    "units": [unit_entry(SYNTAX), unit_entry(OTHER_SYNTAX)],
    "top": unit_entry(SYNTAX),
    "nearest": None,
}
SYNTAX_MISSING = {"units": [], "top": None, "nearest": unit_entry(SYNTAX)}


def write_files(
    folder: Path,
    model: LanguageModel,
    language: Path,
    *,
    shown=FOUND,
    syntax=SYNTAX_FOUND,
    short_range=(),
    variables=("hidden",),
    layers="all",
    frames=12,
) -> Files:
    """Write stimuli, checkpoint, activations and the lists of units of a network."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "context.txt").write_text("The boy .\n", encoding="utf-8")
    stimuli = folder / "stimuli" / "nounpp.parquet"
    table = generate(read_language(language), "nounpp", frames, True, 1)
    write_stimuli(table, stimuli, make_metadata(stimuli_sha256="s"))
    checkpoint = save_checkpoint(model, folder)
    dump = folder / "activations" / "nounpp"
    context, compute = Context(str(folder / "context.txt")), Compute("float64", "cpu")
    write_activations(checkpoint, stimuli, context, compute, variables, layers, "float64", dump)
    sha256 = read_metadata(dump / "index.parquet")["checkpoint_sha256"]
    files = Files(
        folder,
        checkpoint,
        dump,
        stimuli,
        *(folder / "units" / f"{name}.json" for name in ("shown", "syntax", "short_range")),
    )
    rewrite_units(files, sha256, shown, syntax, short_range)
    return files


def rewrite_units(files: Files, sha256: str, shown, syntax, short_range=()) -> None:
    metadata = make_metadata(checkpoint_sha256=sha256)
    write_json({"units": list(shown)}, files.shown, metadata)
    write_json(syntax, files.syntax, metadata)
    write_json({"units": list(short_range)}, files.short_range, metadata)
