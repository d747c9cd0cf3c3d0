import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from support.report_fixture import (
    MODELS,
    SETTINGS,
    default_config,
    long_range,
    run_files,
    write_benchmarks,
    write_model,
    write_results,
    write_units,
    write_verdicts,
)

from lstm_units.claims.catalogue import every_claim
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata, read_json, write_json, write_text
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.table_formats import write_table
from lstm_units.io.verdict import HOLDS, NOT_TESTABLE
from lstm_units.report.captions import figure_caption
from lstm_units.report.methods import methods_table
from lstm_units.report.provenance import rule_of, run_time_table
from lstm_units.report.summary import summary_sentences
from lstm_units.report.tables import make_table, read_printed_table
from lstm_units.report.write_report import write_report

ROOT = Path(__file__).parents[2]


class Seen(HTMLParser):
    """Ids, links, images, headings and text of a page; every tag must be closed in order."""

    VOID = frozenset({"meta", "link", "img", "input", "br"})

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loaded, self.headings, self.open = [], [], [], [], []
        self.words = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        if tag == "a":
            self.links.append(found["href"])
        self.loaded += [
            found[name] for name in ("src", "srcset", "data", "action") if name in found
        ]
        if tag == "link":
            self.loaded.append(found["href"])
        if re.fullmatch(r"h\d", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            assert found["alt"].strip()
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def make_report(root, files=None, models=MODELS, config=None):
    write_report(
        root,
        models,
        run_files(root) if files is None else files,
        default_config() if config is None else config,
        SETTINGS,
        root / "benchmarks",
        root / "report.html",
    )
    return (root / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    write_results(root)
    return root


@pytest.fixture(scope="module")
def page(results):
    return make_report(results)


def test_every_anchor_exists_once_and_every_link_leads_to_a_file(results, page):
    seen = Seen(page)
    assert len(seen.ids) == len(set(seen.ids))
    inside = {link[1:] for link in seen.links if link.startswith("#")}
    assert inside
    assert inside <= set(seen.ids)
    outside = {link for link in seen.links if not link.startswith("#")}
    assert "first/tables/table2.csv" in outside
    assert all((results / unquote(link)).exists() for link in outside)


def test_page_loads_nothing_but_what_is_in_it(page):
    seen = Seen(page)
    assert len(seen.loaded) >= 6
    assert all(source.startswith("data:") for source in seen.loaded)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest", page)


def test_headings_never_skip_a_level(page):
    levels = Seen(page).headings
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_equal_results_give_equal_bytes(results, page):
    assert make_report(results) == page


def test_text_of_results_is_escaped(page):
    assert "<b>" not in page
    assert "nounPP <&" not in page
    assert "nounPP <& friends>" in Seen(page).text


def test_every_claim_stands_with_verdict_criterion_reason_values_and_data(results, page):
    text = Seen(page).text
    for id, entry in read_json(results / "first/claims.json")["verdicts"].items():
        assert f'id="claim-first-{id}"' in page
        for part in (entry["criterion"], entry["measured"], f"second value of {id}"):
            assert part in text
        assert f"{id} {every_claim()[id].claim}: {entry['verdict']}" in text
        assert f"reason of {id}" in text or entry["verdict"] == HOLDS
    assert 'href="first/intact/nounpp.parquet"' in page
    assert 'href="stimuli/nounpp.parquet"' in page  # not in the folder of the model
    assert "<code>first/nowhere.json</code>" in page
    assert 'id="claim-C24"' in page


def test_model_without_analyses_says_what_was_not_run(page):
    bare = Seen(page[page.index('<section id="model-second"') : page.index('<section id="models"')])
    for words in (
        "The claims were not audited",
        "Table 2 is not among the results",
        "There are no figures",
        "There are no unit cards",
        "depth.run",
    ):
        assert words in bare.text


def test_files_outside_the_run_are_not_shown(results, tmp_path):
    files = [p for p in run_files(results) if p.name not in ("fig2.png", "fig2.pdf", "claims.json")]
    write_report(
        results, MODELS, files, default_config(), SETTINGS, results, tmp_path / "report.html"
    )
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "figure-first-units" in page
    assert "figure-first-fig2" not in page
    assert "The claims were not audited" in page
    # The page lies elsewhere, and its links still lead to the results.
    outside = [link for link in Seen(page).links if not link.startswith("#")]
    assert all((tmp_path / unquote(link)).exists() for link in outside)


def test_cards_link_to_their_files(page):
    card = page[page.index('id="card-first-776"') : page.index('id="card-first-988"')]
    assert '<a href="first/units/long_range.json">' in card
    assert "<code>gone.json</code>" in card
    assert "Without a card here: units 5 and 6." in page


def test_no_model_and_damaged_files_are_refused(tmp_path):
    write_model(tmp_path, "first")
    with pytest.raises(UserError, match="no model"):
        make_report(tmp_path, models=())
    table = tmp_path / "first/tables/table2.md"
    write_text("nothing\n", table)
    with pytest.raises(UserError, match=re.escape(str(table))):
        make_report(tmp_path, models=MODELS[:1])
    (tmp_path / "first/claims.json").write_text("{")
    with pytest.raises(UserError, match=r"claims\.json"):
        make_report(tmp_path, models=MODELS[:1])


# The summary


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "Long-range number units were not searched for."),
        (
            long_range(),
            "No long-range number unit was found among 1,300 units ablated one by one (mode zero), "
            "and none could be: across an incongruent attractor the intact model is too close to "
            "chance in nounPP <& friends>.",
        ),
        (
            long_range(best={"unit": 5, "layer": 2, "loss": 0.314}),
            "No long-range number unit was found among 1,300 units ablated one by one (mode zero); "
            "unit 5 (layer 2) comes closest with a loss of 0.31 where 0.67 is needed.",
        ),
        (
            long_range((776, 2, "plural", True)),
            "One long-range number unit was found among 1,300 units ablated one by one (mode "
            "zero): 776 (layer 2, plural, confirmed on held-out items).",
        ),
        (
            long_range((7, 1, None, False), (8, 2, "plural", True), too_many=True),
            "Two long-range number units were found among 1,300 units ablated one by one (mode "
            "zero): 7 (layer 1, mixed subject numbers, not confirmed on held-out items) and 8 "
            "(layer 2, plural, confirmed on held-out items); that is more than 3, so long-range "
            "number is not local in this model.",
        ),
    ],
)
def test_second_sentence_fits_what_was_found(found, said, tmp_path):
    if found is not None:
        write_json(found, tmp_path / "units/long_range.json", make_metadata())
    sentences = summary_sentences(ResultFiles(tmp_path), SETTINGS.labels)
    assert sentences[1].text == said


