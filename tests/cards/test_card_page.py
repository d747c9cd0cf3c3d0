"""Unit cards as HTML: complete, escaped, without a request to the network, and their files."""

import base64
import json
import re
from html.parser import HTMLParser
from io import BytesIO

import pandas as pd
import pytest
from PIL import Image
from support.card_results import (
    CONDITIONS,
    LOWER,
    MISSING,
    N_UNITS,
    PLAIN,
    accuracy_rows,
    read_card,
    without,
)
from support.connected_network import NUMBER_UNITS, PLURAL, SINGULAR, SYNTAX
from support.figure_checks import LONG_LABEL, check_texts, with_long_words
from support.made_files import write_frame
from support.scripts import run_script

from lstm_units.api.command_line import write_card
from lstm_units.cards.card import CardSettings, with_recorded_settings
from lstm_units.cards.figure import (
    ablation_figure,
    auc_figure,
    inline_png,
)
from lstm_units.cards.page import card_fragment, card_page, notable_cards, unit_page
from lstm_units.errors import UserError
from lstm_units.io.files import read_json
from lstm_units.plots.marks import NUMBERS

SINGULAR_COLOR, PLURAL_COLOR = (mark.color for mark in NUMBERS.values())
_VOID = {"meta", "link", "img", "br"}
ODD = '<script>alert("x")</script> & $x_1$'


