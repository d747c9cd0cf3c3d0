"""From what a pickle held to its tensors by their paths, and the modules that they belong to.

No tensor is left out: each stands among the readable or the unreadable ones, or in what is passed
over, with the reason.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from torch import Tensor

from lstm_units.checkpoint_files.pickled_values import Name
from lstm_units.checkpoint_files.unpickling import PickledTensor, StandIn, UnreadableTensor
from lstm_units.errors import CheckpointError
from lstm_units.models.contents import LONGEST_NAME, Contents, Module, same_view

# Whole names of entries and attributes that hold no part of a network.
_TRAINING = "state of the training"
_ASIDE = {
    _TRAINING: re.compile(
        r"optim(izer)?s?|opt|optim(izer)?s?_states?(_dicts?)?|.*_optim(izer)?(_state(_dict)?)?"
        r"|(lr_)?schedulers?(_state(_dict)?)?|(grad_)?scaler|amp|.*(rng|random)_states?",
        re.IGNORECASE,
    ),
    "settings": re.compile(r"(train_)?args|opts?|config|cfg|hparams|hyper_parameters"),
    "the vocabulary": re.compile(r"vocab(ulary)?|dictionary|fields?|corpus", re.IGNORECASE),
}
_HIDDEN = re.compile(r"hiddens?|hidden_states?|states?|[hc]_?[0n]?|[hc]x")
_MEASURE = r"loss(es)?|ppls?|perplexit(y|ies)|bpcs?|accs?|accurac(y|ies)"  # also in lists
_MOMENT = r"(_(epoch|step|best|mean|avg))?"
_MEASURED = re.compile(rf"(.*_)?({_MEASURE}){_MOMENT}", re.IGNORECASE)
_RECORD = re.compile(
    rf"(.*_)?({_MEASURE}|scores?|epochs?|steps?|lrs?|best|metrics?|times?){_MOMENT}"
    r"|callbacks|loops|history|logs?|stats|results",
    re.IGNORECASE,
)
_WEIGHTS = re.compile(r"(.*\.)?(weight|bias)(_(ih|hh)(_l\d+)?)?(_raw)?")
_GROUPS = ("_parameters", "_buffers", "_modules")
# What torch's recurrent modules hold besides: their parameters once more, cuDNN's random state.
_OF_TORCH = frozenset({"_flat_weights", "_flat_weight_refs", "_data_ptrs", "dropout_state"})
_MOST = 100_000_000  # entries, and characters of paths; a thousand layers have some 100,000


def in_part(names: Iterable[str], part: str | None, where: str) -> None:
    """Check that a part of a checkpoint holds something.

    Raises
    ------
    CheckpointError
        If no name begins with it.
    """
    if part is not None and not any(name.startswith(f"{part}.") for name in names):
        raise CheckpointError(
            f"{where} has no part {part!r} that holds tensors. A part is named by what leads to "
            "it: keys, places in lists, names of modules, joined by dots"
        )


@dataclass(frozen=True)
class _Found:
    """Something on the way through a file; `aside` is (path, reason) of what it is passed with."""

    path: str
    value: Any
    parent: str | None = None
    aside: tuple[str, str] | None = None


def outline(loaded: Any, where: str, part: str | None = None, size: int | None = None) -> Contents:
    """Collect what a pickle held.

    Parameters
    ----------
    loaded : object
        From `lstm_units.checkpoint_files.unpickling.load_pickled`.
    where : str
        The file, for messages.
    part : str, optional
        Path of the part to look into.
    size : int, optional
        Bytes of the file, which bound how large a tensor can be.

    Returns
    -------
    Contents

    Raises
    ------
    CheckpointError
        If two tensors have one path, a layer stands in two places, what should be a module of torch
        is none, or the names take more memory than those of any network.
    """
    contents = Contents(where, size=size)
    room = _MOST
    seen: set[tuple[int, bool]] = set()  # an optimizer may hold modules before the model does
    pending = [_Found("", loaded)]
    first: dict[int, str] = {}
    while pending:
        found = pending.pop()
        if part is not None and f"{part}.".startswith(f"{found.path}."):
            found = replace(found, aside=None)
        path, value = found.path, found.value
        room -= len(path) + _size(value)
        if room < 0:
            raise CheckpointError(
                f"{where} is nested too deeply, or names too many things, to hold a network"
            )
        if isinstance(value, PickledTensor | UnreadableTensor):
            _add_tensor(contents, found, value)
            continue
        counted = found.aside is None
        function = _function(value)
        if function is not None and counted and found.parent is not None:
            contents.functions[path] = function
        if counted and id(value) in first:
            _refuse_repeated_layer(contents, first[id(value)], path)
        if (id(value), counted) in seen:
            continue
        seen.add((id(value), counted))
        is_module = isinstance(value, StandIn) and _is_module(value, found, where)
        if is_module and counted:
            first[id(value)] = path
            contents.modules[path] = Module(value.dotted_name, value.state, found.parent)
        inside = [*_inside(found, value, is_module)]
        pending.extend(each for each in reversed(inside) if _on_the_way(each.path, part))
    return contents


def _size(value: Any) -> int:
    """Count what is looked at in a container or a module."""
    if isinstance(value, StandIn) and isinstance(value.state, Mapping):
        groups = (value.state.get(name) for name in _GROUPS)
        return len(value.state) + sum(len(each) for each in groups if isinstance(each, Mapping))
    return len(value) if isinstance(value, Mapping | list | tuple | set | frozenset) else 1


def _on_the_way(path: str, part: str | None) -> bool:
    return part is None or f"{path}.".startswith(f"{part}.") or f"{part}.".startswith(f"{path}.")


def _function(value: Any) -> str | None:
    """Return the name of a function of torch's; builtin ones are attributes of a class."""
    match value:
        case Name(name) | StandIn("builtins.getattr", (Name(), name)) if isinstance(name, str):
            last = name.rpartition(".")[2]
            torchs = isinstance(value, StandIn) or name.startswith("torch.nn.functional.")
            return last if torchs and last.islower() else None
    return None


