"""What the claims audit needs to know of the experiment: roles of tasks and thresholds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lstm_units.claims.units import LONG_RANGE, SYNTAX
from lstm_units.io.result_files import ResultFiles

# Thresholds of the analyses: where one is recorded, and its name there.
_RECORDED = {
    **{
        name: (LONG_RANGE, name)
        for name in (
            *("minimum_loss", "maximum_q", "relative_drop", "minimum_intact", "maximum_units"),
            "confidence",
        )
    },
    "spanning_auc": (SYNTAX, "minimum_auc"),
    "minimum_folds": (SYNTAX, "minimum_folds"),
    "z_threshold": ("connectivity/summary.json", "threshold"),
    "match": ("controls/tests/syntax.parquet", "match"),
}


@dataclass(frozen=True)
class ClaimCriteria:
    """Thresholds of the audit, with the defaults of the configuration.

    Up to `seed` they are the audit's own, ours where the paper gives no number; a star in the
    criterion says so. The others are those of the analyses, see `with_recorded_thresholds`.

    Parameters
    ----------
    easy_accuracy : float
        C1: of each condition of Simple and Adv.
    chance_q : float
        C1: q value of the binomial test against chance.
    input_gate_ratio, forget_gate, cell_difference : float
        C8: input gate at the subject over its mean between; mean forget gate there; |d| of the
        cell between subject numbers.
    efferent_share : float
        C9: share of the units of the layer that are the most segregated.
    long_range_auc, rest_auc : float
        C10: least AUC of each long-range unit; largest of all other units at the attractor.
    sets_p : float
        C11: p value against random sets.
    depth_r2 : float
        C12.
    syntax_p : float
        C13: Holm-corrected p value against random sets.
    syntax_conditions : int
        C13: number of incongruent conditions that must pass it.
    right_share : float
        C17: share of wrongly answered items to which long-range units contribute rightly.
    frequency_r2 : float
        C18: difference of R² that counts as none.
    unsegregated_percentile : float
        C20: percentile of separability in the layer.
    networks, sizes : int
        C24: number of trained networks and of shapes of networks.
    bootstrap_samples, seed : int
        Of the intervals that the audit makes itself.
    minimum_loss, maximum_q, relative_drop, minimum_intact : float
        Of the search for long-range units: C4, C5, C7, C19, and what makes a condition testable.
    maximum_units : int
        C4.
    spanning_auc : float
        C14.
    z_threshold : float
        C15, C21, C22.
    confidence : float
        Level of all intervals.
    match : {"layer", "all"}
        C13: how random sets were drawn.
    minimum_folds : int
        C13: folds in which a coefficient of depth must be an outlier.
    """

    easy_accuracy: float = 0.95
    chance_q: float = 0.05
    input_gate_ratio: float = 2.0
    forget_gate: float = 0.8
    cell_difference: float = 1.0
    efferent_share: float = 0.05
    long_range_auc: float = 0.95
    rest_auc: float = 0.2
    sets_p: float = 0.01
    depth_r2: float = 0.7
    syntax_p: float = 0.05
    syntax_conditions: int = 2
    right_share: float = 0.9
    frequency_r2: float = 0.01
    unsegregated_percentile: float = 95.0
    networks: int = 3
    sizes: int = 2
    bootstrap_samples: int = 2000
    seed: int = 2019
    # of the analyses
    minimum_loss: float = 0.6666
    maximum_q: float = 0.05
    relative_drop: float = 0.1
    minimum_intact: float = 0.55
    maximum_units: int = 3
    spanning_auc: float = 0.9
    z_threshold: float = 3.0
    confidence: float = 0.95
    match: str = "layer"
    minimum_folds: int = 4


@dataclass(frozen=True)
class Audit:
    """What the criteria are applied to, beside the result files.

    Parameters
    ----------
    tasks : mapping of str to str
        For each task of the configuration, in its order, the task of the paper that it is:
        ``simple, adv, adv_adv, adv_conjunction, namepp, nounpp, nounpp_adv, linzen``, or any other
        name.
    labels : mapping of str to str
        Name of each task in print.
    mode : str
        In which units were searched: ``discovery.mode``.
    analysis : str or None
        The analysis of decoding over time that C10 reads, such as ``fig2``.
    dynamics_task : str or None
        The task of the time courses that C8 and C9 read.
    """

    criteria: ClaimCriteria
    tasks: Mapping[str, str]
    labels: Mapping[str, str]
    mode: str = "zero"
    analysis: str | None = "fig2"
    dynamics_task: str | None = "nounpp"

    def task(self, role: str) -> str | None:
        """Return the first task of the configuration that is this task of the paper."""
        return next((task for task, known in self.tasks.items() if known == role), None)

    def label(self, task: str) -> str:
        """Return the name of a task in print."""
        return self.labels.get(task, task)


def with_recorded_thresholds(audit: Audit, files: ResultFiles) -> Audit:
    """Take the thresholds of the analyses, and the mode of the search, from their results.

    Those of an analysis that was not run stay as they are: nothing was held to them.

    Parameters
    ----------
    files : ResultFiles
        Of one model.
    """
    made = {name: files.settings(name) for name, _ in _RECORDED.values()}
    known = {name: made[file][key] for name, (file, key) in _RECORDED.items() if key in made[file]}
    mode = made[LONG_RANGE].get("mode", audit.mode)
    return replace(audit, criteria=replace(audit.criteria, **known), mode=mode)