class Page(HTMLParser):
    """Elements, texts and tables of a page; complains about tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements, self.open, self.texts, self.tables = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in _VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data

    def every(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def table(self, *titles: str) -> pd.DataFrame:
        [found] = [t for t in self.tables if set(titles) <= set(t[0])]
        return pd.DataFrame(found[1:], columns=found[0])


@pytest.fixture(scope="module")
def page(planted_files) -> Page:
    return Page(unit_page(planted_files, SINGULAR, CardSettings(labels={"nounpp": ODD})))


def test_a_page_asks_for_nothing_but_itself(page):
    for _, attributes in page.elements:
        for name in ("src", "href"):
            assert attributes.get(name, "data:").startswith(("data:", "#"))
    assert not page.every("script")
    [style] = [text for text in page.texts if "table.data" in text]
    assert not re.search(r"@import|url\(", style)


def test_ids_are_unique_and_links_lead_somewhere(page, planted_files):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    name = f"card-{planted_files.name}-{SINGULAR}"
    assert ids[0] == name
    assert all(identifier.startswith(f"{name}-") for identifier in ids[1:])


def test_text_is_escaped(page):
    assert ODD in page.text
    assert not [tag for tag, _ in page.elements if tag == "script"]


def test_tables_say_what_each_cell_is_about(page):
    assert len(page.tables) == len(page.every("caption"))
    assert all("scope" in attributes for attributes in page.every("th"))
    for table in page.tables:
        assert len({len(row) for row in table}) == 1
    for box in page.every("div"):
        assert box["class"] == "scroll"
        assert box["tabindex"] == "0"
        assert box["aria-label"]


def test_images_are_pngs_that_say_what_they_show(page):
    images = page.every("img")
    assert len(images) == 3
    for image in images:
        kind, _, data = image["src"].partition(",")
        assert kind == "data:image/png;base64"
        width, height = Image.open(BytesIO(base64.b64decode(data))).size
        assert int(image["width"]) / int(image["height"]) == pytest.approx(width / height, rel=0.02)
        assert len(re.findall(r"\d\.\d", image["alt"])) >= 2  # numbers, not only a name
        assert str(SINGULAR) in image["alt"] or "accuracy" in image["alt"]


def test_a_card_stays_small(planted_files):
    for unit in (SINGULAR, LOWER):
        assert len(unit_page(planted_files, unit, CardSettings()).encode()) < 250_000


def test_the_known_effect_stands_in_the_table(page):
    table = page.table("condition", "intact", "ablated")
    assert list(zip(table["task"], table["condition"], strict=True)) == [
        (ODD if task == "nounpp" else task, condition) for task, condition in CONDITIONS
    ]
    large = table[table["relative drop"].str.endswith("*")]
    assert large["condition"].tolist() == ["SP", "SP"]
    assert large["intact"].tolist() == ["90.0", "90.0"]
    assert large["ablated"].tolist() == ["40.0", "40.0"]
    assert large["95 % interval"].tolist() == ["32.0 to 45.0"] * 2
    assert large["relative drop"].tolist() == ["55.6 *"] * 2
    assert "the change is large in 2 of 8 conditions" in page.text
    assert "falls from 90.0 to 40.0 %" in page.text


def test_numbers_are_those_of_the_files(page, planted_files):
    words = pd.read_parquet(planted_files.folder / "efferents/words.parquet")
    words = words[words["unit"] == SINGULAR].sort_values("rank")
    shown = page.table("raised", "lowered")
    for direction in ("raised", "lowered"):
        rows = words[words["direction"] == direction]
        assert shown[direction].tolist() == rows["word"].tolist()
        assert shown[f"effect of {direction}"].tolist() == [f"{e:.3f}" for e in rows["effect"]]
    auc = pd.read_parquet(planted_files.folder / "decoding/units.parquet")
    auc = auc[auc["unit"] == SINGULAR].sort_values("position")
    assert page.table("AUC")["AUC"].tolist() == [f"{value:.3f}" for value in auc["auc"]]
    connections = page.table("weight", "mean input")
    assert f"{SYNTAX} (syntax)" in connections["unit"].tolist()
    assert "long-range (singular)" in page.text
    for name in ("ablation/zero/accuracy.parquet", "dependency_span.parquet"):
        assert name in page.text


def test_a_lower_unit_says_why_blocks_are_empty(planted_files):
    page = Page(card_page(read_card(planted_files, LOWER), CardSettings(), {"package_version": ""}))
    assert "read by words; this one is in 1" in page.text
    assert "layer 1 reads words, not units" in page.text
    assert "No list of discovered or shown units names it." in page.text
    assert "accuracy changes in no condition" in page.text


def test_a_card_without_any_analysis_is_still_a_page(planted_files):
    gone = {path for paths in MISSING.values() for path in paths}
    card = read_card(without(planted_files, *gone), PLAIN)
    page = Page(card_fragment(card, CardSettings()))
    titles = [tag for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert titles == ["h4"] * 6
    assert len(re.findall(r"(?:was|were) not run \(", page.text)) >= 6
    assert not page.every("img")
    assert not page.tables


def test_large_changes_near_chance_are_told_apart(files):
    rows = accuracy_rows([PLAIN]).assign(relative_drop=0.3, drop=0.1, q=0.0)
    rows["full_accuracy"] = [0.56, 0.55, 0.2, *[0.9] * 5]
    sha256 = read_json(files.folder / "checkpoint/model.json")["sha256"]
    write_frame(rows, files.folder / "ablation/zero/accuracy.parquet", checkpoint_sha256=sha256)
    text = Page(card_fragment(read_card(files, PLAIN), CardSettings())).text
    assert "large in 8 of 8 conditions" in text
    assert "In 2 of the 8 the intact model is right in at most 55 %" in text


# Files


def test_the_script_writes_the_page_of_a_unit(planted_files, tmp_path):
    run_script(
        "cards/unit_card",
        input={"results": [path for path in planted_files.folder.rglob("*") if path.is_file()]},
        params={
            "folder": str(planted_files.folder),
            "settings": {"labels": {"nounpp": "noun PP"}},
        },
        wildcards={"unit": PLURAL},
        output={"page": tmp_path / "card.html"},
    )
    assert "noun PP" in (tmp_path / "card.html").read_text(encoding="utf-8")


def test_notable_cards_are_those_that_pages_hold(planted_files):
    found = notable_cards(planted_files, CardSettings(maximum_cards=2)).content
    assert [card["unit"] for card in found["cards"]] == list(NUMBER_UNITS)
    assert found["left_out"] == [SYNTAX, 50]
    assert f"lstm-units card {planted_files.name} UNIT" in found["note"]
    first = found["cards"][0]
    assert (first["layer"], first["lists"]) == (2, ["long-range"])
    assert first["title"] == f"Unit {SINGULAR}: long-range (singular)"
    for card in found["cards"]:
        page = Page(card["html"])
        prefix = f"card-{planted_files.name}-{card['unit']}-"
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert ids
        assert all(identifier.startswith(prefix) for identifier in ids)
    # A fragment is the body of the unit's page, with headings two levels further down.
    settings = with_recorded_settings(CardSettings(), planted_files)
    alone = card_fragment(read_card(planted_files, SINGULAR, settings), settings, 2)
    assert first["html"] == re.sub(r"(</?h)2\b", r"\g<1>4", alone)


def test_the_command_needs_results_only(files, tmp_path):
    path = write_card(files.folder.parent, "tiny", PLAIN)
    assert path == files.folder / "cards" / f"unit_{PLAIN}.html"
    page = Page(path.read_text(encoding="utf-8"))
    [metadata] = [
        json.loads(m["content"]) for m in page.every("meta") if m.get("name") == "lstm-units"
    ]
    assert metadata["unit"] == PLAIN
    output = tmp_path / "mine.html"
    assert write_card(files.folder.parent, "tiny", PLAIN, output) == output
    assert output.read_bytes() == path.read_bytes()


def test_the_command_says_what_there_is(planted_files, tmp_path):
    results = planted_files.folder.parent
    with pytest.raises(UserError, match=r"no results of a model 'other'; it has those of tiny"):
        write_card(results, "other", PLAIN)
    with pytest.raises(UserError, match=f"unit {N_UNITS + 1} .* numbered 1 to {N_UNITS}"):
        write_card(results, "tiny", N_UNITS + 1)
    with pytest.raises(UserError, match=r"no results of any model in .* Run the workflow"):
        write_card(tmp_path / "nowhere", "tiny", PLAIN)


# Figures


def tables_of(unit, modes=("zero", "legacy")):
    rows = accuracy_rows([unit])
    rows["large"] = rows["drop"] > 0.1
    names = {"S": "singular", "P": "plural"}
    rows["subject_number"] = [names[condition[0]] for condition in rows["condition"]]
    return dict.fromkeys(modes, rows)


def test_the_change_in_accuracy_is_drawn_with_its_interval():
    figure = ablation_figure(tables_of(SINGULAR, ["zero"]), {"nounpp": "noun $PP"})
    check_texts(figure)
    [axes] = figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[0] == "noun $PP SS"
    marks = [line for line in axes.lines if line.get_marker() not in ("None", None)]
    changes = [line.get_xdata()[0] for line in marks]
    assert changes == pytest.approx([0, -50, 0, 0] * 2)
    filled = [line.get_markerfacecolor() != "white" for line in marks]
    assert filled == [False, True, False, False] * 2
    colors = [line.get_color() for line in marks]
    assert colors == [*[SINGULAR_COLOR] * 2, *[PLURAL_COLOR] * 2] * 2
    assert {line.get_marker() for line in marks} == {"v", "^"}
    bars = [tuple(line.get_xdata()) for line in axes.lines if len(line.get_ydata()) == 2]
    assert (pytest.approx(-58), pytest.approx(-45)) in [(low, high) for low, high in bars]
    low, high = axes.get_xlim()
    assert low < -58
    assert high > 5


def test_modes_stand_beside_each_other():
    tables = tables_of(PLAIN)
    tables["zero"] = tables["zero"].iloc[:3]
    figure = ablation_figure(tables)
    check_texts(figure)
    assert [axes.get_title() for axes in figure.axes] == ["mode zero", "mode legacy"]
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    assert len({axes.get_ylim() for axes in figure.axes}) == 1


def test_long_labels_and_words_fit():
    modes = ("zero", "legacy", "mean")
    labels = dict.fromkeys(tables_of(PLAIN)["zero"]["task"], LONG_LABEL)
    check_texts(ablation_figure(tables_of(PLAIN, modes), labels))
    words = with_long_words(["The", "boy", "near", "the", "cars", "greets", "it"])
    table = pd.DataFrame({"position": range(7), "word": words, "auc": 0.5})
    check_texts(auc_figure(table.assign(ci_low=0.4, ci_high=0.6), 1, (4,), 5))


def test_conditions_of_unknown_number_have_a_mark_of_their_own():
    rows = tables_of(PLAIN, ["zero"])["zero"].assign(subject_number=None)
    figure = ablation_figure({"zero": rows})
    marks = {line.get_marker() for line in figure.axes[0].lines}
    assert marks <= {"o", "None"}


@pytest.mark.parametrize("interval", [True, False])
def test_the_auc_is_drawn_over_the_words(interval):
    words = ["The", "boy", "near", "the", "cars", "$greets", "it"]
    table = pd.DataFrame({"position": range(7), "word": words, "auc": [0.5, 1, 1, 1, 0, 0.2, 0.4]})
    table["ci_low"] = table["auc"] - 0.1 if interval else float("nan")
    table["ci_high"] = table["auc"] + 0.1 if interval else float("nan")
    figure = auc_figure(table.sample(frac=1, random_state=1), 1, (4,), 5)
    check_texts(figure)
    [axes] = figure.axes
    [line] = [line for line in axes.lines if line.get_marker() == "o"]
    assert line.get_ydata().tolist() == table["auc"].tolist()
    assert [label.get_text() for label in axes.get_xticklabels()][:2] == ["The", "boy"]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert ("interval" in names) == interval


def test_an_inlined_figure_keeps_its_colours():
    figure = ablation_figure(tables_of(SINGULAR))
    found = inline_png(figure)
    data = base64.b64decode(found["uri"].partition(",")[2])
    image = Image.open(BytesIO(data)).convert("RGB")
    colors = {color for _, color in image.getcolors(1 << 20)}
    for wanted in (SINGULAR_COLOR, PLURAL_COLOR, "#ffffff"):
        rgb = tuple(int(wanted[at : at + 2], 16) for at in (1, 3, 5))
        assert min(max(abs(a - b) for a, b in zip(rgb, color, strict=True)) for color in colors) < 8
    assert inline_png(figure) == found
