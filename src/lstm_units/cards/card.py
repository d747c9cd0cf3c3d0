"""What a card of one unit holds, and the settings it is made with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from lstm_units.analyses.depth.outliers import CRITERIA
from lstm_units.cards.lists import Listing
from lstm_units.errors import UserError
from lstm_units.io.result_files import ResultFiles


@dataclass(frozen=True)
class CardSettings:
    """What a card needs to know of the experiment.

    Parameters
    ----------
    labels : mapping of str to str
        Names of tasks in print.
    mode : str
        Mode of the discovery; shown first.
    dynamics_task : str or None
        Task of the time courses. None: the first one there is.
    relative_drop, maximum_q : float
        A change of accuracy is large if it is larger than this share of the intact accuracy at a
        smaller q.
    minimum_intact : float
        Accuracy of the intact model up to which there is hardly anything to lose.
    threshold : float
        Standard deviations beyond which a coefficient of depth is an outlier.
    minimum_folds : int
        Folds in which it must be one.
    deviations_from : {"zero", "mean"}
        As in `lstm_units.analyses.depth.outliers.outliers`.
    n_afferents : int
        Sources shown for each gate and layer.
    maximum_cards : int
        Cards of notable units that are written at most.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    mode: str = "zero"
    dynamics_task: str | None = None
    relative_drop: float = 0.1
    maximum_q: float = 0.05
    minimum_intact: float = 0.55
    threshold: float = 3.0
    minimum_folds: int = 4
    deviations_from: str = "zero"
    n_afferents: int = 3
    maximum_cards: int = 40

    def label(self, task: str) -> str:
        """Return the name of a task in print."""
        return self.labels.get(task, task)


def with_recorded_settings(settings: CardSettings, files: ResultFiles) -> CardSettings:
    """Take the thresholds that the results were made with; those that they do not tell stay.

    The names of tasks (``tables/table1.csv``) and the task of the time courses
    (``efferents/words.parquet``) are taken from the results where they are not given.

    Parameters
    ----------
    files : ResultFiles
        Of one model.

    Raises
    ------
    UserError
        If a file is damaged.
    """
    known: dict[str, Any] = {}
    for name, keys in (
        ("units/long_range.json", ("mode", "relative_drop", "maximum_q", "minimum_intact")),
        ("units/syntax.json", CRITERIA),
    ):
        made = files.settings(name)
        known |= {key: made[key] for key in keys if key in made}
    tasks = files.path("tables/table1.csv")
    if not settings.labels and tasks is not None:
        try:
            table = pd.read_csv(tasks, dtype=str, keep_default_na=False)
            known["labels"] = dict(zip(table["task"], table["label"], strict=True))
        except (OSError, ValueError, KeyError) as error:
            raise UserError(
                f"cannot read {tasks}: {error}. Delete it and run the workflow again"
            ) from error
    task = settings.dynamics_task or files.settings("efferents/words.parquet").get("task")
    if task and files.path(f"dynamics/{task}.parquet"):
        known["dynamics_task"] = task
    return replace(settings, **known)


@dataclass(frozen=True)
class Part:
    """One block of a card.

    Parameters
    ----------
    files : tuple of str
        What it was read from, by paths in the model's folder.
    table : DataFrame or None
        None where there is nothing to show.
    missing : str or None
        Why there is nothing to show.
    about : mapping
        Facts beside the table: the task, its items, thresholds.
    """

    files: tuple[str, ...]
    table: pd.DataFrame | None = None
    missing: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class UnitCard:
    """What is known about one unit.

    Parameters
    ----------
    model : str
        Name of the model.
    unit, layer, index : int
        1-based; `index` is the unit's place in its layer.
    lists : tuple of Listing
        That name the unit.
    lists_files, lists_not_run : tuple of str
        Lists that were read, and sentences on those that are missing.
    ablation : mapping of str to Part
        By mode. Columns ``task, condition, n, full_accuracy, accuracy, ci_low, ci_high, drop,
        relative_drop, q, subject_number, large``.
    dynamics : Part
        Rows of ``dynamics/{task}.parquet``; ``about`` has ``items`` (`AlignedItems`), ``answers``.
    efferents, words : Part
        Rows of ``efferents/units.parquet`` (with ``auc_folded``) and ``efferents/words.parquet``.
    afferents : Part
        From `lstm_units.cards.afferents.strongest`, with ``source_lists``.
    decoding : Part
        Rows of ``decoding/units.parquet`` with ``word``.
    depth : Part
        One row: ``coefficient, deviation, folds_beyond, folds, rank, units, outlier``.
    span : Part
        Rows of ``dependency_span.parquet``, AUCs read with the sign of the score.
    said : mapping of str to sequence of str
        By the title of a room: the sentences of its ``card.py``, see `lstm_units.config.rooms`.
    """

    model: str
    unit: int
    layer: int
    index: int
    layer_sizes: tuple[int, ...]
    checkpoint_sha256: str
    lists: tuple[Listing, ...]
    lists_files: tuple[str, ...]
    lists_not_run: tuple[str, ...]
    ablation: Mapping[str, Part]
    dynamics: Part
    efferents: Part
    words: Part
    afferents: Part
    decoding: Part
    depth: Part
    span: Part
    said: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Such as ``Unit 776: long-range (singular)``."""
        names = ", ".join(listing.title for listing in self.lists)
        return f"Unit {self.unit}" + (f": {names}" if names else "")
