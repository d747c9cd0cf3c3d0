import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from support.configurations import shipped
from support.report_fixture import (
    MODELS,
    SETTINGS,
    default_config,
    report_at,
    run_files,
    write_benchmarks,
    write_model,
    write_results,
    write_verdicts,
)

from lstm_units.claims.catalogue import every_claim
from lstm_units.config.validate import validate_config
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata, read_json, write_json
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.table_formats import printed_cells
from lstm_units.io.verdict import HOLDS, NOT_TESTABLE
from lstm_units.report.captions import figure_caption
from lstm_units.report.methods import methods_table
from lstm_units.report.provenance import rule_of, run_time_table
from lstm_units.report.summary import summarise
from lstm_units.report.tables import make_table, printed_table
from lstm_units.stimuli.congruence import read_conditions

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


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    write_results(root)
    return root


@pytest.fixture(scope="module")
def page(results):
    return report_at(results, results / "report.html")


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


def test_model_without_analyses_says_what_is_not_there(page):
    bare = Seen(page[page.index('<section id="model-second"') : page.index('<section id="models"')])
    for words in (
        "The claims were not audited",
        "Table 2 is not among the results",
        "There are no figures",
        "There are no unit cards",
    ):
        assert words in bare.text


def test_an_impossible_analysis_is_named_with_the_reason(results, tmp_path):
    config = default_config()
    config["tasks"] = [task for task in config["tasks"] if task != "nounpp"]
    page = Seen(report_at(results, tmp_path / "report.html", config=config))
    reason = "`tasks` lacks nounpp, which `connectivity.task` names".replace("`", "")
    assert f"Connections: not run, because {reason}." in page.text.replace("  ", " ")


def test_files_outside_the_run_are_not_shown(results, tmp_path):
    files = [p for p in run_files(results) if p.name not in ("fig2.png", "fig2.pdf", "claims.json")]
    page = report_at(results, tmp_path / "report.html", files)
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
    page = tmp_path / "report.html"
    with pytest.raises(UserError, match="no model"):
        report_at(tmp_path, page, models=())
    for name in ("tables/table2.json", "claims.json"):
        (tmp_path / "first" / name).write_text("{")
        with pytest.raises(UserError, match=re.escape(name)):
            report_at(tmp_path, page, models=MODELS[:1])


# The summary


def test_summary_quotes_what_results_say_and_counts_what_was_planted(results):
    files, conditions = ResultFiles(results / "first"), read_conditions(ResultFiles(results))
    found = [finding.text for finding in summarise(files, SETTINGS.labels, conditions)]
    # Congruent: 1.0, .9, .95, 1.0; incongruent: .6, .7.
    assert found[0] == (
        "first (two layers of 650 units, a vocabulary of 24,000 words) was tested on two tasks "
        "with 120 items; its mean accuracy is 96.2 % in four conditions without an attractor of "
        "the other number and 65.0 % in two conditions with one (lowest: nounPP <& friends> SP, "
        "60.0 %)."
    )
    assert found[1] == "2 long-range units."
    assert found[2] == (
        "1 short-range unit: 1097. Tree depth is read from all units with R² 0.750 [0.700, 0.800]. "
        "2 syntax units; unit 1150 spans it."
    )
    assert found[3] == (
        "Ablated together, the syntax units cost more accuracy than random sets in 1 of 2 testable "
        "conditions (nounPP <& friends> SP). Unit 1150 drives the gates."
    )


def test_summary_says_what_was_not_run(tmp_path):
    found = summarise(ResultFiles(tmp_path), {}, {})
    assert len(found) == 5
    assert all(finding.text.endswith(".") for finding in found)
    text = " ".join(finding.text for finding in found)
    for what in ("tested on any", "searched for", "decoded", "studied", "audited"):
        assert f"not {what}" in text


def test_summary_counts_claims_in_every_case(tmp_path):
    files = ResultFiles(tmp_path)
    write_verdicts(tmp_path, "m", lambda id: HOLDS if id == "C4" else NOT_TESTABLE)
    assert summarise(files, {}, {})[4].text == (
        "Of 23 claims of the paper about a single network, one holds (C4), none fail and 22 cannot "
        "be tested (C15, C13, C14 among them)."
    )


# Tables


def test_a_printed_table_keeps_its_text_and_repeated_cells_are_filled_in():
    table = pd.DataFrame({"a|b": ["x | y", "", "-"], "share": [0.25, 12.5, 3.0]})
    legend = ["* A star.", "Second sentence."]
    printed = printed_cells(table, headers={"share": "a share"}, legend=legend)
    shown = printed_table(printed, "id", "title")
    assert [column.title for column in shown.columns] == ["a|b", "a share"]
    assert shown.rows == (("x | y", "0.2"), ("", "12.5"), ("-", "3.0"))
    assert list(shown.notes) == legend
    filled = printed_table(printed, "id", "title", repeated=1)
    assert [row[0] for row in filled.rows] == ["x | y", "x | y", "-"]


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
    assert "more than 10 %" in units


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
    assert "9 cross-validation splits" in after["decoding over time"]
    assert "procedure: paper" in after["tree depth"]
    assert (
        "each of nounPP and nounpp_adv,"
        in dict(row[:2] for row in methods_table(config, {"nounpp": "nounPP"}).rows)[
            "long-range units"
        ]
    )


def test_methods_name_all_tables_that_the_items_come_from():
    def stimuli(config):
        return dict(row[:2] for row in methods_table(config).rows)["stimuli"]

    assert stimuli(default_config()).startswith("Generated from `stimuli/english`, seed 2019: each")
    both = "Generated from `stimuli/english` and `stimuli/english_second`, seed"
    assert stimuli(validate_config(shipped("second_lexicon.yaml"))).startswith(both)
    paper = shipped("paper.yaml")
    released = [task for task in paper["tasks"] if "file" in paper["task_definitions"][task]]
    config = {**validate_config(paper), "tasks": released}
    assert stimuli(config) == "All imported."


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
    values |= {"analysis": "fig2", "cross_validation": "grouped"}
    values |= {"regressors": "layer_1", "key": "source"}
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


def test_items_that_are_left_out_are_named_with_their_forms(tmp_path):
    write_model(tmp_path, "first", everything=False)
    unknown = [["frobs", "frob"], ["frobs"], ["a\u200bb"]]
    dropped = [{"item": item, "unknown": forms} for item, forms in enumerate(unknown)]
    report = {"task": "mine", "n_items": 9, "dropped": dropped}
    write_json(report, tmp_path / "first/stimuli/mine.json", make_metadata())
    text = Seen(report_at(tmp_path, tmp_path / "report.html", models=MODELS[:1])).text
    assert "Left out for first are 3 of the 9 items of mine, whose verb forms" in text
    assert r"'frobs' (2), 'a\u200bb' (1), 'frob' (1)." in text


def test_training_runs_and_other_figures_stand_in_the_report(tmp_path):
    write_model(tmp_path, "first")
    path = tmp_path / "training/run_1.png"
    path.parent.mkdir()
    path.write_bytes((tmp_path / "first/figures/units.png").read_bytes())
    page = report_at(tmp_path, tmp_path / "report.html", models=MODELS[:1])
    assert 'href="training/run_1.png"' in page
    text = Seen(page).text
    assert "Training run run_1" in text
    assert "The models were not set side by side" in text
    # Figures stand in the order of the paper, whatever their names; others come last.
    places = [page.index(f'id="figure-first-{name}"') for name in ("units", "fig2", "fig4a")]
    assert places == sorted(places)
    assert page.index('id="figure-first-dynamics-nounpp-unit_7"') > places[-1]
