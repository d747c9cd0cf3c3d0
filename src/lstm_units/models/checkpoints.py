"""Checkpoints in the project's own form: ``model.safetensors``, ``model.json``, ``vocab.txt``."""

import hashlib
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save, save_file
from torch import Tensor, nn

from lstm_units.errors import CheckpointError
from lstm_units.io.files import (
    atomic_path,
    make_metadata,
    read_json,
    sha256_file,
    write_json,
    write_text,
)
from lstm_units.io.plain_text import visible
from lstm_units.io.wording import words_listed
from lstm_units.models.cell import Layer
from lstm_units.models.contents import Choice, listed
from lstm_units.models.formats import read_contents
from lstm_units.models.language_model import LanguageModel, log_probabilities_ref
from lstm_units.models.vocabulary import Vocabulary, read_vocabulary
from lstm_units.models.weights import ABSENT, Origin, Weights, canonical_weights, converted_weights

TOLERANCE = 1e-4
_VERIFIED_TOKENS = 24
_VERIFICATION_SEED = 2019
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class CheckpointSource:
    """Where a checkpoint comes from.

    Parameters
    ----------
    weights : Path
        A pickled module, a state dict, a safetensors file, or a folder with ``model.safetensors``
        and ``vocab.txt``.
    vocabulary : Path, optional
        One word a line in the order of the embedding rows. Left out: ``vocab.txt`` in the folder
        of the weights.
    format : {"auto", "pickled_module", "state_dict", "safetensors"}
    stand_ins : tuple of str
        Dotted names of the classes a pickle may hold besides those of ``torch.nn``.
    unk, eos : str
        The words that stand for unknown words and for the end of a sentence.
    part, embedding, decoder, layers, padding_rows
        See `lstm_units.models.contents.Choice`.
    source_sha256, vocabulary_sha256 : str, optional
        Hexadecimal sha256 that the weights and the vocabulary must have.
    """

    weights: Path
    vocabulary: Path | None = None
    format: str = "auto"
    stand_ins: tuple[str, ...] = ("model.RNNModel",)
    unk: str = "<unk>"
    eos: str = "<eos>"
    part: str | None = None
    embedding: str | None = None
    decoder: str | None = None
    layers: tuple[str, ...] | None = None
    padding_rows: Literal["end"] | tuple[int, ...] | None = None
    source_sha256: str | None = None
    vocabulary_sha256: str | None = None

    @property
    def choice(self) -> Choice:
        """What the user says about the file of weights."""
        return Choice(self.part, self.embedding, self.decoder, self.layers, self.padding_rows)

    @property
    def weights_file(self) -> Path:
        """The file of weights."""
        weights = Path(self.weights)
        return weights / "model.safetensors" if weights.is_dir() else weights

    @property
    def vocabulary_file(self) -> Path:
        """The file of words."""
        if self.vocabulary is not None:
            return Path(self.vocabulary)
        return self.weights_file.parent / "vocab.txt"


