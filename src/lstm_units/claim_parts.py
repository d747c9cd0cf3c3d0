"""A claim of several parts: what each came to, the verdict on all, and its reason in words."""

from collections.abc import Sequence

from lstm_units.claims import FAILS, HOLDS, NOT_TESTABLE, Measure, Verdict, judge


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
            As in `lstm_units.claims.Verdict`.

        Returns
        -------
        Verdict
            Its reason names the parts that fail, those that cannot be tested, and those that are
            met, in this order.
        """
        verdict = judge(met for met, _ in self._parts)
        texts = {
            outcome: "; ".join(dict.fromkeys(text for met, text in self._parts if met is outcome))
            for outcome in (True, False, None)
        }
        reasons = {
            HOLDS: [],
            FAILS: [
                texts[False],
                texts[None] and f"cannot be tested: {texts[None]}",
                texts[True] and f"met: {texts[True]}",
            ],
            NOT_TESTABLE: [texts[None], texts[True] and f"met: {texts[True]}"],
        }[verdict]
        reason = ". ".join(_capital(text) for text in reasons if text) or None
        data = tuple(dict.fromkeys(self.data))
        return Verdict(id, criterion, verdict, measured, reason, tuple(self.measures), data)


def listed(names: Sequence[object]) -> str:
    """Print names as ``a, b and c``."""
    texts = [str(name) for name in names]
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def _capital(text: str) -> str:
    """Start with a capital, but for the name of a task or key: nounPP, `tasks`."""
    first = text.split(maxsplit=1)[0].rstrip(":,;")
    return text[0].upper() + text[1:] if first.isalpha() and first.islower() else text
