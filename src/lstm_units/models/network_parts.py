"""Which tensors of a checkpoint are the embedding, the LSTM layers and the decoder.

In a pickled module the classes of the modules say so; in a state dict, and inside classes of the
user's, the names do. What neither says is asked for: see `Choice`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lstm_units.errors import CheckpointError
from lstm_units.models.module_outline import Contents, listed, same_view

EMBEDDING_NAMES = re.compile(
    r"encoder|((word|token|input)_?)?(emb|embeds?|embeddings?|embedder)|embed_tokens|emb_luts"
    r"|lookup|wte"
)
DECODER_NAMES = re.compile(
    r"decoder|out|output(_layer|_projection)?|out_(layer|proj)|linear|fc(_out)?|(lm_)?head"
    r"|generator|proj|projection|softmax|(hidden2|to_)(words?|vocab)"
)
_LSTM_NAME = re.compile(
    r"(?P<path>.*?)(?P<kind>weight|bias)_(?P<side>ih|hh|hr)(_l(?P<layer>\d{1,9}))?"
    r"(?P<reverse>_reverse)?(?P<raw>_raw)?"
)
_STACK = re.compile(r"(rnn|lstm|layer|cell)s?\d*")
_MOST_COPIES = 8  # of one tensor, or network, that are compared number by number

Slot = tuple[Literal["weight", "bias"], Literal["ih", "hh"]]
Layer = dict[Slot, str]


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


@dataclass(frozen=True)
class Network:
    """The names of a language model's tensors in a checkpoint.

    Parameters
    ----------
    embedding : str
    layers : tuple of dict
        For each layer the names by kind and side, such as ``("weight", "ih")``.
    decoder, decoder_bias : str or None
    passed_over : dict of str to str
        The other tensors, with the reason why they are no part of it.
    """

    embedding: str
    layers: tuple[Layer, ...]
    decoder: str | None
    decoder_bias: str | None
    passed_over: dict[str, str]


def find_network(contents: Contents, vocabulary_size: int, choice: Choice) -> Network:
    """Find the language model in a checkpoint.

    Parameters
    ----------
    contents : Contents
    vocabulary_size : int
        Number of words.
    choice : Choice

    Returns
    -------
    Network

    Raises
    ------
    CheckpointError
        If a part is missing, there are two of it, or the file holds anything that would make
        another network of it.
    """
    _refuse_modules(contents)
    if contents.unreadable:
        held = listed(f"{name} is {what}" for name, what in contents.unreadable.items())
        raise CheckpointError(
            f"{contents.where} has tensors that cannot be read here: {held}. Save a state_dict "
            "with plain tensors in their place, or without those that play no part in prediction"
        )
    passed = dict(contents.passed_over)
    paths, stacks, shadows = _lstm_layers(contents, choice)
    passed |= shadows
    layers = [layer for path in paths for layer in stacks[path]]
    used = {name for layer in layers for name in layer.values()}
    embeddings = _embeddings(contents, layers, choice)
    if choice.layers is None:
        _refuse_networks_side_by_side(contents, paths, embeddings)
    embedding = _only_one(contents, embeddings, "embedding")
    if embedding is None:
        raise missing(
            "an embedding matrix such as encoder.weight (if it has another name, name it as "
            "embedding)",
            contents,
        )
    rows = {vocabulary_size, len(contents.tensors[embedding])}
    decoders = _decoders(contents, layers, choice, rows, set(embeddings))
    decoder = _only_one(contents, decoders, "decoder")
    biases = _biases(contents, choice, rows, decoders)
    bias = _only_one(contents, biases, "decoder bias", "decoder")
    if choice.layers is None:
        _refuse_networks_side_by_side(contents, paths, decoders)
    used |= {*embeddings, *decoders, *biases}
    passed |= _others(contents, used, contents.tensors.keys() - used - passed.keys())
    passed |= _unnamed(contents, choice, used, rows)
    left = contents.tensors.keys() - used - passed.keys()
    if left:
        raise CheckpointError(
            f"{contents.where} has tensors that are no part of an LSTM language model of "
            f"embedding, LSTM layers and decoder: {contents.listed(left)}. If they play no part in "
            "prediction, save a state_dict without them; if the network is one part of the file, "
            "name it as part; if one is the embedding or the decoder, name it as that"
        )
    return Network(embedding, tuple(layers), decoder, bias, passed)


def missing(what: str, contents: Contents) -> CheckpointError:
    """Return the error that something is not there."""
    return CheckpointError(
        f"{contents.where} lacks {what}; it holds {contents.listed() or 'no tensors'}"
    )


def equal(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape, type and values."""
    alike = (one.shape, one.dtype) == (other.shape, other.dtype)
    return same_view(one, other) or (alike and torch.equal(one, other))