def _is_module(value: StandIn, found: _Found, where: str) -> bool:
    state = value.state if isinstance(value.state, Mapping) else {}
    if all(isinstance(state.get(group), Mapping) for group in _GROUPS):
        return True
    named = value.dotted_name.startswith("torch.nn." if not found.path else "torch.nn.modules.")
    if named or not state.keys().isdisjoint(_GROUPS):
        raise CheckpointError(
            f"{where}: {found.path or 'the saved object'} ({value.dotted_name}) is not a torch "
            "module; save the weights with torch.save(model.state_dict(), path)"
        )
    return False


def _refuse_repeated_layer(contents: Contents, first: str, again: str) -> None:
    """Refuse a module that is applied twice: its parameters would be read once."""
    alike = re.sub(r"\d+", "", first) == re.sub(r"\d+", "", again)
    if alike and first != again and contents.modules[first].role not in ("nothing", "embedding"):
        raise CheckpointError(
            f"{contents.where}: {first} and {again} are one module, so that it is not clear how "
            "often it is applied; save torch.save(model.state_dict(), path), which lists both"
        )


def _add_tensor(contents: Contents, found: _Found, value: PickledTensor | UnreadableTensor) -> None:
    path = found.path
    if found.aside is not None:
        contents.passed_over[found.aside[0]] = found.aside[1]
    elif isinstance(value, UnreadableTensor):
        contents.unreadable[path] = value.what
    else:
        tensor = value.tensor()
        before = contents.tensors.get(path)
        if before is not None and not same_view(before, tensor):
            raise CheckpointError(f"{contents.where} has two tensors that are called {path}")
        if contents.size is not None and tensor.numel() > 16 * contents.size + (1 << 24):
            what = f"{tensor.numel():,} numbers in a file of {contents.size:,} bytes"
            contents.unreadable[path] = what
        elif _is_record(path, tensor):
            contents.passed_over[path] = "a record of the training"
        else:
            contents.tensors[path] = tensor


def _is_record(path: str, tensor: Tensor) -> bool:
    names = path.split(".")
    single = tensor.dim() == 0 and any(_RECORD.fullmatch(name) for name in names)
    return single or (tensor.dim() == 1 and _MEASURED.fullmatch(names[-1]) is not None)


