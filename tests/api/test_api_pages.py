"""The page of the public functions is the one that the docstrings give."""

import re

import pytest

import lstm_units
from lstm_units import MODULES
from lstm_units.api.pages import api_page
from lstm_units.errors import UserError


@pytest.fixture(scope="module")
def page() -> str:
    return api_page()


def section_of(page: str, name: str) -> str:
    return re.split(r"^#{2,3} ", page.partition(f"### {name}\n")[2], flags=re.MULTILINE)[0]


def test_stored_page_is_the_generated_one(project, page):
    stored = (project / "docs" / "api.md").read_text(encoding="utf-8")
    assert stored == page, "run: python -m lstm_units.api.pages > docs/api.md"


def test_every_public_name_has_a_section_and_links_lead_to_one(page):
    headings = re.findall(r"^### (\w+)$", page, re.MULTILINE)
    assert sorted(headings) == sorted(lstm_units.__all__)
    anchors = {heading.lower() for heading in headings}
    links = set(re.findall(r"\]\(#([^)]+)\)", page))
    assert len(links) > 10
    assert links <= anchors


def test_functions_show_signature_parameters_and_a_tested_example(page):
    for name in lstm_units.__all__:
        function = getattr(lstm_units, name)
        if isinstance(function, type) or name == "open_activations":
            continue
        section = section_of(page, name)
        assert f"```python\n{name}(" in section
        for parameter in function.__annotations__:
            assert parameter == "return" or f"`{parameter}`" in section, (name, parameter)
        for part in ("**Parameters**", "**Returns**", "**Raises**", "**Example**", "```pycon"):
            assert part in section, (name, part)


def test_what_parsing_would_lose_stands_as_written(page):
    assert "- `units` (sequence of int, optional): Numbered from 1" in page
    assert '- `mode` ({"zero", "legacy", "mean"}): ' in page
    assert "- `splits`, `test_fraction`: Number of cross-validation splits" in page
    assert 'tasks: tuple[str, ...] = ("nounpp", "nounpp_adv")'.replace('"', "'") in page
    assert "#### ActivationDump.read\n" in page
    assert re.search(r"``(?!`)(?<!```)", page.replace("```", "")) is None


def test_a_public_name_without_a_docstring_is_refused(monkeypatch):
    monkeypatch.setitem(MODULES, "ALONE", "api.scores")
    with pytest.raises(UserError, match=r"api/scores\.py: ALONE is public and has no docstring"):
        api_page()