def test_summary_counts_the_accuracies_that_were_planted(results):
    sentences = summary_sentences(ResultFiles(results / "first"), SETTINGS.labels)
    # Congruent: 1.0, .9, .95, 1.0; incongruent: .6, .7.
    assert sentences[0].text == (
        "first (two layers of 650 units, a vocabulary of 24,000 words) was tested on two tasks "
        "with 120 items; its mean accuracy is 96.2 % in four conditions without an attractor of "
        "the other number and 65.0 % in two conditions with one (lowest: nounPP <& friends> SP, "
        "60.0 %)."
    )
    assert sentences[2].text == (
        "One short-range unit (1097) carries the number of the nearest noun; tree depth is read "
        "from all units with R² 0.750 [0.700, 0.800] and two syntax units (1150 and 23) stand "
        "out, more than permuted depth gives (99th percentile: 1; p = 0.002), and unit 1150 "
        "follows the dependency."
    )
    assert sentences[3].text == (
        "Ablated together, the syntax units cost more accuracy than random sets in 1 of 2 "
        "testable conditions (nounPP <& friends> SP); syntax unit 1150 drives the gates of the "
        "long-range units, and long-range units of different number do not inhibit each other."
    )


def test_summary_has_five_sentences_where_nothing_was_run(tmp_path):
    sentences = summary_sentences(ResultFiles(tmp_path), {})
    assert len(sentences) == 5
    text = " ".join(sentence.text for sentence in sentences)
    assert text.count("not") >= 5
    assert all(sentence.text.endswith(".") for sentence in sentences)


def test_summary_counts_claims_in_every_case(tmp_path):
    files = ResultFiles(tmp_path)
    write_verdicts(tmp_path, "m", lambda id: HOLDS if id == "C4" else NOT_TESTABLE)
    assert summary_sentences(files, {})[4].text == (
        "Of 23 claims of the paper about a single network, one holds (C4), none fail and 22 cannot "
        "be tested (C15, C13, C14 among them)."
    )