def _refuse_modules(contents: Contents) -> None:
    """Refuse modules that compute something which is not done here."""
    bad = {path: module.class_name for path, module in contents.modules.items()}
    bad = {path: name for path, name in bad.items() if _changes_numbers(contents, path)}
    if bad:
        held = listed(f"{path} ({name})" for path, name in bad.items())
        raise CheckpointError(
            f"{contents.where} has modules that are not applied here: {held}. A network without "
            "them gives other numbers. Only if its forward never calls them, save the weights "
            "alone, with torch.save(model.state_dict(), path)"
        )
    for path, module in contents.modules.items():
        hooks = [module.attributes.get(name) for name in ("_forward_hooks", "_forward_pre_hooks")]
        if any(isinstance(hook, Mapping) and hook for hook in hooks):
            raise CheckpointError(
                f"{contents.where}: {path or 'the network'} has a hook that changes what it "
                "computes (weight_norm, spectral_norm or one of your own). Remove it, such as with "
                "torch.nn.utils.remove_weight_norm, and save the checkpoint again"
            )


def _changes_numbers(contents: Contents, path: str) -> bool:
    module = contents.modules[path]
    if module.role != "softmax":
        return module.role == "other"
    # Over words a softmax changes nothing: log-probabilities are taken of what it gives. Elsewhere
    # it does; where it stands is known in a Sequential only.
    parent = contents.modules.get(module.parent or "")
    if parent is None or not parent.ordered:
        return False
    prefix = f"{module.parent}." if module.parent else ""
    place = [*parent.children, path.removeprefix(prefix)].index(path.removeprefix(prefix))
    after = [contents.modules.get(f"{prefix}{name}") for name in parent.children[place + 1 :]]
    return any(module is not None and module.role != "nothing" for module in after)


# LSTM layers


def _lstm_layers(
    contents: Contents, choice: Choice
) -> tuple[list[str], dict[str, list[Layer]], dict[str, str]]:
    """Return paths of recurrent modules in order, their layers, and what is passed over."""
    groups: dict[str, dict[int, Layer]] = {}
    passed: dict[str, str] = {}
    where = contents.where
    for name in sorted(contents.tensors, key=lambda n: (n.endswith("_raw"), n)):
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
        layer = groups.setdefault(path, {}).setdefault(int(match["layer"] or 0), {})
        before = layer.get((match["kind"], match["side"]))
        if before is not None and match["raw"]:
            passed[before] = f"{name} with the dropout of the last batch"
        elif before is not None and equal(contents.tensors[before], contents.tensors[name]):
            passed[before] = f"a copy of {name}"
        elif before is not None:
            raise CheckpointError(f"{where} has {before} and {name} in one place, and they differ")
        layer[match["kind"], match["side"]] = name
    if not groups:
        raise missing("LSTM weights such as rnn.weight_ih_l0", contents)
    if choice.layers is not None:
        paths = [_named_layer(contents, groups, name, choice) for name in choice.layers]
        for path in groups.keys() - set(paths):
            names = (name for layer in groups[path].values() for name in layer.values())
            passed |= dict.fromkeys(names, "not among the layers named")
    else:
        paths, copies = _in_order(contents, groups)
        passed |= copies
    stacks = {path: _stack(contents, path, groups[path]) for path in paths}
    return paths, stacks, passed


def _named_layer(
    contents: Contents, groups: Mapping[str, object], name: str, choice: Choice
) -> str:
    for path in (name, f"{choice.part}.{name}"):
        if f"{path}." in groups:
            return f"{path}."
    paths = listed(path.removesuffix(".") or "(the top)" for path in groups)
    raise CheckpointError(f"{contents.where} has no layers {name!r}; those it has are {paths}")


