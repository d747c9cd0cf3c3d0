"""The recurrent layers of a checkpoint: which tensors they are, and which layer comes first."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from lstm_units.errors import CheckpointError
from lstm_units.models.contents import MOST_COPIES, Choice, Contents, equal, listed

_LSTM_NAME = re.compile(
    r"(?P<path>.*?)(?P<kind>weight|bias)_(?P<side>ih|hh|hr)(_l(?P<layer>\d{1,9}))?"
    r"(?P<reverse>_reverse)?(?P<raw>_raw)?"
)
_WRAPPED = re.compile(r"(?:^|(?<=\.))module\.$")
_UPPER = re.compile(r"(.*\.)?(rnn|lstm|layer|cell)s?\d*\.[1-9]\d*\.")

Slot = tuple[Literal["weight", "bias"], Literal["ih", "hh"]]
Layer = dict[Slot, str]


def lstm_layers(
    contents: Contents, choice: Choice
) -> tuple[list[tuple[str, list[Layer]]], dict[str, str]]:
    """Find the recurrent layers.

    Parameters
    ----------
    contents : Contents
    choice : Choice

    Returns
    -------
    modules : list of (str, list of dict)
        Path of each recurrent module, the lowest first, and for each of its layers the names of its
        tensors by kind and side, such as ``("weight", "ih")``.
    passed_over : dict of str to str
        Other tensors with such names, and why they are no part of the network.

    Raises
    ------
    CheckpointError
        If there are none, one has not all its tensors, they are of another kind than plain LSTMs
        from left to right, or the file does not say which comes first.
    """
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
        path = _WRAPPED.sub("", match["path"])
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
        raise contents.lacks("LSTM weights such as rnn.weight_ih_l0")
    if choice.layers is not None:
        paths = [_named_layer(contents, groups, name, choice) for name in choice.layers]
        for path in groups.keys() - set(paths):
            names = (name for layer in groups[path].values() for name in layer.values())
            passed |= dict.fromkeys(names, "not among the layers named")
    else:
        paths, copies = _in_order(contents, groups)
        passed |= copies
    return [(path, _stack(contents, path, groups[path])) for path in paths], passed


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
                raise contents.lacks(f"weight_{side} beside {beside}")
        if number and number - 1 not in numbered:
            raise contents.lacks(f"the layer before {layer['weight', 'ih']}")
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
        _refuse_upper_alone(contents, paths[0])
        return paths, {}
    keys = _order_keys(contents, paths)
    if keys is not None:
        return sorted(paths, key=keys.get), {}
    passed: dict[str, str] = {}
    kept = paths[:1]
    for path in paths[1:]:
        before = kept if len(paths) <= MOST_COPIES else []
        same = (one for one in before if _same_layers(contents, groups[one], groups[path]))
        copy_of = next(same, None)
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
                _refuse_gaps(contents, paths, numbers, named=not column[0].isdecimal())
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
            raise contents.lacks(f"the layer before {path} (or name the layers as layers)")


def _refuse_upper_alone(contents: Contents, path: str) -> None:
    """Refuse the upper module of a list, such as ``rnns.1``, whose lower ones are gone."""
    if _UPPER.fullmatch(path) and not contents.modules:
        raise contents.lacks(f"the layer before {path.removesuffix('.')}")


def refuse_networks_side_by_side(
    contents: Contents, paths: Sequence[str], ends: Iterable[str]
) -> None:
    """Refuse networks in a list, as of an ensemble.

    Parameters
    ----------
    contents : Contents
    paths : sequence of str
        Of the recurrent modules.
    ends : iterable of str
        Names of embeddings or decoders.

    Raises
    ------
    CheckpointError
        If two of the modules have an embedding or a decoder beside them.
    """
    split = [path.removesuffix(".").split(".") for path in paths]
    columns = [len(set(column)) > 1 for column in zip(*split, strict=False)]
    if True not in columns:
        return
    place = columns.index(True) + 1
    starts = {".".join(parts[:place]) for parts in split}
    holding = starts & {".".join(name.split(".")[:place]) for name in ends}
    if len(holding) > 1:
        raise CheckpointError(
            f"{contents.where} holds more than one network: {listed(holding)}. Name the one of "
            "the language model as part"
        )