def test_flipping_the_sign_of_a_unit_changes_no_sentence(tmp_path):
    write_units(tmp_path)
    before = summary_sentences(ResultFiles(tmp_path), {})
    path = tmp_path / "units/syntax.json"
    syntax = read_json(path)
    for unit in syntax["units"]:
        unit["higher_inside"], unit["coefficient"] = False, -1.0
    write_json(syntax, path)
    assert summary_sentences(ResultFiles(tmp_path), {}) == before


# Tables


def test_printed_table_comes_back_as_it_was_written(tmp_path):
    table = pd.DataFrame({"a|b": ["x | y", "-"], "share": [0.25, 12.5]})
    legend = ["* A star.", "Second sentence."]
    write_table(table, tmp_path / "t.md", legend=legend, metadata=make_metadata(kind="t"))
    read = read_printed_table(tmp_path / "t.md", "id", "title")
    assert [column.title for column in read.columns] == ["a|b", "share"]
    assert read.rows == (("x | y", "0.2"), ("-", "12.5"))
    assert list(read.notes) == legend


def test_cells_that_repeat_the_one_above_are_filled_in(results):
    path = results / "first/tables/controls.md"
    filled = read_printed_table(path, "id", "title", repeated=2)
    assert [row[:2] for row in filled.rows] == [
        ("2 syntax units", "a"),
        ("2 syntax units", "a"),
        ("3 others", "b"),
    ]
    assert read_printed_table(path, "id", "title").rows[1][:2] == ("", "")


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["0.75 [0.70, 0.80]", "-1.2 [-2.0, 0.1]"], "number"),
        (["1,300", "-", ""], "number"),
        (["12.5 %", "3"], "number"),
        (["-0.5 (221)", "8.1 (3)"], "number"),
        (["8.1e-05", "0.03"], "number"),
        (["2: 23 (1), 7 (2)", "0"], "number"),
        (["339a7c5e277b", "75ddcccd"], "text"),
        (["1.26.4", "2"], "text"),
        (["2 syntax units"], "text"),
        (["-", ""], "text"),
    ],
)
def test_columns_of_numbers_are_told_from_text(cells, kind):
    table = make_table("id", "title", ["column"], [[cell] for cell in cells])
    assert table.columns[0].kind == kind


# Captions and methods


def test_captions_state_counts_thresholds_and_seeds_of_their_data(results):
    files, config = ResultFiles(results / "first"), default_config()
    decoding = " ".join(figure_caption("fig2", files, SETTINGS.labels, config).sentences)
    for fact in ("1,234 incongruent items", "17 times", "two untrained", "36 to 52 test items"):
        assert fact in decoding
    assert "Seed 4711" in decoding
    assert "long-range units 776 and 988" in decoding
    assert "3 of 380 classifiers" in decoding
    controls = " ".join(figure_caption("controls_syntax", files, SETTINGS.labels, config).sentences)
    assert "321 random sets of two units" in controls
    assert "seed 99" in controls
    assert "nounPP <& friends> SP (two conditions tested)" in controls
    units = " ".join(figure_caption("units", files, SETTINGS.labels, config).sentences)
    assert "five units in mode zero, on 80 items of one task" in units
    config["discovery"]["relative_drop"] = 0.25
    changed = " ".join(figure_caption("units", files, SETTINGS.labels, config).sentences)
    assert "more than 10 %" in units
    assert "more than 25 %" in changed


def test_captions_exist_for_figures_whose_data_are_missing(tmp_path):
    figures = "units fig1a fig1b fig1c fig1d fig2 unit_decoding contributions depth fig3 fig4a"
    for stem in [*figures.split(), "fig4b", "controls_syntax", "dependency/unit_5", "what_else"]:
        caption = figure_caption(stem, ResultFiles(tmp_path), {}, {})
        assert caption.title
        assert caption.alt


def test_the_caption_of_a_time_course_names_a_unit_of_both_numbers(tmp_path):
    units = [
        {"unit": 5, "layer": 2, "role": "long-range", "number": None, "found": True},
        {"unit": 7, "layer": 2, "role": "nearest", "number": "singular", "found": False},
        {"unit": 8, "layer": 2, "role": "nearest", "number": "plural", "found": False},
    ]
    write_json({"units": units}, tmp_path / "units" / "shown.json", make_metadata())
    caption = figure_caption("fig1a", ResultFiles(tmp_path), {}, default_config())
    text = caption.sentences[0]
    assert "unit 5" in caption.alt
    assert "[" not in caption.alt
    assert "long-range unit 5, found for no single number" in text
    assert "unit 7, which comes nearest" in text
    assert "unit 8" not in text


