"""What random-set controls come to in print: the table and the figures."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.colors import to_hex
from support.figure_checks import LONG_LABEL, check_texts, visible_texts

from lstm_units.analyses.controls.figure import controls_figure, family_figure
from lstm_units.analyses.controls.set_tests import (
    ACCURACY_SCHEMA,
    TESTS_SCHEMA,
    holm_over,
    rank_p,
)
from lstm_units.analyses.controls.table import controls_table
from lstm_units.errors import UserError
from lstm_units.io.files import make_metadata
from lstm_units.io.results import Result
from lstm_units.plots.marks import NEUTRAL, NUMBERS
from lstm_units.plots.style import TEXT_WIDTH
from lstm_units.stimuli.congruence import ConditionNumbers

SINGULAR, PLURAL = (mark.color for mark in NUMBERS.values())
LABELS = {"nounpp": "nounPP", "nounpp_adv": "nounPPAdv", "simple": "Simple", "adv_adv": "2Adv"}
NOUN = {"nounpp_adv": ("SS", "SP", "PS", "PP"), "nounpp": ("PP", "SS", "SP", "PS")}
SHORT = {"simple": ("S", "P"), "adv": ("S", "P"), "adv_adv": ("S", "P")}
CONDITIONS = {
    (task, name): ConditionNumbers({"S": "singular", "P": "plural"}[name[0]], False, False)
    for task, names in {**NOUN, **SHORT}.items()
    for name in names
}
LINZEN = {"linzen": ("0", "1", "2", "3", "4")}
N = 600


def made(tested=(651, 700, 1150), reason=None, excluded=(), **config):
    """Metadata as `control_tests` gives them."""
    return make_metadata(
        tested=list(tested),
        excluded=list(excluded),
        reason=reason,
        checkpoint_sha256="model",
        stimuli_sha256="stimuli" if tested else None,
        config={
            "family": "syntax",
            "match": "layer",
            "n_sets": 300,
            "mode": "zero",
            "confidence": 0.95,
            "minimum_intact": 0.55,
            **config,
        },
    )


EMPTY = made((), "this model has no long-range unit, so the set would be the short-range units")


def simulated(tasks, n_sets=300, seed=0, family="syntax"):
    """Accuracy of sets around 90 %; the first cell is at ceiling, the second set is far below."""
    rng = np.random.default_rng(seed)
    accuracy, tests = [], []
    cells = [(task, condition) for task, found in tasks.items() for condition in found]
    for place, (task, condition) in enumerate(cells):
        right = rng.binomial(N, 0.9, n_sets + 1)
        right[0] = 470
        full = 545
        if place == 0:
            right[:], full = N, N
        if place == 2:
            right[0], full = 560, 330  # above the intact model, which is near chance
        accuracy.append(
            pd.DataFrame({"set": np.arange(n_sets + 1), "task": task, "condition": condition,
                          "n": N, "right": right, "accuracy": right / N})
        )  # fmt: skip
        null = right[1:]
        n_at_most, n_below = int((null <= right[0]).sum()), int((null < right[0]).sum())
        quantiles = np.quantile(null, [0.01, 0.05, 0.5, 0.95]) / N
        difference = (right[0] - full) / N
        tests.append([
            family, task, condition, N, 3, n_sets, full / N, full / N - 0.03, right[0] / N,
            null.mean() / N, null.std() / N, *quantiles, difference, difference - 0.01,
            difference + 0.01, (right[0] - null.mean()) / N, n_at_most, n_below,
            rank_p(n_at_most, n_sets), rank_p(n_below, n_sets), np.nan, full / N - 0.03 > 0.55,
            full / N - 0.03 > 0.55 and condition not in ("SS", "PP"), 0, 2,
        ])  # fmt: skip
    table = pd.DataFrame(tests, columns=TESTS_SCHEMA.names)
    table["p_holm"] = holm_over(table["p"].to_numpy(), table["adjusted"].to_numpy())
    return pd.concat(accuracy, ignore_index=True), table


def results(tasks, metadata, family="syntax") -> tuple[Result, Result]:
    """Accuracy and tests of a family; without tasks there is no set."""
    tables = simulated(tasks, family=family) if tasks else (None, None)
    return tuple(
        Result(
            schema.empty_table()
            if table is None
            else pa.Table.from_pandas(
                table, schema=schema, preserve_index=False
            ).replace_schema_metadata(),
            metadata,
        )
        for table, schema in zip(tables, (ACCURACY_SCHEMA, TESTS_SCHEMA), strict=True)
    )


FAMILIES = {
    "syntax": results(NOUN, made(excluded=(776, 988))),
    "short_range": results(SHORT, made((1097,), match="all", n_sets=1000), "short_range"),
    "short_and_long_range": results({}, EMPTY, "short_and_long_range"),
}
TESTS = {family: tests for family, (_, tests) in FAMILIES.items()}


@pytest.fixture(scope="module")
def both():
    return controls_table(TESTS, LABELS)


@pytest.fixture(scope="module")
def table(both):
    return both.table


def test_the_table_has_every_row_in_the_papers_order_and_one_for_a_missing_set(table):
    assert len(table) == 8 + 6 + 1
    assert table["task"].tolist()[:8] == ["nounpp"] * 4 + ["nounpp_adv"] * 4
    assert table["condition"].tolist()[:8] == ["SS", "SP", "PS", "PP"] * 2
    assert table["label"].tolist()[8:14] == ["Simple", "Simple", "adv", "adv", "2Adv", "2Adv"]
    expected = simulated(NOUN)[1].set_index(["task", "condition"])
    for row in table.iloc[:8].itertuples():
        one = expected.loc[(row.task, row.condition)]
        for name in ("full_accuracy", "observed", "null_q01", "p", "p_holm", "difference_to_null"):
            value = getattr(row, name)
            assert value == one[name] or (np.isnan(value) and np.isnan(one[name]))
    last = table.iloc[-1]
    assert last["family"] == "short_and_long_range"
    assert "no long-range unit" in last["reason"]
    assert last[["n", "observed", "p", "testable", "adjusted"]].isna().all()
    assert table["units"].iloc[0] == "651 700 1150"
    assert set(table["ablated_units"]) == {
        "3 syntax units", "1 short-range unit", "no set of short- and long-range units",
    }  # fmt: skip


def test_printed_numbers_are_percent_and_untestable_rows_are_marked(both):
    table, printed = both.table, both.printed
    ceiling = printed[(table["family"] == "syntax") & (table["observed"] == 1)].iloc[0]
    assert ceiling[["full", "observed", "null_mean"]].tolist() == [100, 100, 100]
    assert (ceiling["p"], ceiling["p_paper"]) == ("1.000", "0.003")
    # 560 of 600 are right where the intact model has 330: above it, and above the null's 540.
    marked = printed[printed["condition"].str.endswith("*")]
    assert len(marked) == 2
    assert set(marked["to_full"]) == {"+38.3 [+37.3, +39.3]"}
    ordinary = printed[table["family"].eq("syntax") & table["observed"].eq(470 / N)].iloc[0]
    assert ordinary["to_full"] == "-12.5 [-13.5, -11.5]"
    assert re.fullmatch(r"-1[12]\.\d", ordinary["to_null"])
    assert (ordinary["p"], ordinary["p_paper"]) == ("0.003", "0.003")
    within = table["adjusted"].fillna(False).astype(bool)
    assert 0 < within[:8].sum() < 8
    assert printed.loc[within, "p_holm"].str.fullmatch(r"\d\.\d{3}").all()
    assert (printed.loc[~within, "p_holm"].iloc[:-1] == "-").all()
    assert set(printed.loc[printed["condition"].str.endswith("*"), "p_holm"]) == {"-"}
    assert printed["ablated_units"].ne("").sum() == 3  # each family is named once
    missing = printed.iloc[-1]
    assert missing["ablated_units"] == "no set of short- and long-range units"
    assert missing[["to_full", "to_null", "p", "p_holm", "p_paper"]].tolist() == [""] * 5
    assert printed["to_null"].ne("-0.0").all() and printed["to_null"].ne("+0.0").all()


def test_the_legend_names_units_null_mode_and_reasons(both):
    legend = both.legend
    assert legend[0] == (
        "Syntax units: 651, 700, 1150. Compared with 300 random sets of equal size, with as many "
        "units of each layer as the ablated set; not drawn: 776, 988 (long-range). Ablation mode "
        "zero."
    )
    assert "1,000 random sets of equal size, drawn from all layers together." in legend[1]
    assert legend[2].startswith("No set of short- and long-range units: this model has no long-")
    assert (
        "p (Holm): adjusted over the rows of these units that are testable and, where there are "
        "attractors, incongruent (one has not the subject's number); - in the others."
    ) in legend
    assert legend[-1] == (
        "* Not testable: the lower bound of the intact accuracy is not above 55 %."
    )
    nothing = controls_table({"syntax": results({}, EMPTY)[1]}, LABELS)
    assert nothing.legend == [f"No set of syntax units: {EMPTY['reason']}."]


def test_families_of_several_checkpoints_have_no_table():
    other = results(SHORT, {**made(), "checkpoint_sha256": "another"})[1]
    with pytest.raises(UserError, match="made from another checkpoint"):
        controls_table({**TESTS, "short_range": other}, LABELS)


def draw(tasks, ablated="17 syntax units", seed=0):
    return controls_figure(*simulated(tasks, seed=seed), ablated, CONDITIONS, LABELS)


@pytest.mark.parametrize("tasks", [NOUN, SHORT, LINZEN, {**NOUN, **LINZEN}, {"simple": ("S", "P")}])
def test_texts_have_one_size_do_not_overlap_and_lie_inside(tasks):
    figure = draw(tasks, "12 short- and long-range units")
    check_texts(figure)
    labels = {task: LONG_LABEL.format(task) for task in tasks}
    check_texts(controls_figure(*simulated(tasks, seed=0), "12 units", CONDITIONS, labels))
    assert figure.get_figwidth() == TEXT_WIDTH


def test_every_condition_has_a_panel_with_its_p_and_marks():
    accuracy, tests = simulated(NOUN)
    figure = controls_figure(accuracy, tests, "17 syntax units", CONDITIONS, LABELS)
    assert len(figure.axes) == 8
    assert figure.get_supxlabel() == "accuracy (%)"
    names = [axis.get_ylabel() for axis in figure.axes if axis.get_ylabel()]
    assert names == ["nounPP\nsets", "nounPPAdv\nsets"]
    for axis, condition in zip(figure.axes, ["SS", "SP", "PS", "PP"] * 2, strict=True):
        row = tests[
            (tests["task"] == ("nounpp" if axis in figure.axes[:4] else "nounpp_adv"))
            & (tests["condition"] == condition)
        ].iloc[0]
        title = axis.get_title()
        assert title.split()[0] == condition
        assert ("not testable" in title) == (not row["testable"])
        assert ("p = 1" in title.split("\n")[1].split(", ")) == (row["p"] == 1)
        assert ("Holm" in title) == row["adjusted"]
        assert sum(bar.get_height() for bar in axis.patches) == 300
        marked = [line for line in axis.lines if line.get_marker() not in ("None", None, "")]
        assert [line.get_xdata()[0] for line in marked] == pytest.approx([100 * row["observed"]])
        assert to_hex(marked[0].get_color()).upper() == (
            SINGULAR if condition[0] == "S" else PLURAL
        )
        assert 100 * row["full_accuracy"] in [line.get_xdata()[0] for line in axis.lines]
        low, high = axis.get_xlim()
        assert low < min(100 * row["observed"], 100 * row["full_accuracy"])
        assert high > max(100 * row["observed"], 100 * row["full_accuracy"])
        assert max(axis.get_xticks()) <= 100


def test_the_figure_says_over_which_conditions_p_is_adjusted():
    def note(accuracy, tests):
        texts = visible_texts(
            controls_figure(accuracy, tests, "17 syntax units", CONDITIONS, LABELS)
        )
        return [text.get_text() for text in texts if text.get_text().startswith("Holm:")]

    with_attractors = "Holm: p adjusted over the testable conditions, of those with attractors only"
    assert note(*simulated(NOUN)) == [f"{with_attractors} over the incongruent ones"]
    assert note(*simulated(SHORT)) == ["Holm: p adjusted over the testable conditions"]
    accuracy, tests = simulated(SHORT)
    none = tests.assign(testable=False, adjusted=False, p_holm=np.nan)
    assert note(accuracy, none) == []
    assert not any("Holm" in axis.get_title() for axis in controls_figure(
        accuracy, none, "17 syntax units", CONDITIONS, LABELS).axes)  # fmt: skip


def test_the_legend_says_what_is_drawn():
    def legend(tasks):
        return [text.get_text() for text in draw(tasks).legends[0].get_texts()]

    assert legend(SHORT) == [
        "300 random sets",
        "their 5 % quantile",
        "17 syntax units (singular subject)",
        "17 syntax units (plural subject)",
        "intact",
    ]
    assert legend(LINZEN) == ["300 random sets", "their 5 % quantile", "17 syntax units", "intact"]
    markers = {
        line.get_marker(): to_hex(line.get_color()).upper()
        for axis in draw({**SHORT, **LINZEN}).axes
        for line in axis.lines
        if line.get_marker() not in ("None", None, "")
    }
    assert markers == {"v": SINGULAR, "^": PLURAL, "o": NEUTRAL.color}


def test_a_family_without_a_set_gets_a_figure_that_says_so():
    accuracy, tests = FAMILIES["short_and_long_range"]
    sets = Result(None, {**EMPTY, "config": {"family": "short_and_long_range"}})
    figure = family_figure(accuracy, tests, sets, {}, LABELS).content
    check_texts(figure)
    (text,) = visible_texts(figure)
    assert "no long-range unit" in text.get_text().replace("\n", " ")


def test_the_figure_is_of_one_checkpoint():
    accuracy, tests = FAMILIES["syntax"]
    figure = family_figure(accuracy, tests, Result(None, made()), {}, LABELS)
    assert len(figure.content.axes) == 8 and figure.metadata["checkpoint_sha256"] == "model"
    other = Result(None, {**made(), "checkpoint_sha256": "another"}, "sets")
    with pytest.raises(UserError, match="sets was made from another checkpoint"):
        family_figure(accuracy, tests, other, {}, LABELS)