def _inside_module(found: _Found, state: Mapping[Any, Any]) -> Iterator[_Found]:
    """Yield parameters, buffers, children, then whatever else a module has as attributes."""
    for group in _GROUPS:
        for name, value in state[group].items():
            value = _no_tensor(value) if group != "_modules" and value is not None else value
            if not _is_plain(value):
                yield _Found(_joined(found.path, name), value, found.path, found.aside)
    rest = [(name, value) for name, value in state.items() if _is_attribute(name)]
    yield from _entries(replace(found, parent=found.path), rest)


def _is_attribute(name: Any) -> bool:
    hooks = str(name).startswith("_") and "hooks" in str(name)
    return name not in _GROUPS and name not in _OF_TORCH and not hooks


def _inside(found: _Found, value: Any, is_module: bool = False) -> Iterator[_Found]:
    """Yield what is in a container, a module or another object."""
    if isinstance(value, Mapping):
        if {"state", "param_groups"} <= value.keys():
            found = replace(found, aside=found.aside or (found.path, _TRAINING))
        # A dict of tensors: what stands there under a name of weights should be a tensor too.
        weights = any(isinstance(each, PickledTensor | UnreadableTensor) for each in value.values())
        yield from _entries(found, value.items(), weights)
    elif isinstance(value, list | tuple | set | frozenset):
        yield from _entries(found, enumerate(value))
    elif isinstance(value, StandIn):
        if value.dotted_name.startswith("torch.optim.") and not is_module:
            found = replace(found, aside=found.aside or (found.path, _TRAINING))
        if is_module:
            yield from _inside_module(found, value.state)
        state = None if is_module else value.state
        for held in (value.items, value.keywords, state, value.arguments):
            if not _is_plain(held):
                yield replace(found, value=held)


def _entries(
    found: _Found, entries: Iterable[tuple[Any, Any]], weights: bool = False
) -> Iterator[_Found]:
    """Yield what is in a container, or the attributes of a module, and what is passed over."""
    attributes = found.parent == found.path
    for key, value in entries:
        if weights and value is not None and _WEIGHTS.fullmatch(str(key)):
            value = _no_tensor(value)
        if _is_plain(value):
            continue
        path, aside, name = _joined(found.path, key), found.aside, str(key)
        is_tensor = isinstance(value, PickledTensor | UnreadableTensor)
        left = _of_tensors(value) or (attributes and is_tensor)
        if aside is None and left and _HIDDEN.fullmatch(name):
            aside = (path, "left by the last batch")
        if aside is None and not is_tensor:
            reasons = (reason for reason, names in _ASIDE.items() if names.fullmatch(name))
            reason = next(reasons, None)
            aside = (path, reason) if reason and not _has_weights(value) else None
        yield _Found(path, value, found.parent, aside)


def _has_weights(value: Any) -> bool:
    """Whether something under any name is a layer: a module, or a dict with its weights."""
    if isinstance(value, StandIn):
        return isinstance(value.state, Mapping) and not value.state.keys().isdisjoint(_GROUPS)
    return isinstance(value, Mapping) and any(
        isinstance(each, PickledTensor | UnreadableTensor) and _WEIGHTS.fullmatch(str(key))
        for key, each in islice(value.items(), 100)
    )


def _no_tensor(value: Any) -> Any:
    """Return what stands in the place of a tensor, as unreadable if it is none."""
    if isinstance(value, PickledTensor | UnreadableTensor | Mapping | bool):
        return value
    kind = value.dotted_name if isinstance(value, StandIn) else type(value).__name__
    return UnreadableTensor(f"no tensor but a {kind}")


def _of_tensors(value: Any) -> bool:
    """Whether something is a list or a tuple of tensors, or of tuples of them."""
    if not isinstance(value, list | tuple) or not 0 < len(value) < 100:
        return False
    parts = [part if isinstance(part, tuple) else (part,) for part in value]
    kinds = PickledTensor | UnreadableTensor
    return all(len(part) < 100 and all(isinstance(t, kinds) for t in part) for part in parts)


def _joined(path: str, name: Any) -> str:
    name = str(name)[:LONGEST_NAME]
    return f"{path}.{name}" if path else name


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | bytes | int | float | complex)
