"""Checks of what a caller hands to the public functions; messages name the argument."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from operator import index
from typing import Any

import numpy as np
import torch

from lstm_units.errors import ConfigurationError, StimuliError, UserError
from lstm_units.interventions.model_inputs import Compute

_DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]+)?")


def whole_number(
    value: Any,
    name: str,
    least: int,
    most: int | None = None,
    error: type[UserError] = ConfigurationError,
) -> int:
    """Return a whole number, numpy's included, as Python's.

    Parameters
    ----------
    value : object
    name : str
        Of the argument.
    least, most : int
        Bounds, both allowed.
    error : type, optional
        What to raise.

    Raises
    ------
    UserError
        Of the type `error`, if it is none or is outside its bounds.
    """
    found = _whole(value)
    if found is None or found < least or (most is not None and found > most):
        bounds = f"of {least} or more" if most is None else f"from {least} to {most}"
        raise error(f"{name} is {value!r}; expected a whole number {bounds}")
    return found


def whole_numbers(
    values: Any, name: str, example: str, error: type[UserError] = ConfigurationError
) -> list[int]:
    """Return a list, range or array of whole numbers as a list of Python's.

    Parameters
    ----------
    values : object
    name : str
        Of the argument.
    example : str
        What a right value looks like.
    error : type, optional
        What to raise.

    Raises
    ------
    UserError
        Of the type `error`, if it is a single value, or an entry is no whole number.
    """
    try:
        if isinstance(values, str | bytes | Mapping):
            raise TypeError
        entries = list(values)
    except TypeError as cause:
        raise error(
            f"{name} is {values!r}; expected whole numbers: give a list, such as {example}"
        ) from cause
    found = []
    for entry in entries:
        number = _whole(entry)
        # A column of whole numbers with gaps, or after arithmetic, holds floats.
        if number is None and isinstance(entry, float | np.floating) and float(entry).is_integer():
            number = int(entry)
        if number is None:
            raise error(f"{name} holds {entry!r}; expected whole numbers, such as {example}")
        found.append(number)
    return found


def number(
    value: Any,
    name: str,
    expected: str,
    fits: Callable[[float], bool],
    error: type[UserError] = ConfigurationError,
) -> float:
    """Return a finite number for which `fits` holds.

    Raises
    ------
    UserError
        Of the type `error`, if it is none; the message says what was `expected`.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not fits(float(value)):
        raise error(f"{name} is {value!r}; expected {expected}")
    return float(value)


def statistics_options(confidence: Any, near_tie: Any) -> tuple[float, float]:
    """Return the level of intervals and the bound of near ties.

    Raises
    ------
    ConfigurationError
        If the level is not strictly between 0 and 1, or the bound is below 0.
    """
    return (
        number(
            *(confidence, "confidence", "a number between 0 and 1, such as 0.95"),
            lambda level: 0 < level < 1,
        ),
        number(near_tie, "near_tie", "a number of nats, 0 or more", lambda bound: bound >= 0),
    )


def compute_within(memory: Any) -> Compute:
    """Return how to compute within a number of GiB, or the default for None.

    Raises
    ------
    ConfigurationError
        If it is no number above 0.
    """
    if memory is None:
        return Compute()
    size = number(memory, "memory", "a number of GiB above 0", lambda size: size > 0)
    return Compute(memory=size, gpu_memory=size)


def device_name(device: Any) -> str:
    """Return the name of a device, also of a ``torch.device``.

    Raises
    ------
    ConfigurationError
        If it is none.
    """
    name = str(device) if isinstance(device, torch.device) else device
    if not isinstance(name, str) or not _DEVICE.fullmatch(name):
        raise ConfigurationError(f"device is {device!r}; expected cpu, cuda, cuda:N or auto")
    return name


def names_list(
    values: Any, name: str, example: str, error: type[UserError] = ConfigurationError
) -> list[str]:
    """Return a list of names.

    Raises
    ------
    UserError
        Of the type `error`, if it is a single name, empty, or holds something else than names.
    """
    try:
        entries = None if isinstance(values, str | Mapping) else list(values)
    except TypeError:
        entries = None
    if not entries or not all(isinstance(entry, str) for entry in entries):
        raise error(f"{name} is {values!r}; expected a list of names, such as {example}")
    return [str(entry) for entry in entries]


def task_name(task: Any) -> str:
    """Return the name of a task.

    Raises
    ------
    StimuliError
        If it cannot be that of a file.
    """
    if not isinstance(task, str) or not re.fullmatch(r"\w[\w.-]*", task):
        raise StimuliError(f"the task is called {task!r}; expected letters, digits, _, - and .")
    return task


def first_double(values: Iterable[Any]) -> Any:
    """Return the first value that came before, or None."""
    seen: set[Any] = set()
    return next((value for value in values if value in seen or seen.add(value)), None)


def _whole(value: Any) -> int | None:
    if isinstance(value, bool | np.bool_):
        return None
    try:
        return index(value)
    except TypeError:
        return None
