"""What the jobs of each rule took, from the benchmark files of a run.

``python -m lstm_units.benchmarks.measured_use results`` prints, for each rule, the number of
jobs, and the largest time and memory among them. The figures behind ``profiles/slurm`` come from
it; with your own model it tells what to write there.
"""

import argparse
import csv
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lstm_units.errors import UserError
from lstm_units.report.provenance import rule_of


@dataclass(frozen=True)
class Use:
    """What the jobs of one rule took.

    Parameters
    ----------
    seconds : float
        Of the longest job.
    total_seconds : float
        Of all jobs.
    memory : float
        Largest resident memory of a job, in MB.
    """

    rule: str
    jobs: int
    seconds: float
    total_seconds: float
    memory: float


def measured_use(benchmarks: str | Path) -> list[Use]:
    """Gather the benchmark files of a run by rule.

    Parameters
    ----------
    benchmarks : path
        Folder of the benchmark files, such as ``results/benchmarks``.

    Returns
    -------
    list of Use
        The rules with the most seconds in all first.

    Raises
    ------
    UserError
        If there is no such file, or one cannot be read.
    """
    rows: dict[str, list[tuple[float, float]]] = {}
    folder = Path(benchmarks)
    for path in sorted(folder.rglob("*.tsv")):
        place = path.parent.relative_to(folder).as_posix()
        rows.setdefault(rule_of(place, path.stem), []).extend(_read(path))
    if not rows:
        raise UserError(
            f"{folder} holds no benchmark file; name the folder results/benchmarks of "
            "a run that has ended"
        )
    uses = [
        Use(
            rule,
            len(values),
            max(seconds for seconds, _ in values),
            sum(seconds for seconds, _ in values),
            max(memory for _, memory in values),
        )
        for rule, values in rows.items()
    ]
    return sorted(uses, key=lambda use: -use.total_seconds)


def _read(path: Path) -> list[tuple[float, float]]:
    """Seconds and MB of each run in a benchmark file; a job of an instant has no memory (NA)."""
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle, delimiter="\t"))
        if not rows:
            raise ValueError("it is empty")
        return [
            (float(row["s"]), 0.0 if row["max_rss"] in ("NA", "-") else float(row["max_rss"]))
            for row in rows
        ]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"cannot read the benchmark file {path}: {error}. Delete it and run the workflow again"
        ) from error


def table(uses: Iterable[Use]) -> str:
    """Write uses as tab-separated text, one rule per line."""
    lines = ["rule\tjobs\tlongest_seconds\ttotal_seconds\tmemory_mb"]
    lines += [
        f"{u.rule}\t{u.jobs}\t{u.seconds:.0f}\t{u.total_seconds:.0f}\t{u.memory:.0f}" for u in uses
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; exit code 1 where there is nothing to read."""
    parser = argparse.ArgumentParser(
        prog="python -m lstm_units.benchmarks.measured_use", description=__doc__
    )
    parser.add_argument("results", type=Path, nargs="?", default=Path("results"))
    options = parser.parse_args(arguments)
    try:
        uses = measured_use(options.results / "benchmarks")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(table(uses), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
