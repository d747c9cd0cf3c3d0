"""Reading the cards of units from the result files of a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from lstm_units.analyses.connectivity.afferents import source_layers
from lstm_units.analyses.depth.outliers import unit_outliers
from lstm_units.cards.afferents import (
    activity_of_sources,
    activity_over_time,
    afferents_of,
    strongest,
)
from lstm_units.cards.card import CardSettings, Part, UnitCard
from lstm_units.cards.lists import UnitLists, read_unit_lists
from lstm_units.claims.ablation import SETS
from lstm_units.claims.unit_effects import MODEL
from lstm_units.config.rooms import names_with, rooms
from lstm_units.errors import UserError
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import Result, require_same
from lstm_units.io.unit_numbers import layer_and_index
from lstm_units.models.checkpoints import load_language_model
from lstm_units.models.language_model import LanguageModel
from lstm_units.statistics.agreement import set_accuracy_table
from lstm_units.statistics.intact_items import COLUMNS
from lstm_units.statistics.margins import open_margins
from lstm_units.stimuli.aligned_items import AlignedItems, align_items
from lstm_units.stimuli.congruence import Conditions, read_conditions
from lstm_units.stimuli.table import read_stimuli, scored_sha256

AFFERENTS = "connectivity/afferents.parquet"
_WEIGHTS = tuple(f"checkpoint/{name}" for name in ("model.safetensors", "model.json", "vocab.txt"))
_ABLATION = (
    *("task", "condition", "n", "full_accuracy", "accuracy", "ci_low", "ci_high", "drop"),
    *("relative_drop", "q"),
)


@dataclass(frozen=True)
class CardReader:
    """Reads the cards of some units of a model, each file once.

    Parameters
    ----------
    files : ResultFiles
        Of one model.
    units : tuple of int
        1-based: those whose rows are read.

    Raises
    ------
    UserError
        On use: if a file is damaged, or made from another checkpoint than ``checkpoint/``, or from
        other stimuli than ``stimuli/``.
    InterventionError
        On use: if the model has no such unit.
    """

    files: ResultFiles
    settings: CardSettings
    units: tuple[int, ...] = ()
    _tables: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def checkpoint(self) -> Result:
        """The description of the checkpoint, from which all results must come."""
        found = self.files.read(MODEL)
        if found is None:
            raise UserError(
                f"{self.files.folder / MODEL} is missing, so it is not known which units the model "
                "has; name the folder of a model's results, or run the workflow"
            )
        return found

    @cached_property
    def layer_sizes(self) -> tuple[int, ...]:
        """Units of each layer."""
        return tuple(self.checkpoint.content["layer_sizes"])

    @cached_property
    def lists(self) -> UnitLists:
        """The lists of units."""
        return read_unit_lists(self.files, self.checkpoint, self.settings.label)

    def check(self, name: str) -> Mapping[str, Any]:
        """Return how a file was made, having checked which checkpoint it comes from."""
        found = self.files.read(name, [])
        require_same(self.checkpoint, found)
        return found.metadata

    def card(self, unit: int) -> UnitCard:
        """Read the card of one of `units`.

        Parameters
        ----------
        unit : int
            1-based.
        """
        depth, index = layer_and_index(self.layer_sizes, unit)
        layer = depth + 1
        if unit not in self.units:
            raise ValueError(f"unit {unit} is not among the units to read, {self.units}")
        return UnitCard(
            model=self.files.name,
            unit=unit,
            layer=layer,
            index=index + 1,
            layer_sizes=self.layer_sizes,
            checkpoint_sha256=self.checkpoint.content["sha256"],
            lists=self.lists.of(unit),
            lists_files=self.lists.files,
            lists_not_run=self.lists.not_run,
            ablation=self._ablation(unit),
            dynamics=self._dynamics(unit, layer),
            efferents=self._efferents(unit, layer),
            words=self._words(unit, layer),
            afferents=self._afferents(unit, layer),
            decoding=self._decoding(unit, layer),
            depth=self._depth(unit, layer),
            span=self._span(unit, layer),
            said=self._said(unit),
        )

    def _said(self, unit: int) -> dict[str, list[str]]:
        """Collect what rooms say of a unit."""
        found = {
            room.title: import_module(f"lstm_units.analyses.{room.name}.card").sentences(
                self.files, unit
            )
            for room in rooms()
            if room.name in names_with("card")
        }
        return {title: sentences for title, sentences in found.items() if sentences}

    # Files that several cards share

    def _read(
        self,
        name: str,
        units: str | None = "unit",
        columns: list[str] | None = None,
        filters: tuple[tuple[str, str, Any], ...] = (),
    ) -> pd.DataFrame:
        """Read the rows of `self.units` (with `units` None: of all units), once."""
        key = (name, units, *filters)
        if key not in self._tables:
            own = [] if units is None else [(units, "in", list(self.units))]
            found = self.files.read(name, columns, [*filters, *own] or None)
            require_same(self.checkpoint, found)
            self._tables[key] = found.frame
        return self._tables[key]

    def _rows(self, name: str, unit: int) -> pd.DataFrame:
        table = self._read(name)
        return table[table["unit"] == unit].reset_index(drop=True)

    def _items(self, task: str, scored: str) -> AlignedItems | None:
        """Return the items of a task, having checked that a result with this hash is of them."""
        path = self.files.path(f"stimuli/{task}.parquet")
        if path is None:
            return None
        if task not in self._tables:
            table = read_stimuli(path)
            self._tables[task] = scored_sha256({task: table}), align_items(table, task)
        found, items = self._tables[task]
        if found != scored:
            raise UserError(
                f"{path} holds other items than the results of {task} were made from. Run the "
                "workflow again, so that all results are of one version"
            )
        return items

    @cached_property
    def _conditions(self) -> Conditions:
        return read_conditions(self.files)

    def _subject_number(self, task: str, condition: str) -> str | None:
        found = self._conditions.get((task, condition))
        return found.subject_number if found else None

    @cached_property
    def _model(self) -> LanguageModel | None:
        there = all(self.files.path(name) is not None for name in _WEIGHTS)
        return load_language_model(self.files.folder / "checkpoint") if there else None

    @cached_property
    def dynamics_task(self) -> str | None:
        """Task of the time courses."""
        found = [name[len("dynamics/") : -8] for name in self.files.matching("dynamics/*.parquet")]
        task = self.settings.dynamics_task
        return task if task in found else next(iter(found), None)

    # Blocks of a card

    def _ablation(self, unit: int) -> dict[str, Part]:
        names = self.files.matching("ablation/*/accuracy.parquet")
        by_mode = {name.split("/")[1]: name for name in names}
        modes = sorted(by_mode, key=lambda mode: (mode != self.settings.mode, mode))
        parts = {}
        for mode in modes:
            name = by_mode[mode]
            config = self.check(name).get("config") or {}
            rows = self._rows(name, unit)
            about = {"confidence": config.get("confidence"), "further": ()}
            if rows.empty:
                parts[mode] = Part((name,), missing=_not_ablated(mode), about=about)
                continue
            rows, files = rows[list(_ABLATION)], (name,)
            swept = set(rows["task"].astype(str))
            more = self._single_set(unit, mode, swept, config.get("confidence", 0.95))
            if more is not None:
                further, sources = more
                about["further"] = tuple(dict.fromkeys(further["task"].astype(str)))
                rows = pd.concat(
                    [r.astype({"task": str, "condition": str}) for r in (rows, further)]
                )
                files = (name, *sources)
            rows = rows.astype({"task": str, "condition": str}).reset_index(drop=True)
            rows["subject_number"] = [
                self._subject_number(task, condition)
                for task, condition in zip(rows["task"], rows["condition"], strict=True)
            ]
            large = rows["relative_drop"].abs() > self.settings.relative_drop
            rows["large"] = large & (rows["q"] < self.settings.maximum_q)
            parts[mode] = Part(files, rows, about=about)
        return parts

    def _single_set(
        self, unit: int, mode: str, swept: set[str], confidence: float
    ) -> tuple[pd.DataFrame, tuple[str, ...]] | None:
        """Return the accuracy without a discovered unit on the tasks that were not swept."""
        shards = self.files.matching(f"ablation_sets/{mode}/*/long_range_*.parquet")
        if self.files.path(SETS) is None or not shards or unit not in self._set_units:
            return None
        key = ("sets", mode)
        if key not in self._tables:
            margins = open_margins([self.files.folder / name for name in shards], key="set")
            tasks = {
                t for name in shards for t in self.files.frame(name, ["task"])["task"].unique()
            }
            scores = {
                task: self.files.read(f"intact/{task}.parquet", COLUMNS) for task in sorted(tasks)
            }
            sets = self.files.read(SETS, ("set", "unit"))
            require_same(self.checkpoint, margins, sets, *scores.values())
            self._tables[key] = set_accuracy_table(margins, scores, sets, confidence=confidence)
        table = self._tables[key]
        rows = table[(table["unit"] == unit).fillna(False) & ~table["task"].astype(str).isin(swept)]
        return (rows[list(_ABLATION)], (SETS, *shards)) if len(rows) else None

    @cached_property
    def _set_units(self) -> set[int]:
        return set(self.files.frame(SETS, ["unit"])["unit"])

    def _dynamics(self, unit: int, layer: int) -> Part:
        task = self.dynamics_task
        if task is None:
            return Part((), missing=_not_run("Time courses", "dynamics.tasks"))
        name = f"dynamics/{task}.parquet"
        metadata, rows = self.check(name), self._rows(name, unit)
        if rows.empty:
            return Part((name,), missing=_not_dumped(layer))
        items = self._items(task, metadata.get("stimuli_sha256"))
        if items is None:
            missing = f"stimuli/{task}.parquet is missing, which names the words."
            return Part((name,), missing=missing)
        rows = rows.astype({"variable": str, "condition": str})
        if not (rows["n"] > 0).any():
            missing = "The model answers no item of this task rightly (`dynamics.items`)."
            return Part((name,), missing=missing)
        answers = (metadata.get("config") or {}).get("items")
        about = {"task": task, "items": items, "answers": answers}
        return Part((name, f"stimuli/{task}.parquet"), rows, about=about)

    def _efferents(self, unit: int, layer: int) -> Part:
        name = "efferents/units.parquet"
        if layer < len(self.layer_sizes):
            return Part((), missing=_below_the_last(layer, len(self.layer_sizes)))
        if self.files.path(name) is None:
            return Part((), missing=_not_run("Weights to verb forms", "efferents.verb_pairs"))
        rows = self._rows(name, unit)
        rows["auc_folded"] = np.maximum(rows["auc"], 1 - rows["auc"])
        return Part((name,), rows, about={"units": self.layer_sizes[-1]})

    def _words(self, unit: int, layer: int) -> Part:
        name = "efferents/words.parquet"
        if layer < len(self.layer_sizes):
            return Part((), missing=_below_the_last(layer, len(self.layer_sizes)))
        if self.files.path(name) is None:
            return Part((), missing=_not_run("Words raised and lowered", "dynamics.tasks"))
        rows = self._rows(name, unit).astype({"word": str, "direction": str, "condition": str})
        return Part((name,), rows, about={"task": self.check(name)["config"]["task"]})

    def _afferents(self, unit: int, layer: int) -> Part:
        on_file = None
        if self.files.path(AFFERENTS) is not None:
            on_file = self._read(AFFERENTS, "target")
        if on_file is not None and (on_file["target"] == unit).any():
            table, about, files = on_file, {"task": self._connectivity_task}, (AFFERENTS,)
            found = afferents_of(unit, table, None, None)
        else:
            activity, about, files = self._activity(unit)
            if activity is None:
                key = "connectivity.task` or `dynamics.tasks"
                return Part((), missing=_not_run("The activity of the sources", key))
            if self._model is None:
                return Part(files, missing="checkpoint/ is incomplete, which holds the weights.")
            found = afferents_of(unit, None, self._model, activity)
            files = ("checkpoint/model.safetensors", *files)
        if found.empty:
            return Part(files, missing=_not_dumped(layer))
        rows = strongest(found, self.settings.n_afferents)
        rows["source_lists"] = [self.lists.names(int(source)) for source in rows["source"]]
        there = sorted({int(source) for source in found["source_layer"].unique()})
        wanted = source_layers(self.layer_sizes, [unit])
        about |= {"lacking": tuple(number for number in wanted if number not in there)}
        return Part(files, rows, about=about)

    @cached_property
    def _connectivity_task(self) -> str:
        return self.check(AFFERENTS)["config"]["task"]

    def _activity(self, unit: int) -> tuple[pd.DataFrame | None, dict[str, Any], tuple[str, ...]]:
        """Return the activity of the sources of a unit, what it is, and its files."""
        needed = set(source_layers(self.layer_sizes, [unit]))
        if self.files.path(AFFERENTS) is not None:
            if "sources" not in self._tables:
                columns = ["source", "source_layer"]
                columns += [f"activity_{name}" for name in ("mean", "largest", "maximum")]
                rows = self._read(AFFERENTS, None, columns)
                self._tables["sources"] = activity_of_sources(rows)
            activity = self._tables["sources"]
            if needed <= set(activity["layer"]):
                return activity, {"task": self._connectivity_task}, (AFFERENTS,)
        task = self.dynamics_task
        if task is None:
            return None, {}, ()
        name = f"dynamics/{task}.parquet"
        metadata = self.check(name)
        items = self._items(task, metadata.get("stimuli_sha256"))
        if items is None:
            return None, {}, (name,)
        if "hidden" not in self._tables:
            rows = self._read(name, None, filters=(("variable", "==", "hidden"),))
            self._tables["hidden"] = activity_over_time(
                rows, items.subject_position, items.verb_position
            )
        answers = (metadata.get("config") or {}).get("items")
        return self._tables["hidden"], {"task": task, "means": True, "answers": answers}, (name,)

    def _decoding(self, unit: int, layer: int) -> Part:
        name = "decoding/units.parquet"
        if self.files.path(name) is None:
            return Part((), missing=_not_run("Decoding from single units", "unit_decoding.task"))
        metadata, rows = self.check(name), self._rows(name, unit)
        if rows.empty:
            return Part((name,), missing=_not_dumped(layer))
        task, config = metadata["task"], metadata["config"]
        items, files = self._items(task, metadata.get("stimuli_sha256")), (name,)
        rows["word"] = [str(position) for position in rows["position"]]
        if items is not None:
            rows["word"] = [items.words[position] for position in rows["position"]]
            files = (name, f"stimuli/{task}.parquet")
        return Part(files, rows, about={"task": task, "items": items, **config})

    def _depth(self, unit: int, layer: int) -> Part:
        name = "depth/coefficients.parquet"
        if self.files.path(name) is None:
            return Part((), missing=_not_run("The regression of depth", "depth.run"))
        settings = self.settings
        if "outliers" not in self._tables:
            table = self._read(name, None)
            self._tables["outliers"] = unit_outliers(
                table, settings.threshold, settings.deviations_from
            )
        units, _, found = self._tables["outliers"]
        if unit not in units:
            missing = f"Layer {layer} was left out of the regression (`depth.layers`)."
            return Part((name,), missing=missing)
        at = int(np.flatnonzero(units == unit)[0])
        size = np.abs(found.deviation)
        row = {
            "coefficient": float(found.mean[at]),
            "deviation": float(found.deviation[at]),
            "folds_beyond": int(found.folds_beyond[at]),
            "folds": len(found.fold_deviation),
            "rank": int((size > size[at]).sum()) + 1,
            "units": len(units),
            "outlier": bool(found.stable(settings.minimum_folds)[at]),
        }
        return Part((name,), pd.DataFrame([row]))

    def _span(self, unit: int, layer: int) -> Part:
        name = "dependency_span.parquet"
        if self.files.path(name) is None:
            key = "syntax_units.structures"
            return Part((), missing=_not_run("The span of the dependency", key))
        rows = self._rows(name, unit)
        if rows.empty:
            return Part((name,), missing=_not_dumped(layer))
        rows = rows.astype({"task": str, "score": float})
        for column in ("auc", "auc_before", "auc_after"):
            auc = rows[column].astype(float)
            rows[column] = auc.where(rows["sign"] > 0, 1 - auc)
        return Part((name,), rows)


def _not_run(what: str, key: str) -> str:
    plural = "were" if what.endswith("s") and not what.endswith("sources") else "was"
    return f"{what} {plural} not run (`{key}`)."


def _not_ablated(mode: str) -> str:
    why = " It leaves out the last layer." if mode == "legacy" else ""
    keys = f"(`ablation.layers.{mode}`, `ablation.units`)"
    return f"This unit was not ablated in mode {mode} {keys}.{why}"


def _not_dumped(layer: int) -> str:
    return f"The activations of layer {layer} were not dumped (`activations.layers`)."


def _below_the_last(layer: int, layers: int) -> str:
    return f"Only the units of the last layer, {layers}, are read by words; this one is in {layer}."
