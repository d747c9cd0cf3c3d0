"""The step that evaluates the claims of the paper on one model."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from lstm_units.claims.audit import audit_claims, count_verdicts
from lstm_units.claims.criteria import Audit
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata, write_json
from lstm_units.io.result_files import ResultFiles


def write_claims(
    model_folder: str | Path, files: Iterable[str | Path], audit: Audit, output: str | Path
) -> None:
    """Write ``claims.json``: the verdict on each claim, C1 to C23.

    Parameters
    ----------
    model_folder : path
        ``results/{model}``.
    files : iterable of path
        The results that count; others in the folder are not read.
    audit : Audit
    output : path
        JSON: ``model``; ``verdicts``, by id, each as `lstm_units.claims.verdict.Verdict.to_json` has it;
        ``summary``, how many claims have each verdict.

    Raises
    ------
    UserError
        If a result is damaged, was made with other thresholds than the audit's, or from another
        checkpoint than the others.
    """
    results = ResultFiles.among(model_folder, files)
    verdicts = audit_claims(results, audit)
    used = sorted({name for verdict in verdicts.values() for name in verdict.data})
    metadata = make_metadata(
        kind="claims",
        checkpoint_sha256=_one_checkpoint(results, used),
        config={
            "criteria": asdict(audit.criteria),
            "tasks": dict(audit.tasks),
            "mode": audit.mode,
            "analysis": audit.analysis,
            "dynamics_task": audit.dynamics_task,
        },
        seed=audit.criteria.seed,
    )
    entry = {
        "model": results.name,
        "verdicts": {name: verdict.to_json() for name, verdict in verdicts.items()},
        "summary": count_verdicts(verdicts),
    }
    write_json(entry, output, metadata)


def _one_checkpoint(files: ResultFiles, names: Iterable[str]) -> str | None:
    """Return the hash of the checkpoint that all results come from."""
    first: tuple[str, str] | None = None
    for name in names:
        path = files.path(name)
        if path is None or path.suffix not in (".json", ".parquet"):
            continue
        found = (files.metadata(name) or {}).get("checkpoint_sha256")
        if found is None:  # stimuli and sets of units come from no checkpoint
            continue
        first = first or (name, found)
        if found != first[1]:
            raise UserError(
                f"{path} was made from another checkpoint than {files.path(first[0])}. Delete the "
                "one that is out of date, or both, and run the workflow again"
            )
    return None if first is None else first[1]
