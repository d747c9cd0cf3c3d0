"""The report that Snakemake itself makes of a run: categories, captions, no network."""

import json
import re

import pytest
from support.workflow_fixture import PROJECT

pytestmark = pytest.mark.extended

CATEGORIES = {
    *("Agreement", "Dynamics", "Decoding", "Contributions", "Depth", "Syntax units"),
    *("Random sets", "Connectivity", "Claims"),
}


@pytest.fixture(scope="module")
def page(finished, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("report") / "snakemake.html"
    run = finished.run("--report", str(path))
    assert run.code == 0, run.output
    return path.read_text(encoding="utf-8")


def test_every_category_is_there(page):
    categories = re.search(r"var categories = (\{.*?\});?\n", page)[1]
    assert set(json.loads(categories)) == CATEGORIES


def test_captions_state_the_thresholds_of_the_run(page, finished):
    assert finished.config["controls"]["sets"] == 5
    assert re.search(r"against 5(?:\\n|\s)+random sets", page)
    assert re.search(r"random sets of as many units, matched by(?:\\n|\s)+layer", page)
    captions = re.findall(r'"caption": "([^"]*)"', page)
    assert len(captions) > 20
    assert all(captions)


def test_every_caption_belongs_to_a_rule_and_every_mark_has_its_caption():
    rules = "".join(p.read_text(encoding="utf-8") for p in (PROJECT / "rules").glob("*.smk"))
    rules += (PROJECT / "Snakefile").read_text(encoding="utf-8")
    marked = re.findall(r'\b(?:figure|table)\(\s*"[^"]+",\s*"[^"]+",\s*"(\w+)"', rules)
    marked += re.findall(r'in_report\(\s*"[^"]+",\s*"[^"]+",\s*"(\w+)"', rules)
    marked += re.findall(r'report: "rules/captions/(\w+)\.rst"', rules)
    assert set(marked) == {path.stem for path in (PROJECT / "rules" / "captions").glob("*.rst")}
