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

from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE
from lstm_units.report.data import (
    ClaimEntry,
    ModelResults,
    ReportFigure,
    ReportModel,
    ReportSettings,
)
from lstm_units.report.summary import Sentence
from lstm_units.report.tables import ReportTable

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
    settings : ReportSettings
    models : tuple of ModelResults
    summaries : mapping of str to sequence of Sentence
        By model.
    replication : ClaimEntry or None
        The claim about all models together.
    side_by_side : tuple of ReportTable
    training : tuple of ReportFigure
        One figure per training run.
    methods : ReportTable
    provenance : Provenance
    """

    settings: ReportSettings
    models: tuple[ModelResults, ...]
    summaries: Mapping[str, Sequence[Sentence]]
    replication: ClaimEntry | None
    side_by_side: tuple[ReportTable, ...]
    training: tuple[ReportFigure, ...]
    methods: ReportTable
    provenance: Provenance


def render(page: Page) -> str:
    """Return the report as one HTML document that needs no other file and no network.

    Parameters
    ----------
    page : Page

    Returns
    -------
    str
    """
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
