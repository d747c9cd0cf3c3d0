"""Figure 2: what is drawn where, words and roles on the axes, one font size, no overlap."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.figure_checks import check_texts, with_long_words

from lstm_units.analyses.decoding.figure2 import figure2, generalisation_figure
from lstm_units.errors import UserError
from lstm_units.io.results import Result
from lstm_units.plots.marks import unit_mark
from lstm_units.stimuli.aligned_items import AlignedItems
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.table import scored_sha256

WORDS = ("The", "boy", "near", "the", "cars", "encourages", "the", "cat", ".")
SHOWN = [
    {"unit": 988, "layer": 2, "role": "long-range", "number": "singular"},
    {"unit": 776, "layer": 2, "role": "nearest", "number": "plural"},
    {"unit": 3, "layer": 1, "role": "named", "number": None},
    {"unit": 651, "layer": 2, "role": "arbitrary", "number": None},
]
HELD_OUT = {"grouped": ["subject_number", "attractor_number"], "random": []}
SETS = {
    "without_long_range": 1299,
    "layer_1": 650,
    "layer_2": 650,
    "unit_988": 1,
    "unit_776": 1,
    "unit_3": 1,
}


def make_items(words=WORDS, subject=1, attractors=(4,), verb=5):
    n_attractors = len(attractors)
    return AlignedItems(
        task="nounpp",
        item=np.arange(2, dtype=np.int32),
        condition=np.array(["SP", "PS"]),
        subject_position=subject,
        verb_position=verb,
        attractor_positions=tuple(attractors),
        n_positions=len(words),
        words=tuple(words),
        subject_number=np.array(["singular", "plural"]),
        attractor_numbers=np.array([["plural"] * n_attractors, ["singular"] * n_attractors]),
        subject_lemma=np.array(["boy", "boy"], dtype=object),
        attractor_lemmas=np.array([["car"] * n_attractors] * 2, dtype=object),
    )


def auc_at(features, reference, split, at, to):
    """An AUC that tells its place: by test position and split, another for each training one."""
    if at == 1:
        base = 0.1 * list(SETS).index(features) + 0.05 * to
        return base / 2 + {"none": 0.0, "permuted": 0.2, "untrained": 0.3}[reference] + 0.02 * split
    return min(1.0, 0.1 * at + 0.01 * to + (0.002 * split if reference == "untrained" else 0))


def decoded(n_positions=7, sets=SETS, references=("none", "permuted", "untrained")):
    rows = [
        (name, reference, replicate, split, at, to, size, auc_at(name, reference, split, at, to))
        for reference in references
        for name, size in sets.items()
        if reference == "none" or name == "without_long_range"
        for replicate in ([0] if reference == "none" else [1, 2])
        for split in range(2)
        for at in ([1] if reference == "permuted" else range(n_positions))
        for to in range(n_positions)
    ]
    names = "features reference replicate split train_position test_position n_units auc"
    return pd.DataFrame(rows, columns=names.split())


def draw(**changes):
    tables = {"grouped": decoded(), "random": decoded()}
    arguments = {"by_kind": tables, "items": make_items(), "label": "subject_number"}
    return generalisation_figure(
        **{
            **arguments,
            "shown": SHOWN,
            "removed": [988],
            "held_out": HELD_OUT,
            "decoded": "cell, incongruent items",
            **changes,
        }
    )


@pytest.fixture(scope="module")
def figure():
    made = draw()
    made.draw_without_rendering()
    return made


def headings(figure):
    return [text.get_text() for text in figure.texts]


def test_each_kind_of_splits_has_curves_above_and_two_matrices_below(figure):
    titles = ["subject and attractor nouns held out", "random items held out"]
    assert [axis.get_title() for axis in figure.axes] == [*titles, *titles, "", "", ""]
    assert headings(figure) == [
        "cell, incongruent items",
        "all but long-range units, trained at every word",
    ]
    places = [axis.get_position() for axis in figure.axes[:6]]
    for upper, lower in zip(places[:4], places[2:], strict=True):
        assert upper.y0 > lower.y1
    for left, right in zip(places[::2], places[1::2], strict=True):
        assert left.y0 == right.y0
        assert left.x1 < right.x0
    assert [axis.get_ylabel() for axis in figure.axes[2:6]] == [
        *("trained network\ntrained at", ""),
        *("untrained network\ntrained at", ""),
    ]


@pytest.mark.parametrize(
    ("attractors", "held_out", "title"),
    [
        ((4,), [], "nouns held out"),  # a file that does not say which
        ((4,), ["subject_number"], "subject nouns held out"),
        ((3, 4), ["subject_number", "attractor_2_number"],
         "subject and attractor 2 nouns held out"),
        ((3, 4), ["subject_number", "attractor_number", "attractor_2_number"],
         "all nouns held out"),
    ],
)  # fmt: skip
def test_titles_say_which_nouns_are_held_out(attractors, held_out, title):
    made = draw(
        by_kind={"grouped": decoded()},
        items=make_items(attractors=attractors),
        held_out={"grouped": held_out},
    )
    assert [made.axes[0].get_title(), made.axes[1].get_title()] == [title, title]


def test_without_an_untrained_network_there_is_one_row_of_matrices():
    made = draw(by_kind={"grouped": decoded(references=("none", "permuted"))}, decoded=None)
    assert len([axis for axis in made.axes if axis.images]) == 1
    assert headings(made) == ["all but long-range units, trained at every word"]
    assert made.get_figheight() < draw(by_kind={"grouped": decoded()}).get_figheight() - 1.5


def test_training_words_that_were_not_computed_stay_empty():
    table = decoded()
    table = table[(table["reference"] != "untrained") | (table["train_position"] == 1)]
    matrix = draw(by_kind={"grouped": table}).axes[2]
    values = np.ma.filled(matrix.images[0].get_array(), np.nan)
    assert np.isfinite(values[1]).all()
    assert np.isnan(np.delete(values, 1, axis=0)).all()
    assert len(matrix.texts) == 7


def test_the_legend_names_every_curve_once(figure):
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [
        "all but long-range units (1,299)",
        *("layer 1 (650)", "layer 2 (650)"),
        *("unit 988, long-range, singular", "unit 776, nearest, plural", "unit 3"),
        *("labels permuted over nouns", "untrained network", "chance"),
    ]


def test_without_long_range_units_the_curve_and_the_matrix_name_all_units():
    made = draw(removed=[])
    assert made.legends[0].get_texts()[0].get_text() == "all units (1,299)"
    assert headings(made)[1] == "all units, trained at every word"


def test_curves_stand_at_the_mean_over_splits_with_the_sd_as_bars(figure):
    containers = figure.axes[0].containers
    drawn = [*SETS, "untrained"]  # the permuted labels have a band instead
    assert len(containers) == len(drawn)
    for name, container in zip(drawn, containers, strict=True):
        features, reference = (
            ("without_long_range", name) if name == "untrained" else (name, "none")
        )
        expected = np.array(
            [[auc_at(features, reference, split, 1, to) for to in range(7)] for split in range(2)]
        )
        np.testing.assert_allclose(container[0].get_ydata(), expected.mean(axis=0), atol=1e-12)
        assert np.abs(container[0].get_xdata() - np.arange(7)).max() < 0.2
        sd = np.sqrt(np.var([0, 0.02] * (2 if name == "untrained" else 1), ddof=1))
        low, high = np.array([bar[:, 1] for bar in container[2][0].get_segments()]).T
        np.testing.assert_allclose(high, expected.mean(axis=0) + sd, atol=1e-12)
        np.testing.assert_allclose(low, np.clip(expected.mean(axis=0) - sd, 0, 1), atol=1e-12)


def test_bars_and_bands_stay_between_0_and_1():
    table = decoded()
    table["auc"] = np.where(table["split"] == 0, 1.0, 0.1)
    axis = draw(by_kind={"grouped": table}).axes[0]
    bars = np.concatenate([c[2][0].get_segments() for c in axis.containers])
    assert bars[..., 1].min() >= 0
    assert bars[..., 1].max() == 1
    band = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() >= 0
    assert band.max() <= 1


def test_units_have_the_mark_of_their_role_and_all_curves_differ(figure):
    style = {
        handle.get_label(): (handle.get_color(), handle.get_marker())
        for handle in figure.legends[0].legend_handles
    }
    for name, role, number in (
        ("unit 988, long-range, singular", "long-range", "singular"),
        ("unit 776, nearest, plural", "nearest", "plural"),
        ("unit 3", "named", None),
    ):
        mark = unit_mark(role, number)
        assert style[name] == (mark.color, mark.marker)
    looks = {
        (h.get_color(), h.get_marker(), str(h.get_linestyle()))
        for h in figure.legends[0].legend_handles
    }
    assert len(looks) == len(style)


def test_the_matrix_has_training_words_down_and_test_words_across_and_prints_its_values(figure):
    axis = figure.axes[2]
    matrix = axis.images[0].get_array()
    assert matrix[3, 6] == pytest.approx(0.1 * 3 + 0.01 * 6)  # trained at 3, tested at 6
    assert axis.images[0].origin == "upper"
    assert axis.images[0].get_extent() == [-0.5, 6.5, 6.5, -0.5]
    assert axis.images[0].get_clim() == (0, 1)  # so the middle of the colours is chance
    printed = {text.get_position(): text.get_text() for text in axis.texts}
    assert len(printed) == 49
    assert printed[6, 3] == ".36"
    assert printed[3, 6] == ".63"
    untrained = figure.axes[4].images[0].get_array()
    # The mean over splits and replicates.
    assert untrained[3, 6] == pytest.approx(0.1 * 3 + 0.01 * 6 + 0.001)
    assert figure.axes[4].images[0].get_clim() == (0, 1)
    assert [axis.get_xlabel() for axis in figure.axes[2:6]] == ["", "", "tested at", "tested at"]


@pytest.mark.parametrize(("auc", "text"), [(1.0, "1"), (0.996, "1"), (0.0, "0"), (0.05, ".05")])
def test_printed_values_have_two_digits(auc, text):
    table = decoded().assign(auc=auc)
    assert {t.get_text() for t in draw(by_kind={"grouped": table}).axes[1].texts} == {text}


def test_words_name_both_axes_and_roles_stand_above(figure):
    for axis in (*figure.axes[:2], *figure.axes[4:6]):
        assert [t.get_text() for t in axis.get_xticklabels()] == list(WORDS[:7])
    for axis in (figure.axes[2], figure.axes[4]):
        assert [t.get_text() for t in axis.get_yticklabels()] == list(WORDS[:7])
    bold = [t.get_text() for t in figure.axes[0].get_xticklabels() if t.get_fontweight() == "bold"]
    assert bold == ["boy", "cars", "encourages"]
    roles = {t.get_text(): t.xy[0] for t in figure.axes[0].texts}
    assert roles == {"subject": 1, "attractor": 4, "verb": 5}
    assert figure.axes[0].get_ylabel() == "AUC of subject number\ntrained at “boy”"


def test_the_position_of_training_is_the_labels_or_the_one_given():
    table = decoded(references=("none",))
    made = draw(by_kind={"grouped": table}, label="attractor_number")
    assert made.axes[0].get_ylabel() == "AUC of attractor number\ntrained at “cars”"
    assert made.axes[0].containers[0][0].get_ydata()[2] == pytest.approx(0.42)
    made = draw(by_kind={"grouped": table}, train_at=2)
    assert made.axes[0].containers[0][0].get_ydata()[2] == pytest.approx(0.22)
    with pytest.raises(UserError, match="trained at position 8"):
        draw(by_kind={"grouped": table}, train_at=8)


LONG = ("The", "athlete", "that", "the", "carpenter", "near", "the", "lawyers", "criticizes",
        "encourages", "the", "victim", ".")  # fmt: skip
CASES = {
    "two kinds": {},
    "one kind": {"by_kind": {"grouped": decoded()}},
    "many words and attractors": {
        "by_kind": {"grouped": decoded(11), "random": decoded(11)},
        "items": make_items(LONG, 1, (4, 7), 9),
    },
    "two attractors held out": {
        "items": make_items(WORDS, 1, (3, 4), 5),
        "held_out": {**HELD_OUT, "grouped": ["subject_number", "attractor_2_number"]},
    },
    "one row of matrices": {"by_kind": {kind: decoded(references=("none",)) for kind in HELD_OUT}},
    "neighbouring roles": {"items": make_items(WORDS, 1, (3, 4), 5)},
    "long words and a list of conditions": {
        "items": make_items(with_long_words(WORDS), 1, (4,), 5),
        "decoded": f"cell, {', '.join(f'condition_{n}_of_many' for n in range(8))} items",
    },
    "few words": {
        "by_kind": {"grouped": decoded(4), "random": decoded(4)},
        "items": make_items(("The", "boy", "gently", "encourages", "."), 1, (), 3),
        "held_out": {"grouped": ["subject_number"], "random": []},
    },
}


@pytest.mark.parametrize("case", CASES)
def test_no_text_covers_another_or_leaves_the_page(case):
    check_texts(draw(**CASES[case]))


def test_nothing_to_draw_is_an_error():
    for tables in ({}, {"grouped": decoded().iloc[:0]}):
        with pytest.raises(UserError, match="no decoding to draw"):
            draw(by_kind=tables)


# From results


@pytest.fixture(scope="module")
def stimuli(english) -> pa.Table:
    return generate(english, "nounpp", 20, True, 2019)


def results(stimuli, **changed) -> dict[str, Result]:
    """Decodings of nounPP, of which SP and PS were decoded; some differ in their settings."""
    config = {
        "label": "subject_number",
        "train_at": 1,
        "conditions": "incongruent",
        "variable": "cell",
    }
    made = {
        "task": "nounpp",
        "units_removed": [988],
        "checkpoint_sha256": "a",
        "stimuli_sha256": scored_sha256({"nounpp": stimuli}),
    }
    table = pa.Table.from_pandas(decoded())
    grouped = {**made, "config": config, "held_out": HELD_OUT["grouped"]}
    random = {**made, "config": {**config, **changed}, "held_out": []}
    return {"grouped": Result(table, grouped), "random": Result(table, random)}


def test_the_figure_of_results_names_a_decoded_item_and_what_they_record(stimuli):
    made = figure2(results(stimuli), stimuli, Result({"units": SHOWN}))
    figure = made.content
    # The first incongruent item, singular subject and plural attractor: not the first of all.
    place = stimuli["condition"].to_pylist().index("SP")
    assert place > 0
    words = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert words == stimuli["tokens"][place].as_py()[:7]
    assert figure.legends[0].get_texts()[0].get_text().startswith("all but long-range")
    assert figure.axes[0].get_title() == "subject and attractor nouns held out"
    assert headings(figure)[0] == "cell, incongruent items"
    assert made.metadata["checkpoint_sha256"] == "a"
    assert made.config["train_at"] == 1


def test_decodings_that_do_not_belong_together_are_refused(stimuli):
    for changed, message in (
        ({"label": "attractor_number"}, "another label"),
        ({"train_at": 4}, "another training position"),
    ):
        with pytest.raises(UserError, match=message):
            figure2(results(stimuli, **changed), stimuli, Result({"units": SHOWN}))
    with pytest.raises(UserError, match="the stimuli was made from another version"):
        figure2(results(stimuli), stimuli.slice(8), Result({"units": SHOWN}))
