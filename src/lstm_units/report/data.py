"""What the report shows of each model, collected from its result files."""

import base64
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from html import unescape
from itertools import starmap
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from lstm_units.claims.catalogue import every_claim
from lstm_units.config.rooms import Table, each, rooms
from lstm_units.io.not_run import because
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import Verdict, with_interval
from lstm_units.io.wording import units_named
from lstm_units.report.captions import drawn_by, figure_caption
from lstm_units.report.tables import (
    FileLink,
    ReportTable,
    make_table,
    printed_table,
)

# Where a card names the files that it was made from.
_FILES = re.compile(r'<p class="files">.*?</p>', re.DOTALL)
_NAMED_FILE = re.compile(r"<code>([^<]*)</code>")


@dataclass(frozen=True)
class ReportModel:
    """A model of the report.

    Parameters
    ----------
    name : str
        Of its folder under the results.
    training_run : str or None
        The run that it is a checkpoint of.
    training_step : int or None
    untrained_like : str or None
        The model whose shape this untrained network has.
    """

    name: str
    training_run: str | None = None
    training_step: int | None = None
    untrained_like: str | None = None


@dataclass(frozen=True)
class ReportSettings:
    """What the report needs to know beside the results.

    Parameters
    ----------
    labels : mapping of str to str
        Name of each task in print.
    title : str
        Of the page.
    """

    labels: Mapping[str, str]
    title: str = "Number and syntax units in LSTM language models"

    def label(self, task: str) -> str:
        """Return the name of a task in print."""
        return self.labels.get(task, task)


@dataclass(frozen=True)
class ReportFigure:
    """A figure: anchor, title, image as data URI, description, caption, and its files."""

    id: str
    title: str
    image: str
    alt: str
    caption: tuple[str, ...]
    files: tuple[FileLink, ...]


@dataclass(frozen=True)
class ClaimEntry:
    """A claim of the audit: what the paper says, the verdict, and where its numbers are."""

    id: str
    anchor: str
    claim: str
    paper: str
    source: str
    verdict: Verdict
    measures: ReportTable | None
    files: tuple[FileLink, ...]


@dataclass(frozen=True)
class CardEntry:
    """A unit card: anchor, unit, layer, why it is notable, and the page's fragment."""

    id: str
    unit: int
    layer: int
    title: str
    lists: tuple[str, ...]
    html: str


@dataclass(frozen=True)
class ModelResults:
    """Everything of one model that the page shows."""

    model: ReportModel
    anchor: str
    claims: tuple[ClaimEntry, ...]
    counts: Mapping[str, int]
    claim_files: tuple[FileLink, ...]
    table2: ReportTable | None
    tables: tuple[ReportTable, ...]
    figures: tuple[ReportFigure, ...]
    cards: tuple[CardEntry, ...]
    cards_note: str | None
    not_run: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """The results of one run of the workflow, and the page that links to them.

    Parameters
    ----------
    results : Path
        Folder of all results.
    paths : tuple of Path
        The files and folders that belong to the run.
    page : Path
        Where the report will be; links are relative to its folder.
    """

    results: Path
    paths: tuple[Path, ...]
    page: Path

    @cached_property
    def files(self) -> ResultFiles:
        """The files that all models share, such as ``models.json``."""
        return ResultFiles.among(self.results, self.paths)

    def of_model(self, name: str) -> ResultFiles:
        """Return the files of one model."""
        return ResultFiles.among(self.results / name, self.paths)

    def link(self, path: str | Path) -> FileLink:
        """Return a link to a file, by its path under the results.

        Files outside the results, or that are not there, are named without a link.
        """
        target = Path(os.path.normpath(self.results / path))
        if not target.exists():
            return FileLink(Path(path).as_posix())
        relative = Path(os.path.relpath(target.absolute(), self.page.parent.absolute())).as_posix()
        shown = target.relative_to(self.results) if target.is_relative_to(self.results) else target
        return FileLink(shown.as_posix(), quote(relative))

    def links(self, model: str, names: Sequence[str]) -> tuple[FileLink, ...]:
        """Return links to files of a model; a star stands for any name, as in a shell.

        A name that the model's folder does not have may be one of the files that all models
        share, such as ``stimuli/nounpp.parquet``.
        """
        found: list[FileLink] = []
        for name in names:
            own = self.of_model(model)
            several = own.matching(name) if "*" in name else [name]
            for one in several:
                link = self.link(f"{model}/{one}")
                if link.href is None and self.link(one).href is not None:
                    link = self.link(one)
                if link not in found:
                    found.append(link)
        return tuple(found)


def collect_model(
    run: Run, model: ReportModel, settings: ReportSettings, config: Mapping[str, Any]
) -> ModelResults:
    """Collect what the page shows of a model.

    Parameters
    ----------
    config : mapping
        The whole configuration, for thresholds that the files do not tell.

    Raises
    ------
    UserError
        If a file is damaged.
    """
    files = run.of_model(model.name)
    claims = files.json("claims.json") or {}
    cards, note = _cards(run, files)
    every = sorted((table for room in rooms() for table in room.tables), key=lambda t: t.place)
    tables = {table.name: _table(run, files, table) for table in every}
    table2 = tables.pop("table2")
    return ModelResults(
        model=model,
        anchor=f"model-{model.name}",
        claims=_claims(run, model.name, claims),
        counts=claims.get("summary", {}),
        claim_files=run.links(model.name, [f"claims.{kind}" for kind in ("csv", "md", "json")]),
        table2=table2,
        tables=tuple(table for table in tables.values() if table is not None),
        figures=_figures(run, files, settings, config),
        cards=cards,
        cards_note=note,
        not_run=tuple(_not_run(files, settings, config)),
    )


