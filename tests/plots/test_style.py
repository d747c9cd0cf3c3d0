"""Figures as files: equal ones give equal bytes, with how they were made."""

import logging
import re

import matplotlib as mpl
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib.tables._g_l_y_f import Glyph
from matplotlib.font_manager import fontManager
from support.figure_checks import visible_texts

from lstm_units.errors import UserError
from lstm_units.plots import fonts
from lstm_units.plots.style import house_style, new_figure, save_figure

ODD = r"US$ 5 or $x^2$, a_b 10% \frac{"  # mathematics and TeX to matplotlib, if it looks
PRIVATE = "\U0010fffd"  # no font has it
HOSTILE = {
    "text.parse_math": True,
    "axes.titlesize": 30,
    "font.family": "monospace",
    "font.size": 20,
    "figure.dpi": 50,
    "lines.linewidth": 9,
    "savefig.bbox": "tight",
    "savefig.transparent": True,
    "pdf.fonttype": 42,
    "xtick.labelsize": 30,
    "xtick.direction": "in",
    "axes.facecolor": "red",
}


def words_figure(words):
    with house_style():
        figure = new_figure(3, 2)
        axis = figure.subplots()
        axis.plot([0, 1], [1, 0], label=f"a {words}")
        axis.set_xticks([0, 1], [words, "second"])
        axis.set_title(words)
        figure.legend()
    return figure


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_equal_figures_give_equal_bytes_with_their_metadata(suffix, tmp_path, monkeypatch):
    for place, name in enumerate(("one", "two")):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(1_000_000_000 + place))
        figure = new_figure(2, 1)
        figure.subplots().plot([0, 1], [1, 0], label="a line")
        save_figure(figure, tmp_path / f"{name}.{suffix}", {"seed": 2019})
    one = (tmp_path / f"one.{suffix}").read_bytes()
    assert one == (tmp_path / f"two.{suffix}").read_bytes()
    assert b"2019" in one
    assert b"CreationDate" not in one


def test_an_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"must end in .pdf or .png"):
        save_figure(new_figure(1, 1), tmp_path / "a.svg", {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_a_users_settings_change_no_figure_and_are_left_as_they_are(suffix, tmp_path):
    save_figure(words_figure("word"), tmp_path / f"plain.{suffix}", {})
    with mpl.rc_context(HOSTILE):
        before = {key: mpl.rcParams[key] for key in mpl.rcParams if key != "backend"}
        save_figure(words_figure("word"), tmp_path / f"hostile.{suffix}", {})
        assert {key: mpl.rcParams[key] for key in before} == before
    plain, hostile = (tmp_path / f"{name}.{suffix}" for name in ("plain", "hostile"))
    assert plain.read_bytes() == hostile.read_bytes()


def test_only_the_style_sets_matplotlibs_parameters(project):
    words = re.compile(r"pyplot|rcParams\b|rc_context|rcdefaults")
    sources = (project / "src" / "lstm_units").rglob("*.py")
    found = {path.name for path in sources if words.search(path.read_text(encoding="utf-8"))}
    assert found == {"style.py"}


def test_labels_are_drawn_as_they_are_also_by_the_canvas_of_a_notebook(tmp_path):
    with mpl.rc_context(HOSTILE):
        figure = words_figure(ODD)
        figure.canvas.draw()
        texts = visible_texts(figure)
    assert [text.get_text() for text in texts].count(ODD) == 2
    assert not any(text.get_parse_math() or text.get_usetex() for text in texts)
    assert {text.get_fontsize() for text in texts} == {7}


@pytest.fixture
def font(tmp_path):
    """Install a font with one character, for a test."""
    builder = FontBuilder(1000)
    builder.setupGlyphOrder([".notdef", "odd"])
    builder.setupCharacterMap({ord(PRIVATE): "odd"})
    builder.setupGlyf({".notdef": Glyph(), "odd": Glyph()})
    builder.setupHorizontalMetrics({".notdef": (500, 0), "odd": (500, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Odd Sans", "styleName": "Regular", "psName": "OddSans"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "odd.ttf")
    installed = list(fontManager.ttflist)
    fonts.families.cache_clear()
    fontManager.addfont(tmp_path / "odd.ttf")
    yield "Odd Sans"
    fontManager.ttflist[:] = installed
    fonts.families.cache_clear()


@pytest.mark.filterwarnings("error")
def test_characters_that_no_font_has_are_named_once(tmp_path, caplog):
    figure = words_figure(f"Даша {PRIVATE}")
    with caplog.at_level(logging.WARNING):
        for suffix in ("png", "pdf"):
            save_figure(figure, tmp_path / f"a.{suffix}", {})
    (message,) = caplog.messages
    assert message.startswith("no installed font has U+10FFFD")
    assert "U+0414" not in message


@pytest.mark.filterwarnings("error")
def test_characters_come_from_an_installed_font_that_has_them(font, tmp_path, caplog):
    figure = words_figure(f"a {PRIVATE}")
    save_figure(figure, tmp_path / "a.pdf", {})
    assert not caplog.messages
    assert {tuple(text.get_fontfamily()) for text in visible_texts(figure)} == {
        ("DejaVu Sans", font)
    }
    assert b"OddSans" in (tmp_path / "a.pdf").read_bytes()
