"""The weights of a language model under one set of names, checked.

Canonical names, in files of the project: ``encoder.weight``; for each layer from 0
``rnn.weight_ih_l0``, ``rnn.weight_hh_l0``, ``rnn.bias_ih_l0``, ``rnn.bias_hh_l0``;
``decoder.weight`` when it is not the embedding; ``decoder.bias`` when there is one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from lstm_units.errors import CheckpointError
from lstm_units.models.contents import Choice, Contents, equal, listed, same_view
from lstm_units.models.formats import read_safetensors
from lstm_units.models.lstm_layers import Layer
from lstm_units.models.network_parts import Network, find_network

_FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_SHARED = 4  # times the size of its file that a network of layers with shared weights may take
_SMALL = 1 << 24  # bytes that any network may take

OWN = "own"
EQUAL = "tied: its matrix equals the embedding"
ABSENT = "tied: the file has no matrix for it"


@dataclass(frozen=True)
class Origin:
    """What weights were made of.

    Parameters
    ----------
    tensors : dict of str to str
        For each canonical name the name in the file.
    decoder : str
        Whether the decoder has a matrix of its own, or why it is tied.
    zeros : tuple of str
        Canonical names of biases that the file has not.
    changed : tuple of str
        What was done to tensors of the file, in words.
    passed_over : dict of str to str
        What else the file holds, and why it is no part of the network.
    """

    tensors: dict[str, str] = field(default_factory=dict)
    decoder: str = OWN
    zeros: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    passed_over: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Weights:
    """The weights of a language model under canonical names, checked.

    Parameters
    ----------
    tensors : dict of str to Tensor
        As listed at the top of the module; without ``decoder.weight`` when the model is tied.
    layer_sizes : tuple of int
        Number of units of each layer.
    origin : Origin
    """

    tensors: dict[str, Tensor]
    layer_sizes: tuple[int, ...]
    origin: Origin = field(default_factory=Origin)

    @property
    def tied(self) -> bool:
        """Whether the decoder reads the embedding matrix."""
        return "decoder.weight" not in self.tensors

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of all tensors."""
        return self.tensors["encoder.weight"].dtype


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
    tensors = read_safetensors(path).tensors
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
        wrong = listed(dict(shapes.items() ^ expected.items()))
        raise CheckpointError(
            f"{path}: {wrong}: missing, unknown, or of a shape that does not fit the vocabulary of "
            f"{vocabulary_size} words and the other tensors. Convert the checkpoint (again)"
        )
    refuse_not_finite(tensors, str(path))
    return Weights(tensors, tuple(sizes))