def _stack(contents: Contents, path: str, numbered: Mapping[int, Layer]) -> list[Layer]:
    """Check the layers of one recurrent module and return them, the lowest first."""
    layers = [numbered[number] for number in sorted(numbered)]
    for number, layer in zip(sorted(numbered), layers, strict=True):
        for side, other in (("ih", "hh"), ("hh", "ih")):
            if ("weight", side) not in layer:
                beside = layer.get(("weight", other)) or next(iter(layer.values()))
                raise missing(f"weight_{side} beside {beside}", contents)
        if number and number - 1 not in numbered:
            raise missing(f"the layer before {layer['weight', 'ih']}", contents)
    owners = (contents.modules.get(name) for name in (path.removesuffix("."), f"{path}module"))
    held = next((each.attributes for each in owners if each and each.role == "lstm"), {})
    _check_lstm_module(contents, path, held, len(layers))
    biases = [name for layer in layers for (kind, _), name in layer.items() if kind == "bias"]
    if (biases or held.get("bias") is True) and len(biases) < 2 * len(layers):
        for layer in layers:
            for side in ("ih", "hh"):
                if ("bias", side) not in layer:
                    owner, _, name = layer["weight", side].rpartition("weight")
                    name = f"{owner}bias{name.removesuffix('_raw')}"
                    there = f"; {listed(biases)} are there" if biases else ""
                    raise CheckpointError(
                        f"{contents.where} lacks {name}{there}. A layer has both biases or none; "
                        "save the checkpoint again with it"
                    )
    return layers


def _check_lstm_module(
    contents: Contents, path: str, held: Mapping[str, object], layers: int
) -> None:
    """Check that a recurrent module is what its tensors look like."""
    where, name = contents.where, path.removesuffix(".")
    if held.get("mode", "LSTM") != "LSTM":
        raise CheckpointError(f"{where} is no LSTM: {name} is of mode {held['mode']}")
    if held.get("bidirectional", False):
        raise CheckpointError(
            f"{where} is bidirectional ({name}); a language model reads from left to right"
        )
    if held.get("proj_size", 0):
        raise CheckpointError(f"{where} is an LSTM with projections ({name}), not supported")
    if held.get("num_layers", layers) != layers:
        raise CheckpointError(
            f"{where}: {name} has the weights of {layers} layers, but num_layers is "
            f"{held['num_layers']}; save the checkpoint again"
        )


def _in_order(
    contents: Contents, groups: Mapping[str, Mapping[int, Layer]]
) -> tuple[list[str], dict[str, str]]:
    """Sort recurrent modules from the lowest to the highest; copies of one are passed over."""
    paths = sorted(groups)
    if len(paths) == 1:
        _refuse_upper_alone(contents, paths[0], groups[paths[0]])
        return paths, {}
    keys = _order_keys(contents, paths)
    if keys is not None:
        return sorted(paths, key=keys.get), {}
    passed: dict[str, str] = {}
    kept = paths[:1]
    for path in paths[1:]:
        copy_of = None
        if len(paths) <= _MOST_COPIES:
            copies = (
                other for other in kept if _same_layers(contents, groups[other], groups[path])
            )
            copy_of = next(copies, None)
        if copy_of is None:
            kept.append(path)
        else:
            names = (name for layer in groups[path].values() for name in layer.values())
            passed |= dict.fromkeys(names, f"a copy of {copy_of.removesuffix('.')}")
    if len(kept) > 1:
        raise CheckpointError(
            f"{contents.where} has more than one recurrent network: "
            f"{listed(path.removesuffix('.') for path in kept)}. Name the layers of the language "
            "model, the lowest first, as layers, or its part of the file as part"
        )
    return kept, passed


def _same_layers(contents: Contents, one: Mapping[int, Layer], other: Mapping[int, Layer]) -> bool:
    return one.keys() == other.keys() and all(
        one[number].keys() == other[number].keys()
        and all(
            equal(contents.tensors[one[number][slot]], contents.tensors[other[number][slot]])
            for slot in one[number]
        )
        for number in one
    )


def _order_keys(contents: Contents, paths: Sequence[str]) -> dict[str, tuple[int, ...]] | None:
    """Return what modules are sorted by: their place in a Sequential, or the number in their name.

    None if their names differ in more than numbers, so that the file does not say their order.
    """
    split = [path.removesuffix(".").split(".") for path in paths]
    if len({len(parts) for parts in split}) > 1:
        return None
    keys: list[list[int]] = [[] for _ in paths]
    for place, column in enumerate(zip(*split, strict=True)):
        if len(set(column)) == 1:
            continue
        parent = contents.modules.get(".".join(split[0][:place]))
        known = parent is not None and parent.ordered and {*column} <= {*parent.children}
        if known and not keys[0]:
            numbers = [parent.children.index(name) for name in column]
        else:
            numbers = _numbers(column)
            if numbers is None:
                return None
            if not keys[0] and not contents.modules:
                _refuse_gaps(contents, paths, numbers, named=not column[0].isdigit())
        for key, number in zip(keys, numbers, strict=True):
            key.append(number)
    return {path: tuple(key) for path, key in zip(paths, keys, strict=True)}


