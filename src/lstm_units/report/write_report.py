"""The step that writes the report of a run as one HTML file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata, write_text
from lstm_units.io.verdict import Verdict
from lstm_units.report.data import (
    ReportFigure,
    ReportModel,
    ReportSettings,
    Run,
    anchor,
    claim_entry,
    collect_model,
    data_uri,
)
from lstm_units.report.methods import methods_table
from lstm_units.report.models import models_tables
from lstm_units.report.page import Page, Provenance, render
from lstm_units.report.provenance import (
    checkpoints_table,
    run_time_table,
    stimuli_table,
    versions_table,
)
from lstm_units.report.summary import summary_sentences

__all__ = ["ReportModel", "ReportSettings", "write_report"]


def write_report(
    results: str | Path,
    models: Sequence[ReportModel],
    files: Sequence[str | Path],
    config: Mapping[str, Any],
    settings: ReportSettings,
    benchmarks: str | Path,
    output: str | Path,
) -> None:
    """Write the report: summary, claims, tables, figures, unit cards, models, methods, origin.

    The page holds its figures, style and script, and asks for nothing over a network. Its links
    to data are relative to where it lies.

    Parameters
    ----------
    results : path
        Folder of all results.
    models : sequence of ReportModel
        In the order in which they are to stand.
    files : sequence of path
        The files that belong to the run; others in the folder are left alone.
    config : mapping
        The configuration with its defaults.
    settings : ReportSettings
    benchmarks : path
        Folder of the benchmark files, which need not exist.
    output : path
        Ends in ``.html``.

    Raises
    ------
    UserError
        If there is no model, or a file is missing or damaged.
    """
    if not models:
        raise UserError("no model to report on: name at least one under `models`")
    run = Run(Path(results), tuple(map(Path, files)), Path(output))
    side_by_side = run.files.json("models.json") or {}
    links = tuple(run.link(f"models.{kind}") for kind in ("csv", "md", "json"))
    replication = side_by_side.get("replication")
    run_time, said = run_time_table(Path(benchmarks), ["", "stimuli", *(m.name for m in models)])
    provenance = [
        checkpoints_table(run, models),
        stimuli_table(run, models, settings),
        versions_table(),
    ]
    page = Page(
        settings=settings,
        models=tuple(collect_model(run, model, settings, config) for model in models),
        summaries={
            model.name: summary_sentences(
                run.of_model(model.name),
                settings.labels,
                untrained_like=model.untrained_like,
                criteria=config.get("claims"),
            )
            for model in models
        },
        replication=claim_entry(run, ".", Verdict.from_json(replication), "claim-C24")
        if replication
        else None,
        side_by_side=models_tables(side_by_side["models"], replication, settings, links)
        if side_by_side
        else (),
        training=_training(run),
        methods=methods_table(config, settings.labels),
        provenance=Provenance(
            tuple(provenance) + ((run_time,) if run_time is not None else ()),
            said,
            config,
            make_metadata(kind="report", checkpoints=_checkpoints(run, models)),
        ),
    )
    text = render(page)
    write_text(text, output)
    print(f"{output}: {len(text.encode()) / 1e6:.1f} MB")


def _checkpoints(run: Run, models: Sequence[ReportModel]) -> dict[str, str | None]:
    networks = {m.name: run.of_model(m.name).json("checkpoint/model.json") for m in models}
    return {name: (network or {}).get("sha256") for name, network in networks.items()}


def _training(run: Run) -> tuple[ReportFigure, ...]:
    figures = []
    for name in run.files.matching("training/*.png"):
        stem = name.removeprefix("training/").removesuffix(".png")
        figures.append(
            ReportFigure(
                id=anchor(f"training-{stem}"),
                title=f"Training run {stem}",
                image=data_uri(run.files.path(name)),
                alt=f"Accuracy, number of units, R² and claims that hold over the training of "
                f"{stem}.",
                caption=(
                    "Accuracy with and without an attractor of the other number, number of "
                    "long-range, short-range and syntax units, R² of depth, and number of claims "
                    f"that hold, over the training steps of {stem}.",
                ),
                files=(run.link(name), run.link("models.json")),
            )
        )
    return tuple(figures)