def canonical_weights(
    contents: Contents, vocabulary_size: int, choice: Choice | None = None
) -> Weights:
    """Find the weights of a language model in a checkpoint and check that they fit.

    Parameters
    ----------
    contents : Contents
        Of modules or of a state dict. Any prefix will do (``module.``, ``model.``, ``0.``). One
        LSTM of several layers, or one a layer (``rnns.0``, ``rnns.1``), plain or in AWD-LSTM's
        weight drop, or cells.
    vocabulary_size : int
        Number of words.
    choice : Choice, optional
        What the user says of the file.

    Returns
    -------
    Weights
        LSTM biases that a layer has not are zeros. The decoder is tied when it has no weight of its
        own, or one equal to the embedding. Types are kept; mixed ones become the widest.

    Raises
    ------
    CheckpointError
        If a tensor is missing, unknown, of a wrong shape, or not finite; if the network is
        bidirectional, has projections, or is no LSTM; if the vocabulary has another length.
    """
    choice = choice or Choice()
    network = find_network(contents, vocabulary_size, choice)
    tensors, cut = _without_padding(contents, network, vocabulary_size, choice)
    used = {"encoder.weight": network.embedding}
    embedding = tensors[network.embedding]
    below, below_name = embedding.shape[1], network.embedding
    sizes: list[int] = []
    zeros: list[str] = []
    for depth, layer in enumerate(network.layers):
        _check_layer(tensors, layer, below, below_name, contents.where)
        below, below_name = tensors[layer["weight", "hh"]].shape[1], layer["weight", "hh"]
        sizes.append(below)
        for kind in ("weight", "bias"):
            for side in ("ih", "hh"):
                name = f"rnn.{kind}_{side}_l{depth}"
                if (kind, side) in layer:
                    used[name] = layer[kind, side]
                else:
                    zeros.append(name)
    decoder = OWN
    if network.decoder is None:
        decoder = ABSENT
        if embedding.shape[1] != below:
            raise contents.lacks(
                f"a decoder such as decoder.weight (the embedding cannot serve as one: its rows "
                f"have {embedding.shape[1]} numbers, the last layer {below} units)"
            )
    else:
        shape = (vocabulary_size, below)
        _check_shape(tensors, network.decoder, shape, below_name, contents.where)
        decoder = EQUAL if equal(tensors[network.decoder], embedding) else OWN
    if decoder == OWN:
        used["decoder.weight"] = network.decoder
    if network.decoder_bias is None:
        zeros.append("decoder.bias")
    else:
        used["decoder.bias"] = network.decoder_bias
        owner = network.decoder or network.embedding
        shape = (vocabulary_size,)
        _check_shape(tensors, network.decoder_bias, shape, owner, contents.where)
    canonical = {name: tensors[source] for name, source in used.items()}
    _refuse_shared(contents, canonical)
    refuse_not_finite({source: tensors[source] for source in used.values()}, contents.where)
    limited, remark = _limit_norms(contents, network, canonical["encoder.weight"])
    if remark:
        if decoder == EQUAL:  # a matrix with the same numbers, which torch leaves as it is
            decoder, used["decoder.weight"] = OWN, network.decoder
            canonical["decoder.weight"] = canonical["encoder.weight"]
        canonical["encoder.weight"] = limited
    widest = embedding.dtype
    for tensor in canonical.values():
        widest = torch.promote_types(widest, tensor.dtype)
    for depth, size in enumerate(sizes):
        for side in ("ih", "hh"):
            canonical.setdefault(f"rnn.bias_{side}_l{depth}", torch.zeros(4 * size, dtype=widest))
    changed = [*([cut] if cut else []), *([remark] if remark else [])]
    origin = Origin(used, decoder, tuple(zeros), tuple(changed), network.passed_over)
    return Weights(_apart(canonical, widest), tuple(sizes), origin)


def _without_padding(
    contents: Contents, network: Network, words: int, choice: Choice
) -> tuple[dict[str, Tensor], str]:
    """Return the tensors without the rows that belong to no word, and what was done."""
    where, tensors = contents.where, contents.tensors
    rows, padding = len(tensors[network.embedding]), choice.padding_rows
    if not padding:
        if rows != words:
            more = "; or name the rows without a word as padding_rows" if rows > words else ""
            raise CheckpointError(
                f"{where}: the vocabulary has {words} words, but the embedding "
                f"{network.embedding} has {rows} rows; give the vocabulary the model was trained "
                f"with, one word a line in the order of the rows{more}"
            )
        return tensors, ""
    dropped = range(words + 1, rows + 1) if padding == "end" else sorted(set(padding))
    if (dropped and not 1 <= dropped[0] <= dropped[-1] <= rows) or rows - len(dropped) != words:
        raise CheckpointError(
            f"{where}: without {len(dropped)} padding_rows the embedding {network.embedding} of "
            f"{rows} rows does not fit the vocabulary of {words} words; rows count from 1 to {rows}"
        )
    if not dropped:
        return tensors, ""
    gone = {row - 1 for row in dropped}
    kept = torch.tensor([row for row in range(rows) if row not in gone])
    keep = slice(words) if padding == "end" else kept
    names = (network.embedding, network.decoder, network.decoder_bias)
    cut = {name: tensors[name][keep] for name in names if name and len(tensors[name]) == rows}
    what = f"{listed(cut)}: rows {', '.join(map(str, dropped))} left out, which belong to no word"
    return tensors | cut, what


