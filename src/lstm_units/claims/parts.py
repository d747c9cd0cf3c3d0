"""A claim of several parts: what each came to, the verdict on all, and its reason in words."""

from collections.abc import Iterable, Sequence

from lstm_units.claims.verdict import HOLDS, Measure, Verdict, judge


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


def listed(names: Sequence[object]) -> str:
    """Print names as ``a, b and c``."""
    texts = [str(name) for name in names]
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
