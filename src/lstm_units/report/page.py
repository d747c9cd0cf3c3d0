"""The page of the report: what was collected, rendered into one HTML file."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE, Verdict
from lstm_units.report.data import (
    ClaimEntry,
    ModelResults,
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
from lstm_units.report.provenance import (
    checkpoints_table,
    run_time_table,
    stimuli_table,
    versions_table,
)
from lstm_units.report.summary import Finding, summarise
from lstm_units.report.tables import ReportTable
from lstm_units.stimuli.congruence import read_conditions

PAGES = Path(__file__).parent / "pages"
_CLASSES = {HOLDS: "holds", FAILS: "fails", NOT_TESTABLE: "untestable"}
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Provenance:
    """Where the results come from.

    Parameters
    ----------
    tables : tuple of ReportTable
        Checkpoints, stimuli, versions and, if it is known, run time by rule.
    run_time : str
        The run time in a sentence.
    config : mapping
        The configuration with its defaults.
    metadata : mapping
        From `lstm_units.io.files.make_metadata`; stands in the head of the page.
    """

    tables: tuple[ReportTable, ...]
    run_time: str
    config: Mapping[str, Any]
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Page:
    """Everything on the page.

    Parameters
    ----------
    summaries : mapping of str to sequence of Finding
        By model.
    replication : ClaimEntry or None
        The claim about all models together.
    training : tuple of ReportFigure
        One figure per training run.
    """

    settings: ReportSettings
    models: tuple[ModelResults, ...]
    summaries: Mapping[str, Sequence[Finding]]
    replication: ClaimEntry | None
    side_by_side: tuple[ReportTable, ...]
    training: tuple[ReportFigure, ...]
    methods: ReportTable
    provenance: Provenance


def report_page(
    run: Run,
    models: Sequence[ReportModel],
    config: Mapping[str, Any],
    settings: ReportSettings,
    benchmarks: str | Path,
) -> str:
    """Make the report: summary, claims, tables, figures, unit cards, models, methods, origin.

    The page holds its figures, style and script, and asks for nothing over a network. Its links
    to data are relative to where it will lie.

    Parameters
    ----------
    models : sequence of ReportModel
        In the order in which they are to stand.
    config : mapping
        The configuration with its defaults.
    benchmarks : path
        Folder of the benchmark files, which need not exist.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    UserError
        If there is no model, or a file is missing or damaged.
    """
    if not models:
        raise UserError("no model to report on: name at least one under `models`")
    side_by_side = run.files.json("models.json") or {}
    links = tuple(run.link(f"models.{kind}") for kind in ("csv", "md", "json"))
    replication = side_by_side.get("replication")
    conditions = read_conditions(run.files)
    run_time, said = run_time_table(Path(benchmarks), ["", "stimuli", *(m.name for m in models)])
    provenance = [
        checkpoints_table(run, models),
        stimuli_table(run, models, settings),
        versions_table(),
        *([] if run_time is None else [run_time]),
    ]
    return render(
        Page(
            settings=settings,
            models=tuple(collect_model(run, model, settings, config) for model in models),
            summaries={
                model.name: summarise(
                    run.of_model(model.name),
                    settings.labels,
                    conditions,
                    untrained_like=model.untrained_like,
                )
                for model in models
            },
            replication=claim_entry(run, ".", Verdict.from_json(replication), "claim-C24")
            if replication
            else None,
            side_by_side=models_tables(
                side_by_side["models"], conditions, replication, settings, links
            )
            if side_by_side
            else (),
            training=_training(run),
            methods=methods_table(config, settings.labels),
            provenance=Provenance(
                tuple(provenance),
                said,
                config,
                make_metadata(kind="report", checkpoints=_checkpoints(run, models)),
            ),
        )
    )


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


def render(page: Page) -> str:
    """Return the report as one HTML document that needs no other file and no network."""
    environment = Environment(
        loader=FileSystemLoader(PAGES, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"prose": prose, "verdict_class": verdict_class}
    return environment.get_template("report.html.j2").render(
        page=page,
        style=Markup((PAGES / "style.css").read_text(encoding="utf-8")),
        script=Markup((PAGES / "tables.js").read_text(encoding="utf-8")),
        configuration=yaml.safe_dump(
            _plain(page.provenance.config), sort_keys=False, allow_unicode=True
        ),
        described=described,
        metadata=json.dumps(dict(page.provenance.metadata), sort_keys=True),
    )


def prose(text: str) -> Markup:
    """Escape a text; what stands in backticks becomes code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))


def verdict_class(verdict: str) -> str:
    """Return the class of the style sheet for a verdict."""
    return f"verdict-{_CLASSES.get(verdict, 'untestable')}"


def described(model: ReportModel) -> str:
    """Name a model with what it is, if known: ``untrained (untrained, like wikipedia650)``."""
    if model.untrained_like:
        return f"{model.name} (untrained, like {model.untrained_like})"
    if model.training_run:
        step = "" if model.training_step is None else f", step {model.training_step:,}"
        return f"{model.name} ({model.training_run}{step})"
    return model.name


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