def _limit_norms(contents: Contents, network: Network, embedding: Tensor) -> tuple[Tensor, str]:
    """Scale rows down to the ``max_norm`` of the embedding's module, as its forward does."""
    module = contents.owner(network.embedding)
    limit = module.attributes.get("max_norm") if module is not None else None
    if limit is None:
        return embedding, ""
    norm = module.attributes.get("norm_type", 2.0)
    numbers = isinstance(limit, int | float) and isinstance(norm, int | float)
    if not numbers or not 0 < limit < 1e38 or not norm > 0:
        raise CheckpointError(
            f"{contents.where}: {network.embedding} has max_norm {limit!r} and norm_type {norm!r}; "
            "expected numbers above 0"
        )
    limited = embedding.clone()
    torch.embedding_renorm_(limited, torch.arange(len(limited)), float(limit), float(norm))
    if torch.equal(limited, embedding):
        return embedding, ""
    whole = contents.tensors
    if network.decoder is None or same_view(whole[network.decoder], whole[network.embedding]):
        raise CheckpointError(
            f"{contents.where}: {network.embedding} has max_norm {limit:g} and is the decoder too, "
            "so that what the network says depends on which words it has read. Run each word "
            "through the embedding once, which scales all rows, and save the checkpoint again"
        )
    return limited, f"{network.embedding}: rows scaled to max_norm {limit:g} (norm_type {norm:g})"


def _apart(tensors: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Return tensors of one type that share no memory and hold no more than they need."""
    apart: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in tensors.items():
        tensor = tensor.to(dtype).contiguous()
        own = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.itemsize
        if not own or tensor.data_ptr() in taken:
            tensor = tensor.clone()
        taken.add(tensor.data_ptr())
        apart[name] = tensor
    return apart


def _check_layer(
    tensors: Mapping[str, Tensor], layer: Layer, below: int, below_name: str, where: str
) -> None:
    recurrent_name = layer["weight", "hh"]
    recurrent = tensors[recurrent_name]
    gates = recurrent.shape[0] / recurrent.shape[1] if recurrent.dim() == 2 else 0
    if gates != 4:
        kinds = {3.0: "that is a GRU", 1.0: "that is a simple recurrent network"}
        raise CheckpointError(
            f"{where} is no LSTM: {recurrent_name} has shape {tuple(recurrent.shape)}"
            f"{' and ' + kinds[gates] if gates in kinds else ''}; expected (4 * units, units)"
        )
    size = recurrent.shape[1]
    shape = (4 * size, below)
    _check_shape(tensors, layer["weight", "ih"], shape, below_name, where, recurrent_name)
    for side in ("ih", "hh"):
        if ("bias", side) in layer:
            _check_shape(tensors, layer["bias", side], (4 * size,), recurrent_name, where)


def _check_shape(
    tensors: Mapping[str, Tensor], name: str, shape: tuple[int, ...], other: str, where: str, *more
) -> None:
    if tuple(tensors[name].shape) != shape:
        others = " and ".join(f"{n} {tuple(tensors[n].shape)}" for n in (other, *more))
        raise CheckpointError(
            f"{where}: {name} has shape {tuple(tensors[name].shape)}, but {others} asks for "
            f"{shape}; these tensors do not belong to one model"
        )


def _refuse_shared(contents: Contents, tensors: Mapping[str, Tensor]) -> None:
    """Refuse tensors that share numbers so often that they would fill the memory apart."""
    needed = sum(tensor.numel() * tensor.itemsize for tensor in tensors.values())
    if contents.size is not None and needed > _SHARED * contents.size + _SMALL:
        raise CheckpointError(
            f"{contents.where} has {contents.size:,} bytes, but its tensors would take "
            f"{needed:,}: they share their numbers. Such a network is not read"
        )


def refuse_not_finite(tensors: Mapping[str, Tensor], where: str) -> None:
    """Refuse tensors with values that are no finite floating-point numbers.

    Raises
    ------
    CheckpointError
        If one has any.
    """
    for name, tensor in sorted(tensors.items()):
        if tensor.dtype not in _FLOATING:
            raise CheckpointError(
                f"{where}: {name} is of type {str(tensor.dtype).removeprefix('torch.')}; "
                "expected float16, bfloat16, float32 or float64"
            )
        finite = torch.isfinite(tensor)
        if not finite.all():  # a tenth of the time that a count takes
            bad = int((~finite).sum())
            raise CheckpointError(
                f"{where}: {name} has {bad} of {tensor.numel()} values that are NaN or "
                "infinite; training diverged or the file is damaged, use another checkpoint"
            )