def _numbers(names: Sequence[str]) -> list[int] | None:
    """Return the numbers that names end in, or None if they differ in more than these.

    One name may go without, as in ``lstm, lstm2``: it is the first.
    """
    number = re.compile(r"\d{1,9}(?=\D*$)")
    found = [number.search(name) for name in names]
    if len({number.sub("", name) for name in names}) > 1 or found.count(None) > 1:
        return None
    given = [int(match[0]) for match in found if match]
    return [int(match[0]) if match else min(given) - 1 for match in found]


def _refuse_gaps(
    contents: Contents, paths: Sequence[str], numbers: Sequence[int], named: bool
) -> None:
    """Refuse modules of which one is left out. A list counts from 0, names may count from 1."""
    ordered = sorted(set(numbers))
    start = ordered[0] if named and ordered[0] in (-1, 1) else 0
    for place, number in enumerate(ordered, start):
        if place != number:
            path = paths[list(numbers).index(number)].removesuffix(".")
            raise missing(f"the layer before {path} (or name the layers as layers)", contents)


def _refuse_upper_alone(contents: Contents, path: str, numbered: Mapping[int, Layer]) -> None:
    """Refuse the upper module of a list, such as ``rnns.1``, whose lower ones are gone."""
    parts = path.removesuffix(".").split(".")
    listed_upper = len(parts) > 1 and parts[-1].isdigit() and int(parts[-1]) > 0
    if listed_upper and _STACK.fullmatch(parts[-2]) and not contents.modules:
        raise missing(f"the layer before {path.removesuffix('.')}", contents)


# Embedding and decoder


def _word(name: str) -> str:
    """Return the word that says what a tensor belongs to: ``generator`` for generator.0.weight."""
    parts = name.split(".")[:-1]
    while parts and (parts[-1].isdigit() or parts[-1] == "module"):
        parts.pop()
    return re.sub(r"_?\d+$", "", parts[-1].lower()) if parts else ""


def _belonging(
    contents: Contents, last: str, dimensions: int, role: str, words: re.Pattern[str]
) -> Iterator[str]:
    """Yield the tensors of modules of a role, or under a name that stands for it."""
    for name, tensor in contents.tensors.items():
        if name.rpartition(".")[2] != last or tensor.dim() != dimensions:
            continue
        module = contents.owner(name)
        if module is None or module.role == "own":
            if words.fullmatch(_word(name)):
                yield name
        elif module.role == role:
            yield name


def _by_place(contents: Contents, layers: Sequence[Layer], after: bool) -> list[str]:
    """Return matrices that only a place names, before or after the layers.

    In the state dict of a Sequential the embedding is ``0.weight`` and the decoder ``2.weight``; in
    a list of two state dicts the decoder is ``1.weight``.
    """
    layer = layers[-1 if after else 0]["weight", "ih"].split(".")
    found = []
    for name, tensor in contents.tensors.items():
        *prefix, last = name.split(".")
        number = prefix.pop() if prefix else ""
        if last != "weight" or not number.isdigit() or tensor.dim() != 2:
            continue
        here = layer[len(prefix)] if layer[: len(prefix)] == prefix else ""
        if here.isdigit() and number != here and (int(number) > int(here)) == after:
            found.append(name)
    return found


def _named(contents: Contents, name: str, what: str, choice: Choice, last: str = "weight") -> str:
    """Return the tensor that the user names, by its path or that of its module."""
    inside = [name, f"{choice.part}.{name}"] if choice.part else [name]
    for path in (each for start in inside for each in (start, f"{start}.{last}")):
        if path in contents.tensors and contents.tensors[path].dim() == (
            2 if last == "weight" else 1
        ):
            return path
    raise missing(f"{name}, which is named as {what}", contents)


def _embeddings(contents: Contents, layers: Sequence[Layer], choice: Choice) -> list[str]:
    """Return the names of the embedding matrix, or of several."""
    if choice.embedding is not None:
        return [_named(contents, choice.embedding, "embedding", choice)]
    found = [*_belonging(contents, "weight", 2, "embedding", EMBEDDING_NAMES)]
    return found or _by_place(contents, layers, after=False)


