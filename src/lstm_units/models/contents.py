"""What a checkpoint holds, and what the user says about it.

A path is what leads to a tensor: keys of dicts, places in lists, names of modules, joined by dots,
such as ``model.encoder.weight``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from lstm_units.errors import CheckpointError

MOST_COPIES = 8  # of one tensor, or network, that are compared number by number
LONGEST_NAME = 1000  # characters of a name that are looked at
Role = Literal["embedding", "linear", "lstm", "own", "nothing", "softmax", "other"]
_ATTRIBUTES: dict[Role, set[str]] = {
    "embedding": {"num_embeddings", "embedding_dim"},
    "linear": {"in_features", "out_features"},
    "lstm": {"mode", "hidden_size"},
}
_CONTAINERS = (
    *("torch.nn.modules.container", "torch.nn.modules.module", "torch.nn.parallel"),
    "torch.optim.swa_utils",
)


@dataclass(frozen=True)
class Module:
    """A module of a pickled network.

    Parameters
    ----------
    class_name : str
        Dotted, as in the file.
    attributes : mapping
        Its state.
    parent : str or None
        Path of the module that it is registered in.
    """

    class_name: str
    attributes: Mapping[Any, Any]
    parent: str | None

    @property
    def children(self) -> tuple[str, ...]:
        """Names of the modules in it, in their order."""
        return tuple(str(name)[:LONGEST_NAME] for name in self.attributes.get("_modules") or ())

    @property
    def ordered(self) -> bool:
        """Whether it runs its children one after the other."""
        return self.class_name == "torch.nn.modules.container.Sequential"

    @property
    def role(self) -> Role:
        """What it can be in a language model: of torch's modules by class, else by attributes.

        ``own``: a class of the user's, or a container, that is looked into. ``nothing``: it changes
        no number when a trained network is used. ``other``: it changes them.
        """
        place, _, name = self.class_name.rpartition(".")
        held = self.attributes
        if name in ("LSTM", "LSTMCell") and place == "torch.nn.modules.rnn":
            return "lstm"
        if place.startswith("torch.nn.modules.") and name in ("Embedding", "Linear"):
            return name.lower()
        if self.class_name.startswith("torch."):
            if place in ("torch.nn.modules.dropout", "torch.nn.modules.loss") or name == "Identity":
                return "nothing"
            if name in ("Softmax", "LogSoftmax"):
                return "softmax"
            return "own" if place.startswith(_CONTAINERS) else "other"
        for role, names in _ATTRIBUTES.items():
            if names <= held.keys() and not held.get("_modules"):
                return role
        if held.get("_parameters") or held.get("_buffers") or held.get("_modules"):
            return "own"
        inert = "drop" in name.lower() or name.endswith(("Loss", "Criterion"))
        return "nothing" if inert or self.parent is None else "other"


@dataclass
class Contents:
    """The tensors of a checkpoint by their paths.

    Parameters
    ----------
    where : str
        The file, for messages.
    tensors : dict of str to Tensor
        Views: nothing is copied.
    unreadable : dict of str to str
        What each of the others is.
    modules : dict of str to Module
        Of pickled modules, in their order; empty for a state dict.
    functions : dict of str to str
        Functions of torch's that modules hold.
    passed_over : dict of str to str
        What holds tensors and is no part of a network, with the reason.
    size : int or None
        Bytes of the file.
    """

    where: str
    tensors: dict[str, Tensor] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    modules: dict[str, Module] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict)
    size: int | None = None

    def owner(self, name: str) -> Module | None:
        """Return the module that a tensor belongs to; None in a state dict."""
        return self.modules.get(name.rpartition(".")[0])

    def listed(self, names: Iterable[str] | None = None) -> str:
        """Return names of tensors with their shapes, for a message."""
        chosen = self.tensors if names is None else names
        return listed(f"{name} {tuple(self.tensors[name].shape)}" for name in chosen)

    def lacks(self, what: str) -> CheckpointError:
        """Return the error that something is not there, which lists what is."""
        return CheckpointError(
            f"{self.where} lacks {what}; it holds {self.listed() or 'no tensors'}"
        )


@dataclass(frozen=True)
class Choice:
    """What the user says about a checkpoint where the file cannot.

    Parameters
    ----------
    part : str, optional
        Path of the network in the file, such as ``model.student``.
    embedding, decoder : str, optional
        Paths of their matrices, or of the modules that have them.
    layers : tuple of str, optional
        Paths of the recurrent modules, the lowest first.
    padding_rows : "end" or tuple of int, optional
        Rows of the embedding and the decoder that belong to no word, counted from 1; ``end`` for
        those after the last word.
    """

    part: str | None = None
    embedding: str | None = None
    decoder: str | None = None
    layers: tuple[str, ...] | None = None
    padding_rows: Literal["end"] | tuple[int, ...] | None = None


def listed(names: Iterable[str]) -> str:
    """Return the first thirty names in alphabetical order, and how many more there are."""
    names = sorted(names)
    return ", ".join(names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "")


def same_view(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are the same elements of one storage."""
    places = [(t.data_ptr(), t.shape, t.stride(), t.dtype) for t in (one, other)]
    return places[0] == places[1]


def equal(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape, type and values."""
    alike = (one.shape, one.dtype) == (other.shape, other.dtype)
    return same_view(one, other) or (alike and torch.equal(one, other))
