"""The weights of a language model, whatever the names they were saved under.

Canonical names, in files of the project: ``encoder.weight``; for each layer from 0
``rnn.weight_ih_l0``, ``rnn.weight_hh_l0``, ``rnn.bias_ih_l0``, ``rnn.bias_hh_l0``;
``decoder.weight`` when it is not the embedding; ``decoder.bias`` when there is one.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from lstm_units.errors import CheckpointError
from lstm_units.models.unpickling import PickledTensor, StandIn, load_pickled

FORMATS = ("auto", "pickled_module", "state_dict", "safetensors")
EMBEDDING_NAMES = frozenset(
    {"encoder", "embedding", "embeddings", "embed", "emb", "word_embedding", "word_embeddings"}
)
DECODER_NAMES = frozenset(
    {"decoder", "output", "out", "linear", "fc", "lm_head", "head", "generator", "projection"}
)
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_LSTM_NAME = re.compile(
    r"(?P<path>.*?)(?P<kind>weight|bias)_(?P<side>ih|hh|hr)_l(?P<layer>\d+)"
    r"(?P<reverse>_reverse)?(?P<raw>_raw)?"
)
_FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True)
class Weights:
    """The weights of a language model under canonical names, checked.

    Parameters
    ----------
    tensors : dict of str to Tensor
        As listed at the top of the module; without ``decoder.weight`` when the model is tied.
    layer_sizes : tuple of int
        Number of units of each layer.
    """

    tensors: dict[str, Tensor]
    layer_sizes: tuple[int, ...]

    @property
    def tied(self) -> bool:
        """Whether the decoder reads the embedding matrix."""
        return "decoder.weight" not in self.tensors

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of all tensors."""
        return self.tensors["encoder.weight"].dtype


def read_tensors(
    path: str | Path, format: str = "auto", stand_ins: Iterable[str] = ("model.RNNModel",)
) -> dict[str, Tensor]:
    """Read all tensors of a checkpoint under the names they have in it.

    Parameters
    ----------
    path : str or Path
        A safetensors file, or what ``torch.save`` wrote of a module or a state dict.
    format : {"auto", "pickled_module", "state_dict", "safetensors"}
        ``auto`` looks at the file.
    stand_ins : iterable of str
        See `lstm_units.models.unpickling.load_pickled`.

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    CheckpointError
        If the file cannot be read, is not of the format, or holds no tensors.
    """
    path = Path(path)
    if format not in FORMATS:
        raise CheckpointError(f"format {format!r} is unknown; write one of {', '.join(FORMATS)}")
    if format == "safetensors" or (format == "auto" and path.suffix == ".safetensors"):
        return read_safetensors(path)
    if format == "auto" and _looks_like_safetensors(path):
        return read_safetensors(path)
    loaded = load_pickled(path, stand_ins)
    found = _unwrap(loaded)
    kind = "pickled_module" if isinstance(found, StandIn) else "state_dict"
    if format not in ("auto", kind):
        raise CheckpointError(
            f"{path} holds a {kind}, but format is {format}; write {kind}, or leave it out"
        )
    tensors: dict[str, Tensor] = {}
    if isinstance(found, StandIn):
        tensors = _module_tensors(found, path)
    elif isinstance(found, Mapping):
        for name, value in found.items():
            if isinstance(name, str) and (tensor := _as_tensor(value)) is not None:
                tensors[name] = tensor
    if not tensors:
        held = f"a {type(found).__name__}"
        if isinstance(found, Mapping):
            held = f"a dict of {_listed(name for name in found if isinstance(name, str))}"
        raise CheckpointError(
            f"{path} holds no tensors: expected a module, a state_dict, or a dict with one of them "
            f"under {', '.join(map(repr, _WRAPPERS))}; found {held[:300]}"
        )
    return tensors


def _looks_like_safetensors(path: Path) -> bool:
    """Tell the format by its head: eight bytes of length, then JSON."""
    try:
        with path.open("rb") as handle:
            head = handle.read(9)
    except OSError:
        return False  # the reader that follows reports it
    return len(head) == 9 and head[8:] == b"{" and head[6:8] == b"\0\0"


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read all tensors of a safetensors file.

    Raises
    ------
    CheckpointError
        If it is missing or damaged.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}; check its path")
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path} is empty, cut off or no safetensors file ({error}); download or save it again"
        ) from error


def _unwrap(loaded: Any) -> Any:
    """Return the module or state dict in what was saved."""
    for _ in range(4):
        if isinstance(loaded, list | tuple) and loaded:
            loaded = loaded[0]  # AWD-LSTM saves [model, criterion, optimizer]
        elif isinstance(loaded, Mapping):
            inner = [loaded[key] for key in _WRAPPERS if key in loaded]
            inner = [value for value in inner if isinstance(value, Mapping | StandIn)]
            if not inner:
                return loaded
            loaded = inner[0]
        else:
            return loaded
    return loaded