def convert_checkpoint(
    source: CheckpointSource,
    output_directory: str | Path,
    metadata_fields: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Bring a checkpoint into the project's form and check that it computes the same.

    Parameters
    ----------
    output_directory : str or Path
        Gets ``model.safetensors`` (the floating-point type of the source), ``vocab.txt`` and, last,
        ``model.json``.
    metadata_fields : mapping, optional
        What else `make_metadata` records.

    Returns
    -------
    dict
        What ``model.json`` holds, without its metadata.

    Raises
    ------
    CheckpointError
        If the source cannot be used or has another hash, or its log-probabilities differ by more
        than 1e-4 in float32 from those of ``torch.nn.LSTM`` holding the same weights. Nothing is
        written then.
    """
    directory = Path(output_directory)
    weights, vocabulary, difference = _read_source(source)
    with atomic_path(directory / "model.safetensors") as temporary:
        save_file(weights.tensors, temporary)
    if vocabulary.read_as:
        write_text("".join(f"{word}\n" for word in vocabulary.words), directory / "vocab.txt")
    else:
        with atomic_path(directory / "vocab.txt") as temporary:
            shutil.copyfile(source.vocabulary_file, temporary)
    description = {
        "architecture": "LSTM",
        "embedding_size": weights.tensors["encoder.weight"].shape[1],
        "layer_sizes": list(weights.layer_sizes),
        "vocabulary_size": len(vocabulary),
        "tied": weights.tied,
        "decoder": weights.origin.decoder,
        "decoder_bias": "decoder.bias" in weights.tensors,
        "biases_taken_as_zeros": list(weights.origin.zeros),
        "unk": source.unk,
        "eos": source.eos,
        "stored_as": str(weights.dtype).removeprefix("torch."),
        "sha256": sha256_file(directory / "model.safetensors"),
        "source_sha256": sha256_file(source.weights_file),
        "vocabulary_sha256": sha256_file(directory / "vocab.txt"),
        "verification": {
            "largest_log_probability_difference": float(f"{difference:.2g}"),
            "tolerance": TOLERANCE,
            "tokens": _VERIFIED_TOKENS,
            "seed": _VERIFICATION_SEED,
        },
    }
    origin = weights.origin
    if any(name != source_name for name, source_name in origin.tensors.items()):
        description["source_tensors"] = origin.tensors
    if origin.changed:
        description["changed"] = list(origin.changed)
    if origin.passed_over:
        description["passed_over"] = origin.passed_over
    if vocabulary.read_as:
        description["vocabulary_read_as"] = vocabulary.read_as
        description["vocabulary_source_sha256"] = sha256_file(source.vocabulary_file)
    fields = {"checkpoint_sha256": description["sha256"], **(metadata_fields or {})}
    write_json(description, directory / "model.json", make_metadata(**fields))
    return description


def convert_in_memory(
    source: CheckpointSource,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> LanguageModel:
    """Return the model that `load_language_model` loads after `convert_checkpoint`.

    Raises
    ------
    CheckpointError
        As `convert_checkpoint`.
    """
    weights, vocabulary, _ = _read_source(source)
    sha256 = hashlib.sha256(save(weights.tensors)).hexdigest()
    return _language_model(weights, vocabulary, sha256, dtype).to(device=device)


def _read_source(source: CheckpointSource) -> tuple[Weights, Vocabulary, float]:
    """Read a checkpoint of any kind; the last is how far it is from ``torch.nn.LSTM``."""
    weights_file, vocabulary_file = source.weights_file, source.vocabulary_file
    if not weights_file.is_file():
        raise CheckpointError(
            f"there is no checkpoint {weights_file}; give the file of the weights, or a folder "
            "with model.safetensors"
        )
    hashes = (
        ("source_sha256", source.source_sha256),
        ("vocabulary_sha256", source.vocabulary_sha256),
    )
    for file, (key, expected) in zip((weights_file, vocabulary_file), hashes, strict=True):
        if expected is not None and (found := sha256_file(file)) != expected:
            raise CheckpointError(
                f"{file} has sha256 {found}, but {key} is {expected}. Fetch the file again, or "
                "correct that hash"
            )
    vocabulary = read_vocabulary(vocabulary_file, source.unk, source.eos, source.stand_ins)
    if hidden := [word for word in vocabulary.words if visible(word) != word]:
        shown = words_listed(hidden)
        _LOGGER.info("%s: words with characters that cannot be seen: %s", vocabulary_file, shown)
    contents = read_contents(weights_file, source.format, source.stand_ins, source.part)
    weights = canonical_weights(contents, len(vocabulary), source.choice)
    _report(weights.origin, weights_file)
    difference = verify_log_probabilities(_language_model(weights, vocabulary), weights)
    if not difference <= TOLERANCE:
        raise CheckpointError(
            f"{weights_file}: log-probabilities differ from torch.nn.LSTM's by {difference:.2g}, "
            f"more than {TOLERANCE:.0e}; its weights are too large for exact work in float32"
        )
    return weights, vocabulary, difference


def _report(origin: Origin, path: Path) -> None:
    """Say what of a network a file has not, and what was done to its tensors."""
    if origin.decoder == ABSENT:
        # An encoder that was saved without its decoder has no bias for it either.
        alone = "decoder.bias" in origin.zeros
        what = "no matrix and no bias for the decoder" if alone else "no matrix for the decoder"
        level = logging.WARNING if alone else logging.INFO
        _LOGGER.log(level, "%s has %s: its words are scored by the embedding (tied)", path, what)
    if origin.zeros:
        _LOGGER.info("%s: biases that it has not are zeros: %s", path, ", ".join(origin.zeros))
    for remark in origin.changed:
        _LOGGER.info("%s: %s", path, remark)
    if origin.passed_over:
        reasons = (f"{name} ({why})" for name, why in origin.passed_over.items())
        _LOGGER.info("%s: passed over: %s", path, listed(reasons))


def load_language_model(
    path: str | Path, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> LanguageModel:
    """Load a converted checkpoint.

    Parameters
    ----------
    path : str or Path
        A folder that `convert_checkpoint` wrote, or the shipped default; or its file of weights.
    dtype : torch.dtype
        Type to compute in. Biases are added up in it, whatever type the file stores.

    Returns
    -------
    LanguageModel
        With the sha256 of its weights file.

    Raises
    ------
    CheckpointError
        If a file is missing or damaged, or not the one that ``model.json`` records.
    """
    path = Path(path)
    directory = path.parent if path.name == "model.safetensors" else path
    weights_file = directory / "model.safetensors"
    for file in (directory / "model.json", weights_file, directory / "vocab.txt"):
        if not file.is_file():
            raise CheckpointError(
                f"{file} is missing; a converted checkpoint is a folder of model.safetensors, "
                "model.json and vocab.txt. Convert the checkpoint (again)"
            )
    description = read_json(directory / "model.json")
    found = {}
    for key, file in (("sha256", weights_file), ("vocabulary_sha256", directory / "vocab.txt")):
        found[key] = sha256_file(file)
        expected = description.get(key, found[key])
        if found[key] != expected:
            raise CheckpointError(
                f"{file} has sha256 {found[key]}, but model.json beside it records {expected}: one "
                "of them was changed or cut off. Delete the folder and convert the checkpoint again"
            )
    vocabulary = read_vocabulary(
        directory / "vocab.txt", description.get("unk", "<unk>"), description.get("eos", "<eos>")
    )
    weights = converted_weights(weights_file, len(vocabulary))
    return _language_model(weights, vocabulary, found["sha256"], dtype).to(device=device)


def _language_model(
    weights: Weights, vocabulary: Vocabulary, sha256: str = "", dtype: torch.dtype = torch.float32
) -> LanguageModel:
    # First to the type of the computation, then the sum: float16 sums would lose digits.
    tensors = {name: tensor.to(dtype) for name, tensor in weights.tensors.items()}
    embedding = tensors["encoder.weight"]
    return LanguageModel(
        vocabulary=vocabulary,
        embedding=embedding,
        layers=tuple(
            Layer(
                tensors[f"rnn.weight_ih_l{depth}"],
                tensors[f"rnn.weight_hh_l{depth}"],
                tensors[f"rnn.bias_ih_l{depth}"] + tensors[f"rnn.bias_hh_l{depth}"],
            )
            for depth in range(len(weights.layer_sizes))
        ),
        decoder_weight=tensors.get("decoder.weight", embedding),
        decoder_bias=tensors.get("decoder.bias", embedding.new_zeros(len(vocabulary))),
        sha256=sha256,
    )


@torch.no_grad()
def verify_log_probabilities(
    model: LanguageModel,
    weights: Weights | None = None,
    n_tokens: int = _VERIFIED_TOKENS,
    seed: int = _VERIFICATION_SEED,
) -> float:
    """Compare the gate-by-gate reference with ``torch.nn.LSTM`` holding the same weights.

    Parameters
    ----------
    model : LanguageModel
        The model whose reference is run.
    weights : Weights, optional
        What the torch modules hold; left out, the weights of `model`. Given, the two biases of
        every layer stay apart in them, so that their sum in `model` is checked too.
    n_tokens, seed : int
        Length and seed of a random sequence of words.

    Returns
    -------
    float
        Largest absolute difference of log-probabilities, over all words and positions, in the
        type of the model. NaN if either has one.
    """
    model = model.to(device="cpu")
    if weights is None:
        tensors = {"encoder.weight": model.embedding, "decoder.bias": model.decoder_bias}
        tensors["decoder.weight"] = model.decoder_weight
        for depth, layer in enumerate(model.layers):
            tensors[f"rnn.weight_ih_l{depth}"] = layer.weight_ih
            tensors[f"rnn.weight_hh_l{depth}"] = layer.weight_hh
            tensors[f"rnn.bias_ih_l{depth}"] = layer.bias
            tensors[f"rnn.bias_hh_l{depth}"] = torch.zeros_like(layer.bias)
        weights = Weights(tensors, model.layer_sizes)
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(len(model.vocabulary), (n_tokens,), generator=generator)
    ours = log_probabilities_ref(model, [model.vocabulary.words[row] for row in rows.tolist()])
    theirs = _torch_log_probabilities(weights, rows, model.dtype)
    return float((ours - theirs).abs().max())


def _torch_log_probabilities(weights: Weights, rows: Tensor, dtype: torch.dtype) -> Tensor:
    """Log-probabilities of shape (tokens, words) by torch's own modules."""
    tensors = {name: tensor.to(dtype) for name, tensor in weights.tensors.items()}
    outputs = nn.functional.embedding(rows, tensors["encoder.weight"])
    sizes = weights.layer_sizes
    # One module of all layers needs equal sizes; else one module a layer.
    stacks = [list(range(len(sizes)))] if len(set(sizes)) == 1 else [[d] for d in range(len(sizes))]
    for depths in stacks:
        lstm = nn.LSTM(outputs.shape[1], sizes[depths[0]], num_layers=len(depths)).to(dtype)
        lstm.load_state_dict(
            {
                f"{name}_l{place}": tensors[f"rnn.{name}_l{depth}"]
                for place, depth in enumerate(depths)
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            }
        )
        outputs, _ = lstm.eval()(outputs)
    decoder = tensors.get("decoder.weight", tensors["encoder.weight"])
    logits = nn.functional.linear(outputs, decoder, tensors.get("decoder.bias"))
    return torch.log_softmax(logits, dim=1)
