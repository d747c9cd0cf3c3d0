"""The audit: every claim of the paper evaluated on the results of one model."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from importlib import import_module

from lstm_units.claims.ablation import (
    in_the_last_layer,
    one_matters_on_natural_text,
    short_is_distributed,
)
from lstm_units.claims.accuracy import (
    attractors_cost,
    distance_is_hard,
    does_the_tasks,
    singular_is_harder,
)
from lstm_units.claims.connectivity import (
    controls_gates,
    number_units_inhibit,
    only_one_controls,
    scaling_does_not_matter,
)
from lstm_units.claims.contributions import right_when_wrong
from lstm_units.claims.criteria import Audit, with_recorded_thresholds
from lstm_units.claims.decoding import holds_number_throughout
from lstm_units.claims.depth import depth_is_decodable, frequency_is_not_depth
from lstm_units.claims.efferents import efferents_segregated, others_unsegregated
from lstm_units.claims.gates import gates_as_theory
from lstm_units.claims.long_range import number_is_local, serves_one_number
from lstm_units.claims.short_range import short_range_carries
from lstm_units.claims.syntax import spans_dependency, syntax_carries
from lstm_units.config.rooms import names_with
from lstm_units.io.files import make_metadata
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import Result, require_same
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE, Lacking, Verdict

# C24 is about several models: `lstm_units.comparison.replication`.
Evaluation = Callable[[ResultFiles, Audit], Verdict]
EVALUATIONS: Mapping[str, Evaluation] = {
    "C1": does_the_tasks,
    "C2": attractors_cost,
    "C3": singular_is_harder,
    "C4": number_is_local,
    "C5": serves_one_number,
    "C6": in_the_last_layer,
    "C7": short_is_distributed,
    "C8": gates_as_theory,
    "C9": efferents_segregated,
    "C10": holds_number_throughout,
    "C11": short_range_carries,
    "C12": depth_is_decodable,
    "C13": syntax_carries,
    "C14": spans_dependency,
    "C15": controls_gates,
    "C16": number_units_inhibit,
    "C17": right_when_wrong,
    "C18": frequency_is_not_depth,
    "C19": one_matters_on_natural_text,
    "C20": others_unsegregated,
    "C21": only_one_controls,
    "C22": scaling_does_not_matter,
    "C23": distance_is_hard,
}


def audit_claims(files: ResultFiles, audit: Audit) -> Result:
    """Evaluate the claims of the paper on one model, with the thresholds of its results.

    Parameters
    ----------
    files : ResultFiles
        Of the model; results that do not count are not among them.

    Returns
    -------
    Result
        JSON: ``model``; ``verdicts``, by id, each as `Verdict.to_json` has it; ``summary``, how
        many claims have each verdict.

    Raises
    ------
    UserError
        If a result is damaged, or comes from another checkpoint than the others.
    """
    audit = with_recorded_thresholds(audit, files)
    verdicts = evaluate_claims(files, audit)
    used = sorted({name for verdict in verdicts.values() for name in verdict.data})
    sources = [files.read(name, []) for name in used if name.endswith((".json", ".parquet"))]
    sources = [source for source in sources if source is not None]
    require_same(*sources)
    checkpoints = (source.metadata.get("checkpoint_sha256") for source in sources)
    return Result(
        {
            "model": files.name,
            "verdicts": {name: verdict.to_json() for name, verdict in verdicts.items()},
            "summary": count_verdicts(verdicts),
        },
        make_metadata(
            kind="claims",
            checkpoint_sha256=next(filter(None, checkpoints), None),
            config={
                "criteria": asdict(audit.criteria),
                "tasks": dict(audit.tasks),
                "mode": audit.mode,
                "analysis": audit.analysis,
                "dynamics_task": audit.dynamics_task,
            },
            seed=audit.criteria.seed,
        ),
        "the claims",
    )


def evaluate_claims(files: ResultFiles, audit: Audit) -> dict[str, Verdict]:
    """Evaluate every claim that is about one model: C1 to C23 and those of rooms, by id.

    Parameters
    ----------
    files : ResultFiles
        Of the model.
    """
    evaluations = dict(EVALUATIONS)
    for room in names_with("claims"):
        evaluations |= import_module(f"lstm_units.analyses.{room}.claims").EVALUATIONS
    return {name: _evaluate(evaluate, files, audit) for name, evaluate in evaluations.items()}


def _evaluate(evaluate: Evaluation, files: ResultFiles, audit: Audit) -> Verdict:
    """Evaluate a claim; where it is not testable, add why results that it asked for are missing."""
    own = replace(files)  # which notes what this claim asks for
    verdict = evaluate(own, audit)
    if verdict.verdict != NOT_TESTABLE or not own.missed:
        return verdict
    whys = "; ".join(dict.fromkeys(own.missed.values()))
    # No key would help here, so that one is not named.
    reason = verdict.reason
    said = reason.what if isinstance(reason, Lacking) else f"{reason}. Not run"
    return replace(verdict, reason=f"{said}, because {whys}")


def count_verdicts(verdicts: Mapping[str, Verdict]) -> dict[str, int]:
    """Count how many claims hold, fail, and are not testable."""
    found = [verdict.verdict for verdict in verdicts.values()]
    return {outcome: found.count(outcome) for outcome in (HOLDS, FAILS, NOT_TESTABLE)}
