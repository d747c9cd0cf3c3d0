"""Which lists of discovered and shown units name a unit, and the evidence in a sentence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lstm_units.errors import UserError
from lstm_units.io.not_run import because
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import Result, require_same

# In the order in which units are shown.
LISTS = (
    *("long-range", "nearest", "syntax", "nearest syntax", "short-range", "nearest short-range"),
    *("named", "arbitrary"),
)
_KEYS = {  # what to set, so that a list is there
    "units/long_range.json": "discovery.tasks",
    "units/shown.json": "shown_units.arbitrary",
    "units/syntax.json": "syntax_units.structures",
    "units/short_range.json": "unit_decoding.task",
}


@dataclass(frozen=True)
class Listing:
    """A list that names a unit.

    Parameters
    ----------
    name : str
        Of `LISTS`.
    reason : str
        The evidence, in a sentence or two.
    detail : str
        What to add to the name: the number that the unit serves, or its rank.
    """

    name: str
    reason: str
    detail: str = ""

    @property
    def title(self) -> str:
        """Name and detail, as ``long-range (singular)``."""
        return f"{self.name} ({self.detail})" if self.detail else self.name


@dataclass(frozen=True)
class UnitLists:
    """The lists of units of one model.

    Parameters
    ----------
    long_range, shown, syntax, short_range : mapping
        ``units/long_range.json`` and so on; empty where one was not searched.
    named : tuple of int
        Units that the configuration asks for.
    files : tuple of str
        The files that were there.
    not_run : tuple of str
        A sentence for each that was not.
    label : callable
        Gives the name of a task in print.
    """

    long_range: Mapping[str, Any] = field(default_factory=dict)
    shown: Mapping[str, Any] = field(default_factory=dict)
    syntax: Mapping[str, Any] = field(default_factory=dict)
    short_range: Mapping[str, Any] = field(default_factory=dict)
    named: tuple[int, ...] = ()
    files: tuple[str, ...] = ()
    not_run: tuple[str, ...] = ()
    label: Callable[[str], str] = str

    def of(self, unit: int) -> tuple[Listing, ...]:
        """Return the lists that name a unit, in the order of `LISTS`.

        Parameters
        ----------
        unit : int
            1-based.
        """
        found = [
            *self._long_range(unit),
            *self._syntax(unit),
            *self._short_range(unit),
            *self._shown(unit),
        ]
        return tuple(sorted(found, key=lambda listing: LISTS.index(listing.name)))

    def notable(self) -> list[int]:
        """Return the units that any list names: by list in the order of `LISTS`, then as listed."""
        entries = [*self.long_range.get("units", ()), *self.shown.get("units", ())]
        entries += [*self.syntax.get("units", ()), *self.short_range.get("units", ())]
        entries += [e for e in (self.syntax.get("nearest"), self.short_range.get("nearest")) if e]
        candidates = dict.fromkeys([*(int(entry["unit"]) for entry in entries), *self.named])
        first = {unit: self.of(unit) for unit in candidates}
        listed = [unit for unit in candidates if first[unit]]
        return sorted(listed, key=lambda unit: LISTS.index(first[unit][0].name))

    def names(self, unit: int) -> str:
        """Return what a unit is, for a cell of a table: ``776 (long-range)``."""
        listed = [entry.name for entry in self.of(unit)]
        listed = [name for name in listed if name not in ("named", "arbitrary")]
        return f"{unit} ({', '.join(listed)})" if listed else str(unit)

    def _long_range(self, unit: int) -> list[Listing]:
        entry = _entry(self.long_range, unit)
        if entry is None:
            return []
        criteria = self.long_range["criteria"]
        losses = []
        for task in criteria["tasks"]:
            rows = [
                row
                for row in entry["discovery"]["conditions"]
                if row["task"] == task
                and row["incongruent"]
                and row["testable"]
                and row["subject_number"] in entry["found_for"]
                and row["loss"] is not None
            ]
            if rows:
                worst = max(rows, key=lambda row: row["loss"])
                losses.append(f"{worst['loss']:.2f} in {self.label(task)} {worst['condition']}")
        number = entry["subject_number"] or "both numbers"
        reason = (
            f"Its ablation costs accuracy over an attractor of the other number: the loss is "
            f"{' and '.join(losses)} in the half of the items that it was found in "
            f"({criteria['minimum_loss']:g} and q < {criteria['maximum_q']:g} are needed); "
            + ("the other half agrees." if entry["confirmed"] else "the other half does not agree.")
        )
        if entry["subject_number"] is None and entry.get("subject_number_reason"):
            reason += f" It serves no single number: {entry['subject_number_reason']}."
        if any(e["unit"] == unit for e in self.short_range.get("excluded", ())):
            reason += (
                " It meets the criteria of short-range units too, and is not listed among them."
            )
        return [Listing("long-range", reason, number)]

    def _syntax(self, unit: int) -> list[Listing]:
        units = self.syntax.get("units", [])
        entry, name, detail = _entry(self.syntax, unit), "syntax", ""
        if entry is None:
            nearest = self.syntax.get("nearest")
            if units or nearest is None or nearest["unit"] != unit:
                return []
            entry, name = nearest, "nearest syntax"
        criteria, folds = self.syntax["criteria"], self.syntax["n_folds"]
        reason = (
            f"Its coefficient of depth is {entry['deviation']:.1f} SD of all units' from "
            f"{criteria['deviations_from']}, and beyond {criteria['threshold']:g} SD in "
            f"{entry['folds_beyond']} of {folds} folds"
        )
        if entry["score"] is None:
            reason += "; how its cell follows the dependency of subject and verb is not known."
        else:
            reason += (
                "; its cell follows the dependency of subject and verb with a score of "
                f"{entry['score']:.2f}."
            )
        if name == "syntax":
            detail = f"{[e['unit'] for e in units].index(unit) + 1} of {len(units)}"
            chance = self.syntax.get("outliers", {})
            limit = chance.get("permuted_99")
            if limit is not None and chance["n_stable"] <= limit:
                reason += (
                    f" As many such units come about by chance: {chance['n_stable']} here, up to "
                    f"{limit:g} in 99 % of the refits with depth permuted."
                )
        else:
            reason += (
                f" No unit meets the criteria (beyond {criteria['threshold']:g} SD on average and "
                f"in {criteria['minimum_folds']} folds); this one deviates most."
            )
        return [Listing(name, reason, detail)]

    def _short_range(self, unit: int) -> list[Listing]:
        entry, name = _entry(self.short_range, unit), "short-range"
        if entry is None:
            nearest = self.short_range.get("nearest")
            if self.short_range.get("units") or nearest is None or nearest["unit"] != unit:
                return []
            entry, name = nearest, "nearest short-range"
        criteria = self.short_range["criteria"]
        reason = (
            f"Its efferent weights tell singular from plural verb forms with AUC "
            f"{entry['efferents']['auc']:.2f} (at least {criteria['minimum_efferent_auc']:g} is "
            f"needed); its {self.short_range['variable']} tells the subject's number with AUC "
            f"{entry['at_subject']['auc']:.2f} at the subject (at least "
            f"{criteria['minimum_subject_auc']:g}) and {entry['at_attractor']['auc']:.2f} at an "
            f"attractor of the other number (at most {criteria['maximum_attractor_auc']:g})."
        )
        if name != "short-range":
            reason += " No unit meets all three criteria; this one misses by least."
        elif entry["supports_its_number"] is not None:
            side = "for" if entry["supports_its_number"] else "against"
            reason += f" Its weights push the verb {side} the number that it holds at the subject."
        return [Listing(name, reason)]

    def _shown(self, unit: int) -> list[Listing]:
        entry = _entry(self.shown, unit)
        role = entry["role"] if entry else None
        found = []
        if role == "nearest":
            reason = (
                f"No long-range unit serves {entry['number']} subjects. Of the units of the last "
                "layer, the ablation of this one costs most accuracy over an attractor of the "
                "other number. It is not a long-range unit."
            )
            found.append(Listing("nearest", reason, entry["number"]))
        elif role == "syntax" and _entry(self.syntax, unit) is None:
            reason = "It is shown as the syntax unit because `shown_units.syntax` says so."
            found.append(Listing("syntax", reason, "chosen"))
        elif role == "arbitrary":
            reason = "It was drawn at random from the last layer, for comparison."
            found.append(Listing("arbitrary", reason))
        if role == "named" or unit in self.named:
            found.append(Listing("named", "`shown_units.named` asks for it."))
        return found


def read_unit_lists(
    files: ResultFiles, checkpoint: Result, label: Callable[[str], str] = str
) -> UnitLists:
    """Read the lists of units of a model.

    Parameters
    ----------
    checkpoint : Result
        The description of the checkpoint that the lists must come from.
    label : callable
        Gives the name of a task in print.

    Raises
    ------
    UserError
        If a file is damaged, or comes from another checkpoint.
    """
    found = {name: files.read(name) for name in _KEYS}
    there = {name: result for name, result in found.items() if result is not None}
    require_same(checkpoint, *there.values())
    for result in there.values():
        if not isinstance(result.content.get("units"), list):
            raise UserError(
                f"{result.source} has no list `units`; delete it and run the workflow again"
            )
    not_run = tuple(
        because(name, files.missed[name])
        if name in files.missed
        else f"{name} is not there: it was not run (`{key}`)."
        for name, key in _KEYS.items()
        if name not in there
    )
    shown = found["units/shown.json"]
    named = () if shown is None else tuple(map(int, shown.config.get("units", ())))
    contents = ({} if result is None else result.content for result in found.values())
    return UnitLists(*contents, named, tuple(there), not_run, label)


def _entry(lists: Mapping[str, Any], unit: int) -> Mapping[str, Any] | None:
    units: Sequence[Mapping[str, Any]] = lists.get("units", ())
    return next((entry for entry in units if entry["unit"] == unit), None)
