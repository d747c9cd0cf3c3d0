"""The report that Snakemake itself makes of a run: categories, captions, no network."""

import json
import re

import pytest

from lstm_units.config.rooms import rooms

pytestmark = pytest.mark.extended


@pytest.fixture(scope="module")
def page(finished, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("report") / "snakemake.html"
    run = finished.run("--report", str(path))
    assert run.code == 0, run.output
    return path.read_text(encoding="utf-8")


def test_every_category_is_there(page):
    categories = re.search(r"var categories = (\{.*?\});?\n", page)[1]
    assert set(json.loads(categories)) == {"Claims", *(room.title for room in rooms())}


def test_captions_are_those_of_the_rooms(page, finished):
    captions = re.findall(r'"caption": "([^"]*)"', page)
    assert len(captions) > 20
    assert all(captions)
    assert finished.config["controls"]["sets"] == 5
    assert re.search(r"<strong>Syntax units against random sets</strong>.*5 random sets", page)
    own = (finished.results / "report.html").read_text(encoding="utf-8")
    assert "The height of a dot within its strip means nothing." in page
    assert "The height of a dot within its strip means nothing." in own
