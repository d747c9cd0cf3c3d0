"""A claim, what was measured for it, and the verdict."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

HOLDS, FAILS, NOT_TESTABLE = "holds", "fails", "not testable"


@dataclass(frozen=True)
class Claim:
    """One claim.

    Parameters
    ----------
    id : str
        ``C1`` to ``C24``.
    claim : str
        In one sentence.
    paper : str
        The value in Lakretz et al. 2019, or what the paper says in words.
    source : str
        Where in the paper.
    """

    id: str
    claim: str
    paper: str
    source: str


@dataclass(frozen=True)
class Measure:
    """One measured value behind a verdict.

    Parameters
    ----------
    name : str
        What was measured, such as ``nounPP SP - SS`` or ``unit 776, forget gate``.
    value : float or None
        None if it could not be measured. An infinite one has no number in a file; its note says so.
    low, high : float or None
        Bounds of its interval; None where there is none.
    expected : str or None
        The criterion it is held to, such as ``< 0``; None if it is only reported.
    met : bool or None
        Whether it meets that; None where that is not tested.
    note : str or None
        Why it is not tested, how the interval was made, or what else a reader has to know.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    expected: str | None = None
    met: bool | None = None
    note: str | None = None


@dataclass(frozen=True)
class Verdict:
    """The verdict on one claim for one model.

    Parameters
    ----------
    id : str
        Of the claim.
    criterion : str
        With the actual thresholds. A star marks one that is ours, not the paper's.
    verdict : {"holds", "fails", "not testable"}
    measured : str
        The measured value with its interval, for a cell of a table.
    reason : str or None
        Why it is not testable, or which part fails. Given unless the claim holds.
    measures : tuple of Measure
        Everything that was measured for it.
    data : tuple of str
        Files it was read from, by their paths in the model's folder.
    """

    id: str
    criterion: str
    verdict: str
    measured: str
    reason: str | None = None
    measures: tuple[Measure, ...] = ()
    data: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types; numbers that are none become null."""
        return _plain(asdict(self))

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Verdict":
        """Read what `to_json` returned."""
        known = {field.name for field in fields(cls)}
        values = {key: value for key, value in entry.items() if key in known}
        values["measures"] = tuple(Measure(**measure) for measure in entry.get("measures", ()))
        values["data"] = tuple(entry.get("data", ()))
        return cls(**values)


def judge(parts: Iterable[bool | None]) -> str:
    """Return the verdict on a claim of several parts.

    Parameters
    ----------
    parts : iterable of bool or None
        Whether each part is met; None for one that cannot be tested.

    Returns
    -------
    {"holds", "fails", "not testable"}
        It fails if a tested part fails, holds if there is a part and every one is tested and met,
        and is not testable otherwise.
    """
    parts = list(parts)
    if any(part is False for part in parts):
        return FAILS
    return HOLDS if parts and all(parts) else NOT_TESTABLE


class Lacking(str):
    """What is not there, and in brackets the keys that ask for it.

    Parameters
    ----------
    what : str
        Such as "the regression of depth was not run".
    keys : str, optional
        Such as "`depth.run`".

    Attributes
    ----------
    what : str
        Without the keys.
    """

    what: str

    def __new__(cls, what: str, keys: str = "") -> "Lacking":
        """Make the text of both."""
        made = super().__new__(cls, f"{what} ({keys})" if keys else what)
        made.what = what
        return made


class Parts:
    """Collects the parts of one claim.

    Attributes
    ----------
    measures : list of Measure
        Everything measured, in the order in which it is added.
    data : list of str
        Files it was read from.
    """

    def __init__(self) -> None:
        self.measures: list[Measure] = []
        self.data: list[str] = []
        self._parts: list[tuple[bool | None, str]] = []

    def add(self, met: bool | None, text: str) -> None:
        """Add a part: whether it is met (None if it cannot be tested), and what was found."""
        self._parts.append((None if met is None else bool(met), text))

    def judge(self, id: str, criterion: str, measured: str) -> Verdict:
        """Return the verdict on the claim.

        Parameters
        ----------
        id : str
            Of the claim.
        criterion, measured : str
            As in `lstm_units.io.verdict.Verdict`.

        Returns
        -------
        Verdict
            Its reason is that of `reason_of`.
        """
        verdict = judge(met for met, _ in self._parts)
        outcomes = (False, None, True)
        texts = ([text for met, text in self._parts if met is wanted] for wanted in outcomes)
        reason = reason_of(verdict, *texts)
        data = tuple(dict.fromkeys(self.data))
        return Verdict(id, criterion, verdict, measured, reason, tuple(self.measures), data)


def reason_of(
    verdict: str,
    failed: Iterable[str] = (),
    untested: Iterable[str] = (),
    met: Iterable[str] = (),
) -> str | None:
    """Say why a claim does not hold: in all claims alike.

    Parameters
    ----------
    verdict : {"holds", "fails", "not testable"}
    failed, untested, met : iterable of str
        What is to be said of the parts; a text that is given twice counts once.

    Returns
    -------
    str or None
        The parts that fail, then ``Not tested:``, then ``Met:``. Where no part could be tested,
        only why. None if the claim holds.
    """
    if verdict == HOLDS:
        return None
    wrong, left, right = ("; ".join(dict.fromkeys(texts)) for texts in (failed, untested, met))
    if not wrong and not right:
        return left or None
    named = [wrong, left and f"Not tested: {left}", right and f"Met: {right}"]
    return ". ".join(text for text in named if text)


def not_testable(
    id: str,
    criterion: str,
    reason: str,
    measures: Sequence[Measure] = (),
    data: Sequence[str] = (),
    measured: str = "",
) -> Verdict:
    """Return the verdict on a claim that cannot be tested, and why."""
    return Verdict(id, criterion, NOT_TESTABLE, measured, reason, tuple(measures), tuple(data))


def with_interval(value: float | None, low: float | None, high: float | None, digits=3) -> str:
    """Print a value with its interval, as ``0.750 [0.735, 0.764]``; a missing value as nothing."""
    if value is None or math.isnan(value):
        return ""
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    bounds = [] if low is None or high is None else [low, high]
    if not all(math.isfinite(bound) for bound in bounds):
        bounds = []
    # Adding 0 turns a rounded -0 into 0.
    shown = [f"{round(number, digits) + 0.0:.{digits}f}" for number in (value, *bounds)]
    return shown[0] + (f" [{', '.join(shown[1:])}]" if bounds else "")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
