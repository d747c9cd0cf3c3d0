"""The claims of the 2019 paper, and what a verdict on one of them is made of."""

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


CLAIMS: dict[str, Claim] = {
    claim.id: claim
    for claim in (
        Claim("C1", "The model does the tasks", "68.9 to 100 %", "Table 2"),
        Claim(
            "C2", "Incongruent attractors cost accuracy", "87.2 < 99.2 % (nounPP SP, SS)", "Table 2"
        ),
        Claim(
            "C3",
            "Singular is harder to keep than plural over an attractor",
            "87.2 < 92.0 % (nounPP SP, PS)",
            "Table 2",
        ),
        Claim(
            "C4",
            "Long-range number is local: one to three units carry it",
            "two units, 776 and 988: loss .72 to 1.05",
            "Section 4.1, Table 2",
        ),
        Claim(
            "C5",
            "Each long-range unit serves one number of the subject",
            "988 singular, 776 plural",
            "Section 4.1, Table 2",
        ),
        Claim("C6", "The long-range units are in the last layer", "layer 2 of 2", "Section 4.1"),
        Claim("C7", "Short dependencies are distributed", "no such unit", "Section 4.1, Table 2"),
        Claim(
            "C8",
            "Long-range units gate as the theory says",
            "as in Figure 1",
            "Section 4.2, Figure 1",
        ),
        Claim(
            "C9",
            "The efferent weights of long-range units are segregated by the number of the verb",
            "as in Figure 1d",
            "Section 4.2, Figure 1d",
        ),
        Claim(
            "C10",
            "Long-range units hold number throughout, the other units swap it at the attractor",
            "long-range units 1.00, all others .01 at the attractor",
            "Section 4.2, Figure 2",
        ),
        Claim(
            "C11",
            "Short-range units exist and carry the short tasks",
            "10 units; p < .01 in all six conditions",
            "Section 4.2",
        ),
        Claim("C12", "Depth is linearly decodable", "R² .85", "Section 4.3"),
        Claim(
            "C13",
            "A small set of syntax units carries agreement",
            "17 units; p < .05 in four of five conditions",
            "Section 4.3",
        ),
        Claim("C14", "A syntax unit spans the subject-verb dependency", "unit 1150", "Section 4.3"),
        Claim(
            "C15",
            "The syntax unit controls the gates of the long-range units",
            "forget gates z = 8.1, 11.2; input gates -16.2, -7.2",
            "Section 4.4, Figure 4",
        ),
        Claim(
            "C16",
            "Long-range units of different number inhibit each other",
            "positive weights, negative activity",
            "Section 4.4, Figure 4",
        ),
        Claim(
            "C17",
            "Long-range units are right even when the network is wrong",
            "almost always",
            "Section 5",
        ),
        Claim("C18", "Word frequency does not explain depth", "negligible", "Section 4.3"),
        Claim(
            "C19",
            "On natural text only one of the long-range units matters much",
            "75.3 % without the plural unit, 93.9 % intact; the singular unit less than 10 %",
            "Table 2",
        ),
        Claim(
            "C20",
            "The efferent weights of arbitrary units and the syntax unit are not segregated",
            "units 651, 1300 and 1150",
            "Figure 1d",
        ),
        Claim(
            "C21",
            "Only one syntax unit drives the gates of the long-range units",
            "1150 alone",
            "Section 4.4",
        ),
        Claim(
            "C22",
            "How weights are scaled by activity does not matter for that",
            "stated",
            "Section 4.4",
        ),
        Claim("C23", "Distance is hard", "100, 98.7 to 99.3, 87.2 to 92.0 %", "Table 2"),
        Claim(
            "C24",
            "The findings replicate over seeds and sizes",
            "stated, without counts",
            "footnote 2",
        ),
    )
}


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
            As in `lstm_units.claims.verdict.Verdict`.

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