def test_methods_state_the_settings_of_the_run():
    config = default_config()
    before = methods_table(config)
    config["controls"] |= {"sets": 777, "match": "all"}
    config["decoding"]["splits"] = 9
    config["depth"]["procedure"] = "paper"
    after = {row[0]: row[1] for row in methods_table(config).rows}
    assert len(before.rows) == len(after) == 12
    assert "777 random sets, of any layers" in after["random sets"]
    assert "9 hold-outs" in after["decoding over time"]
    assert "procedure: paper" in after["tree depth"]
    assert (
        "each of nounPP and nounpp_adv,"
        in dict(row[:2] for row in methods_table(config, {"nounpp": "nounPP"}).rows)[
            "long-range units"
        ]
    )


def test_methods_leave_out_what_was_not_run():
    config = default_config()
    config["depth"]["run"] = False
    config["decoding"]["run"] = config["controls"]["run"] = []
    config["connectivity"]["task"] = config["efferents"]["verb_pairs"] = None
    assert [row[0] for row in methods_table(config).rows] == [
        *("ablation", "context", "stimuli", "answers", "long-range units", "claims")
    ]


# Provenance


def benchmark_names():
    """(rule, folder, stem) of every rule of the workflow, with its wildcards filled in."""
    values = {"task": "adv_adv", "unit": "776", "first": "0001", "last": "0065", "mode": "zero"}
    values |= {"group": "noun", "family": "short_and_long_range", "number": "2", "run": "run_1"}
    values |= {"analysis": "fig2", "hold_out": "grouped", "regressors": "layer_1", "key": "source"}
    found = []
    for path in sorted((ROOT / "rules").glob("*.smk")):
        rule = None
        for line in path.read_text().splitlines():
            if match := re.match(r"(?:rule|checkpoint) (\w+):", line):
                rule = match[1]
            if match := re.search(r'"<benchmarks>/(?:([^/"]+)/)?([^/"]+)\.tsv"', line):
                folder = (match[1] or "").replace("{model}", "wikipedia650")
                stem = re.sub(r"\{(\w+)\}", lambda name: values[name[1]], match[2])
                found.append((rule, folder, stem))
    return found


def test_rule_of_every_benchmark_file_of_the_workflow():
    names = benchmark_names()
    assert len(names) > 50
    for rule, folder, stem in names:
        if folder == "":
            continue
        assert rule in rule_of(folder, stem).split(", "), (rule, folder, stem)


def test_run_time_adds_up_by_rule_and_bears_jobs_that_were_too_short(tmp_path):
    benchmarks = write_benchmarks(tmp_path)
    table, said = run_time_table(benchmarks, ["", "stimuli", "first", "not there"])
    assert table.rows == (
        ("ablate_units", "2", "50.0", "23.5", "950"),
        ("generate_stimuli, import_stimuli", "1", "1.5", "1.0", "100"),
        ("table2", "1", "0.5", "0.0", ""),
    )
    assert said.startswith("Four jobs ran for 52 s in all")
    assert "24 s of core time" in said
    assert "950 MB" in said
    assert run_time_table(benchmarks, ["nowhere"])[0] is None


def test_provenance_names_checkpoints_stimuli_and_configuration(page):
    text = Seen(page[page.index('<section id="provenance"') : page.index("</main>")]).text
    for fact in ("a" * 64, "b" * 64, "nounpp" * 4, "c" * 8, "minimum_loss: 0.6666", "torch"):
        assert fact in text


def test_training_runs_and_other_figures_stand_in_the_report(tmp_path):
    write_model(tmp_path, "first")
    path = tmp_path / "training/run_1.png"
    path.parent.mkdir()
    path.write_bytes((tmp_path / "first/figures/units.png").read_bytes())
    page = make_report(tmp_path, models=MODELS[:1])
    assert 'href="training/run_1.png"' in page
    text = Seen(page).text
    assert "Training run run_1" in text
    assert "The models were not set side by side" in text
    # Figures stand in the order of the paper, whatever their names; others come last.
    places = [page.index(f'id="figure-first-{name}"') for name in ("units", "fig2", "fig4a")]
    assert places == sorted(places)
    assert page.index('id="figure-first-dynamics-nounpp-unit_7"') > places[-1]