def _not_run(
    files: ResultFiles, settings: ReportSettings, config: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what the configuration leaves out, and what the model or its items do not allow."""
    for task in config["tasks"]:
        for why in files.why_not([f"stimuli/{task}.parquet"]):
            yield because(settings.label(task), why)
    for room in rooms():
        made = room.products(config, files.name)
        yield from starmap(because, made.not_run)
        drawn = [*each("figures/{}.png", made.figures), *each("tables/{}.json", made.tables)]
        for why, names in files.why_not([*made.files, *drawn]).items():
            shown = ", ".join(str(PurePath(name).with_suffix("")) for name in names)
            yield because(f"{room.title} ({shown})", why)


def anchor(name: str) -> str:
    """Return a name as an anchor: letters, digits, points and hyphens."""
    return re.sub(r"[^\w.-]", "-", name)


def data_uri(path: Path) -> str:
    """Return a PNG file as a data URI."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def claim_entry(run: Run, model: str, verdict: Verdict, anchor: str) -> ClaimEntry:
    """Put a verdict beside what the paper says; links to its data are those of the model."""
    claim = every_claim()[verdict.id]
    measures = None
    if verdict.measures:
        rows = [
            (
                measure.name,
                with_interval(measure.value, measure.low, measure.high),
                measure.expected,
                {True: "yes", False: "no", None: ""}[measure.met],
                measure.note,
            )
            for measure in verdict.measures
        ]
        measures = make_table(
            f"{anchor}-measures",
            f"{verdict.id}: all measured values",
            ("what", "value and interval", "expected", "met", "note"),
            rows,
        )
    return ClaimEntry(
        id=verdict.id,
        anchor=anchor,
        claim=claim.claim,
        paper=claim.paper,
        source=claim.source,
        verdict=verdict,
        measures=measures,
        files=run.links(model, verdict.data),
    )


def _claims(run: Run, model: str, claims: Mapping[str, Any]) -> tuple[ClaimEntry, ...]:
    verdicts = claims.get("verdicts", {})
    return tuple(
        claim_entry(run, model, Verdict.from_json(verdicts[id]), f"claim-{model}-{id}")
        for id in every_claim()
        if id in verdicts
    )


def _table(run: Run, files: ResultFiles, table: Table) -> ReportTable | None:
    printed = files.json(f"tables/{table.name}.json")
    if printed is None:
        return None
    links = run.links(files.name, [f"tables/{table.name}.{kind}" for kind in ("csv", "md", "tex")])
    anchor = f"table-{files.name}-{table.name}"
    return printed_table(printed, anchor, table.title, repeated=table.repeated, files=links)


def _figures(
    run: Run, files: ResultFiles, settings: ReportSettings, config: Mapping[str, Any]
) -> tuple[ReportFigure, ...]:
    names = [
        name
        for pattern in ("figures/*.png", "figures/*/*.png", "figures/*/*/*.png")
        for name in files.matching(pattern)
    ]
    figures = []
    for name in sorted(names, key=partial(_place, files)):
        path = files.path(name)
        stem = name.removeprefix("figures/").removesuffix(".png")
        caption = figure_caption(stem, files, settings.labels, config)
        drawn = [f"figures/{stem}.pdf", name]
        figures.append(
            ReportFigure(
                id=anchor(f"figure-{files.name}-{stem}"),
                title=caption.title,
                image=data_uri(path),
                alt=caption.alt,
                caption=caption.sentences,
                files=run.links(
                    files.name,
                    [one for one in drawn if files.path(one) is not None] + list(caption.data),
                ),
            )
        )
    return tuple(figures)


def _place(files: ResultFiles, name: str) -> tuple[float, str]:
    """Return where a figure stands: in the order of the paper, unknown ones at the end."""
    stem = name.removeprefix("figures/").removesuffix(".png")
    found = drawn_by(stem, files)
    return (found[1].place if found else math.inf), stem


def _cards(run: Run, files: ResultFiles) -> tuple[tuple[CardEntry, ...], str | None]:
    notable = files.json("cards/notable.json") or {}

    def linked(paragraph: re.Match) -> str:
        return _NAMED_FILE.sub(lambda name: _anchor(run, files.name, name[1]), paragraph[0])

    cards = tuple(
        CardEntry(
            id=f"card-{files.name}-{card['unit']}",
            unit=int(card["unit"]),
            layer=int(card["layer"]),
            title=card["title"],
            lists=tuple(card["lists"]),
            html=_FILES.sub(linked, card["html"]),
        )
        for card in notable.get("cards", ())
    )
    left_out = notable.get("left_out")
    if not left_out:
        return cards, None
    note = notable.get("note") or ""
    return cards, f"Without a card here: {units_named(left_out, len(left_out))}. {note}".strip()


def _anchor(run: Run, model: str, name: str) -> str:
    """Turn the path of a file, as it stands in a card, into a link if the file is there."""
    links = run.links(model, [unescape(name)])
    if not links or links[0].href is None:
        return f"<code>{name}</code>"
    return str(Markup('<a href="{}">{}</a>').format(links[0].href, links[0].text))
