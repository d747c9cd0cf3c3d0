"""The analysis of docs/adding-an-analysis.md, added to a copy of the project by its files alone."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from support.workflow_fixture import PROJECT, Workspace, copy_project, make_workspace

pytestmark = pytest.mark.extended
PAGE = PROJECT / "docs" / "adding-an-analysis.md"


def files_of_the_page() -> dict[str, str]:
    """The files that the page shows, by path."""
    text = PAGE.read_text(encoding="utf-8")
    return dict(re.findall(r"^`([\w./]+)`\n\n```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def add_room(project: Path) -> None:
    """Add the files, and the one line in the Snakefile."""
    for name, content in files_of_the_page().items():
        path = project / name
        assert not path.exists(), f"{name} is there already: adding would edit it"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    snakefile = project / "Snakefile"
    text = snakefile.read_text(encoding="utf-8")
    line = 'include: "rules/report.smk"\n'
    snakefile.write_text(text.replace(line, f'{line}include: "rules/saturation.smk"\n'))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    """A finished run of the tiny model with the added analysis, most others left out."""
    folder = tmp_path_factory.mktemp("room")
    project = copy_project(folder / "project")
    add_room(project)
    made = make_workspace(folder / "work", project)
    over = {
        "tasks": ["simple", "nounpp"],
        "ablation": {"modes": ["zero"], "layers": {}},
        "depth": {"run": False},
        "controls": {"run": []},
        "connectivity": {"task": None},
        "decoding": {"run": []},
        "saturation": {"open_from": 0.6, "shut_to": 0.4},
    }
    made = Workspace(project, made.directory, made.changed(**over))
    run = made.run()
    assert run.code == 0, run.output
    return made


def test_its_table_counts_prefixes(workspace):
    model = workspace.results / "tiny"
    shares = pd.read_parquet(model / "saturation/shares.parquet")
    table = pd.read_csv(model / "tables/saturation.csv")
    one = table.iloc[0]
    rows = shares[(shares["layer"] == one["layer"]) & (shares["gate"] == one["gate"])]
    assert one["open"] == pytest.approx(rows["open"].mean())
    assert ((shares["open"] + shares["shut"]) <= 1).all()
    assert shares["open"].max() > 0


def test_the_report_has_its_table_figure_claim_and_what_the_card_says(workspace):
    report = (workspace.results / "report.html").read_text(encoding="utf-8")
    assert 'id="table-tiny-saturation"' in report
    assert 'id="figure-tiny-saturation"' in report
    assert "at least 0.6 (open) or at most 0.4 (shut)" in report
    assert "Some units keep their forget gate open nearly always" in report
    assert re.search(r"Its forget gate is wide open in \d+% of the prefixes", report)
    claims = json.loads((workspace.results / "tiny/claims.json").read_text())["verdicts"]
    assert claims["K1"]["verdict"] in ("holds", "fails")


def test_its_keys_are_in_the_schema_and_on_the_configuration_page(workspace):
    source = {**os.environ, "PYTHONPATH": str(workspace.project / "src")}
    page = subprocess.run(
        [sys.executable, "-m", "lstm_units.config.validate"],
        env=source,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "| `saturation.open_from` | `0.9` |" in page
    refused = workspace.run("-n", config=workspace.changed(saturation={"open_form": 1}))
    assert refused.code != 0 and "saturation.open_form" in refused.output


def test_without_its_task_it_makes_nothing(workspace):
    left_out = workspace.dry_run(config=workspace.changed(saturation={"task": None}))
    assert "saturation" not in left_out.rules()


def test_a_changed_threshold_reruns_it_and_what_shows_it(workspace):
    changed = workspace.dry_run(config=workspace.changed(saturation={"open_from": 0.7}))
    assert set(changed.rules()) >= {"saturation", "saturation_shown", "claims", "report"}
    assert not set(changed.rules()) & {"ablate_units", "accuracy", "dynamics"}