def _as_tensor(value: Any) -> Tensor | None:
    if isinstance(value, StandIn) and value.dotted_name == "torch.nn.parameter.Parameter":
        value = value.arguments[0] if value.arguments else None  # torch 0.3
    return value.tensor().clone().contiguous() if isinstance(value, PickledTensor) else None


def _module_tensors(root: StandIn, path: Path) -> dict[str, Tensor]:
    """Return the parameters and buffers of a module and of those in it, as a state dict would."""
    tensors: dict[str, Tensor] = {}
    seen: set[int] = set()
    pending = [("", root)]
    while pending:
        prefix, module = pending.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        state = module.state if isinstance(module.state, Mapping) else {}
        groups = [state.get(kind) for kind in ("_parameters", "_buffers", "_modules")]
        if not all(isinstance(group, Mapping) for group in groups):
            raise CheckpointError(
                f"{path}: {prefix.rstrip('.') or 'the saved object'} ({module.dotted_name}) is not "
                "a torch module; save the weights with torch.save(model.state_dict(), path)"
            )
        for name, value in (*groups[0].items(), *groups[1].items()):
            if (tensor := _as_tensor(value)) is not None:
                tensors[f"{prefix}{name}"] = tensor
        for name, child in reversed(groups[2].items()):
            if isinstance(child, StandIn):
                pending.append((f"{prefix}{name}.", child))
    return tensors


def converted_weights(path: Path, vocabulary_size: int) -> Weights:
    """Read the weights of a converted checkpoint, which have their canonical names.

    Parameters
    ----------
    path : Path
        A ``model.safetensors`` that a conversion wrote.
    vocabulary_size : int
        Number of words.

    Raises
    ------
    CheckpointError
        If a tensor is missing, unknown, of a wrong shape, or not finite.
    """
    tensors = read_safetensors(path)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    below = shapes.get("encoder.weight", (0,))[-1]
    expected = {"encoder.weight": (vocabulary_size, below)}
    sizes: list[int] = []
    while (name := f"rnn.weight_hh_l{len(sizes)}") in shapes:
        depth, size = len(sizes), shapes[name][-1]
        expected |= {name: (4 * size, size), f"rnn.weight_ih_l{depth}": (4 * size, below)}
        expected |= {f"rnn.bias_{side}_l{depth}": (4 * size,) for side in ("ih", "hh")}
        sizes.append(size)
        below = size
    decoder = {"decoder.weight": (vocabulary_size, below), "decoder.bias": (vocabulary_size,)}
    expected |= {name: shape for name, shape in decoder.items() if name in shapes}
    expected |= {} if sizes else {name: ()}
    if shapes != expected:
        wrong = _listed(dict(shapes.items() ^ expected.items()))
        raise CheckpointError(
            f"{path}: {wrong}: missing, unknown, or of a shape that does not fit the vocabulary of "
            f"{vocabulary_size} words and the other tensors. Convert the checkpoint (again)"
        )
    refuse_not_finite(tensors, tensors, str(path))
    return Weights(tensors, tuple(sizes))


def canonical_weights(
    tensors: Mapping[str, Tensor], vocabulary_size: int, where: str = "the checkpoint"
) -> Weights:
    """Find the weights of a language model among named tensors and check that they fit.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        As in a state dict. Any prefix will do (``module.``, ``model.``, ``0.``). One LSTM of
        several layers, or one a layer (``rnns.0``, ``rnns.1``), plain or in AWD-LSTM's weight drop.
    vocabulary_size : int
        Number of words.
    where : str
        The file, for messages.

    Returns
    -------
    Weights
        Missing LSTM biases are zeros. The decoder is tied when it has no weight of its own, or one
        equal to the embedding. Types are kept; mixed ones become the widest.

    Raises
    ------
    CheckpointError
        If a tensor is missing, unknown, of a wrong shape, or not finite; if the network is
        bidirectional, has projections, or is no LSTM; if the vocabulary has another length.
    """
    used: set[str] = set()
    layers = _lstm_layers(tensors, where, used)
    embedding_name = _one_of(tensors, EMBEDDING_NAMES, "embedding", where, used)
    if embedding_name is None:
        raise _missing("an embedding matrix such as encoder.weight", tensors, where)
    decoder_name = _one_of(tensors, DECODER_NAMES, "decoder", where, used)
    bias_name = _decoder_bias(tensors, decoder_name, used)
    _refuse_unknown(tensors, used, where)
    refuse_not_finite(tensors, used, where)

    embedding = tensors[embedding_name]
    if embedding.shape[0] != vocabulary_size:
        raise CheckpointError(
            f"{where}: the vocabulary has {vocabulary_size} words, but the embedding "
            f"{embedding_name} has {embedding.shape[0]} rows; give the vocabulary the model was "
            "trained with, one word a line in the order of the rows"
        )
    canonical = {"encoder.weight": embedding}
    below, below_name = embedding.shape[1], embedding_name
    for depth, names in enumerate(layers):
        below, below_name = _add_layer(canonical, tensors, depth, names, below, below_name, where)
    if decoder_name is None:
        if embedding.shape[1] != below:
            raise _missing(
                f"a decoder such as decoder.weight (the embedding cannot serve as one: its rows "
                f"have {embedding.shape[1]} numbers, the last layer {below} units)",
                tensors,
                where,
            )
    else:
        decoder = tensors[decoder_name]
        _check_shape(tensors, decoder_name, (vocabulary_size, below), below_name, where)
        if not torch.equal(decoder, embedding):
            canonical["decoder.weight"] = decoder
    if bias_name is not None:
        owner = decoder_name or embedding_name
        _check_shape(tensors, bias_name, (vocabulary_size,), owner, where)
        canonical["decoder.bias"] = tensors[bias_name]
    widest = embedding.dtype
    for tensor in canonical.values():
        widest = torch.promote_types(widest, tensor.dtype)
    sizes = tuple(canonical[f"rnn.weight_hh_l{d}"].shape[1] for d in range(len(layers)))
    return Weights({n: t.to(widest).contiguous() for n, t in canonical.items()}, sizes)