def _decoders(
    contents: Contents,
    layers: Sequence[Layer],
    choice: Choice,
    rows: set[int],
    embeddings: set[str],
) -> list[str]:
    """Return the names of the decoder's matrix, or of several; none if it has no matrix."""
    if choice.decoder is not None:
        for path in (choice.decoder, f"{choice.part}.{choice.decoder}"):
            if f"{path}.bias" in contents.tensors and f"{path}.weight" not in contents.tensors:
                return []
        return [_named(contents, choice.decoder, "decoder", choice)]
    found = [*_belonging(contents, "weight", 2, "linear", DECODER_NAMES)]
    found = found or _by_place(contents, layers, after=True)
    # A matrix with other rows than words is another part, and is refused under its own name.
    return [n for n in found if len(contents.tensors[n]) in rows and n not in embeddings]


def _biases(
    contents: Contents, choice: Choice, rows: set[int], decoders: Sequence[str]
) -> list[str]:
    """Return the biases beside the decoder's matrix; a tied decoder may have only a bias."""
    if decoders:
        names = [f"{name.removesuffix('weight')}bias" for name in decoders]
        return [name for name in names if name in contents.tensors and name not in decoders]
    if choice.decoder is not None:
        return [_named(contents, choice.decoder, "decoder", choice, "bias")]
    found = _belonging(contents, "bias", 1, "linear", DECODER_NAMES)
    return [name for name in found if len(contents.tensors[name]) in rows]


def _only_one(
    contents: Contents, names: Sequence[str], what: str, option: str | None = None
) -> str | None:
    """Return the first of several names of one tensor.

    Raises
    ------
    CheckpointError
        If they are not equal.
    """
    tensors = contents.tensors
    views: list[str] = []
    for name in names:
        if not any(same_view(tensors[name], tensors[other]) for other in views[:_MOST_COPIES]):
            views.append(name)
    many = len(views) > _MOST_COPIES
    if many or any(not equal(tensors[views[0]], tensors[name]) for name in views[1:]):
        raise CheckpointError(
            f"{contents.where} has more than one {what}: {contents.listed(names)}. Name the one of "
            f"the language model as {option or what}, or its part of the file as part"
        )
    return names[0] if names else None


def _refuse_networks_side_by_side(contents: Contents, paths: Sequence[str], ends: set[str]) -> None:
    """Refuse networks in a list, as of an ensemble: each has an embedding or a decoder."""
    split = [path.removesuffix(".").split(".") for path in paths]
    columns = [len(set(column)) > 1 for column in zip(*split, strict=False)]
    if True not in columns:
        return
    place = columns.index(True) + 1
    starts = {".".join(parts[:place]) for parts in split}
    holding = [start for start in starts if any(name.startswith(f"{start}.") for name in ends)]
    if len(holding) > 1:
        raise CheckpointError(
            f"{contents.where} holds more than one network: {listed(holding)}. Name the one of "
            "the language model as part"
        )


def _others(contents: Contents, used: set[str], others: set[str]) -> dict[str, str]:
    """Return those of the other tensors that add nothing to the network."""
    found = {}
    known = {contents.tensors[name].data_ptr(): name for name in used}
    for name in sorted(others):
        tensor, owner = contents.tensors[name], contents.owner(name)
        alias = known.get(tensor.data_ptr())
        if owner is not None and owner.role == "nothing":
            found[name] = f"of a {owner.class_name}"
        elif not tensor.numel():
            found[name] = "it is empty"
        elif alias is not None and same_view(tensor, contents.tensors[alias]):
            found[name] = f"another name of {alias}"
        elif not tensor.is_floating_point() and not tensor.is_complex():
            found[name] = "whole numbers"
    return found


def _unnamed(contents: Contents, choice: Choice, used: set[str], rows: set[int]) -> dict[str, str]:
    """Return the other embeddings or decoders where the user says which one is meant."""
    found: dict[str, str] = {}
    for option, role, words in (
        ("embedding", "embedding", EMBEDDING_NAMES),
        ("decoder", "linear", DECODER_NAMES),
    ):
        if getattr(choice, option) is None:
            continue
        names = [
            *_belonging(contents, "weight", 2, role, words),
            *_belonging(contents, "bias", 1, role, words),
        ]
        names = [name for name in names if len(contents.tensors[name]) in rows]
        found |= {name: f"not the {option} named" for name in names if name not in used}
    return found