def _listed(names: Iterable[str]) -> str:
    names = sorted(names)
    return ", ".join(names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "")


def _missing(what: str, tensors: Mapping[str, Tensor], where: str) -> CheckpointError:
    found = (f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())
    return CheckpointError(f"{where} lacks {what}; it holds {_listed(found) or 'no tensors'}")


def _one_of(
    tensors: Mapping[str, Tensor], owners: frozenset[str], what: str, where: str, used: set[str]
) -> str | None:
    """Return the name of the one matrix that belongs to a module of one of the names."""
    names = [
        name
        for name, tensor in tensors.items()
        if name.split(".")[-2:-1] and name.split(".")[-2] in owners and name.endswith(".weight")
        if tensor.dim() == 2
    ]
    used.update(names)
    if any(not torch.equal(tensors[names[0]], tensors[name]) for name in names[1:]):
        raise CheckpointError(
            f"{where} has more than one {what}: {_listed(names)}. A language model has one; save "
            "a state_dict with only the tensors of the language model"
        )
    return names[0] if names else None


def _decoder_bias(
    tensors: Mapping[str, Tensor], decoder_name: str | None, used: set[str]
) -> str | None:
    """Return the bias beside the decoder's weight; a tied decoder may have only a bias."""
    if decoder_name is not None:
        names = [f"{decoder_name.removesuffix('weight')}bias"]
    else:
        names = [n for n in tensors if n.endswith(".bias") and n.split(".")[-2] in DECODER_NAMES]
    found = [name for name in names if name in tensors][:1]
    used.update(found)
    return found[0] if found else None


def _lstm_layers(
    tensors: Mapping[str, Tensor], where: str, used: set[str]
) -> list[dict[tuple[str, str], str]]:
    """Return for each layer the names of its tensors by (kind, side)."""
    groups: dict[tuple[str, int], dict[tuple[str, str], str]] = {}
    for name in sorted(tensors, key=lambda n: (n.endswith("_raw"), n)):
        match = _LSTM_NAME.fullmatch(name)
        if match is None:
            continue
        if match["reverse"]:
            raise CheckpointError(
                f"{where} is bidirectional ({name}); a language model reads from left to right"
            )
        if match["side"] == "hr":
            raise CheckpointError(f"{where} is an LSTM with projections ({name}), not supported")
        # AWD-LSTM's weight drop keeps the true matrix under `_raw` in the wrapper and the rest
        # in `module`. A plain weight_hh beside it is the raw one after the last batch's random
        # dropout, so the raw one, which sorts last, replaces it.
        path = match["path"].removesuffix("module.")
        used.add(name)
        groups.setdefault((path, int(match["layer"])), {})[match["kind"], match["side"]] = name
    if not groups:
        raise _missing("LSTM weights such as rnn.weight_ih_l0", tensors, where)
    layers = [groups[key] for key in _in_order(list(groups), tensors, where)]
    for layer in layers:
        for side, other in (("ih", "hh"), ("hh", "ih")):
            if ("weight", side) not in layer:
                beside = layer.get(("weight", other)) or next(iter(layer.values()))
                raise _missing(f"weight_{side} beside {beside}", tensors, where)
    return layers


def _in_order(
    keys: list[tuple[str, int]], tensors: Mapping[str, Tensor], where: str
) -> list[tuple[str, int]]:
    """Sort (path, layer) from the first layer to the last and check that none is left out."""
    paths = {path for path, _ in keys}
    numbers = {path: re.search(r"(\d+)\.$", path) for path in paths}
    stems = {re.sub(r"\d+\.$", "", path) for path in paths}
    if len(paths) > 1 and (len(stems) > 1 or None in numbers.values()):
        raise CheckpointError(
            f"{where} has more than one recurrent network: {_listed(paths)}; save a state_dict "
            "with only the tensors of the language model"
        )

    def position(key: tuple[str, int]) -> tuple[int, int]:
        return (int(numbers[key[0]][1]) if len(paths) > 1 else 0, key[1])

    keys = sorted(keys, key=position)
    first = position(keys[0])[0]
    # A list counts its modules from 0 (rnns.0); names such as lstm1 may count from 1.
    stack, layer = (0 if next(iter(stems)).endswith(".") or first != 1 else 1), -1
    expected = {(stack, layer + 1)}
    for key in keys:
        if position(key) not in expected:
            raise _missing(f"the layer before {key[0]}weight_ih_l{key[1]}", tensors, where)
        stack, layer = position(key)
        expected = {(stack, layer + 1), (stack + 1, 0)}
    return keys


def _add_layer(
    canonical: dict[str, Tensor],
    tensors: Mapping[str, Tensor],
    depth: int,
    names: dict[tuple[str, str], str],
    below: int,
    below_name: str,
    where: str,
) -> tuple[int, str]:
    """Check a layer and add it; return its number of units and the tensor that sets it."""
    recurrent_name, input_name = names["weight", "hh"], names["weight", "ih"]
    recurrent = tensors[recurrent_name]
    gates = recurrent.shape[0] / recurrent.shape[1] if recurrent.dim() == 2 else 0
    if gates != 4:
        kinds = {3.0: "that is a GRU", 1.0: "that is a simple recurrent network"}
        raise CheckpointError(
            f"{where} is no LSTM: {recurrent_name} has shape {tuple(recurrent.shape)}"
            f"{' and ' + kinds[gates] if gates in kinds else ''}; expected (4 * units, units)"
        )
    size = recurrent.shape[1]
    _check_shape(tensors, input_name, (4 * size, below), below_name, where, recurrent_name)
    canonical[f"rnn.weight_ih_l{depth}"] = tensors[input_name]
    canonical[f"rnn.weight_hh_l{depth}"] = recurrent
    for side in ("ih", "hh"):
        name = names.get(("bias", side))
        if name is None:
            canonical[f"rnn.bias_{side}_l{depth}"] = recurrent.new_zeros(4 * size)
        else:
            _check_shape(tensors, name, (4 * size,), recurrent_name, where)
            canonical[f"rnn.bias_{side}_l{depth}"] = tensors[name]
    return size, recurrent_name


def _check_shape(
    tensors: Mapping[str, Tensor], name: str, shape: tuple[int, ...], other: str, where: str, *more
) -> None:
    if tuple(tensors[name].shape) != shape:
        others = " and ".join(f"{n} {tuple(tensors[n].shape)}" for n in (other, *more))
        raise CheckpointError(
            f"{where}: {name} has shape {tuple(tensors[name].shape)}, but {others} asks for "
            f"{shape}; these tensors do not belong to one model"
        )


def _refuse_unknown(tensors: Mapping[str, Tensor], used: set[str], where: str) -> None:
    """Refuse weights that have no place in the network: without them it would be another one."""
    unknown = [
        f"{name} {tuple(tensor.shape)}"
        for name, tensor in tensors.items()
        if name not in used and tensor.is_floating_point() and tensor.numel()
    ]
    if unknown:
        raise CheckpointError(
            f"{where} has tensors that are no part of an LSTM language model of embedding, LSTM "
            f"layers and decoder: {_listed(unknown)}. If they play no part in prediction, save a "
            "state_dict without them; if one is the embedding or the decoder, name it "
            "encoder.weight or decoder.weight there"
        )


def refuse_not_finite(tensors: Mapping[str, Tensor], used: Iterable[str], where: str) -> None:
    """Refuse tensors with values that are no finite floating-point numbers.

    Raises
    ------
    CheckpointError
        If one of `used` has any.
    """
    for name in sorted(used):
        if tensors[name].dtype not in _FLOATING:
            raise CheckpointError(
                f"{where}: {name} is of type {str(tensors[name].dtype).removeprefix('torch.')}; "
                "expected float16, bfloat16, float32 or float64"
            )
        bad = int((~torch.isfinite(tensors[name])).sum())
        if bad:
            raise CheckpointError(
                f"{where}: {name} has {bad} of {tensors[name].numel()} values that are NaN or "
                "infinite; training diverged or the file is damaged, use another checkpoint"
            )
