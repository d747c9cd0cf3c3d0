"""Figure 2: what is drawn where, words and roles on the axes, one font size, equal bytes."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.text import Text

from lstm_units.analyses.decoding.figure import decoding_figure
from lstm_units.analyses.decoding.write_figure2 import write_decoding_figure
from lstm_units.errors import UserError
from lstm_units.io.figure_style import FONT_SIZE, PLURAL, SINGULAR, save_figure
from lstm_units.io.files import make_metadata, write_json, write_parquet
from lstm_units.stimuli.aligned_items import AlignedItems, read_aligned_items
from lstm_units.stimuli.write_generated import write_generated

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
    arguments = {"by_hold_out": tables, "items": make_items(), "label": "subject_number"}
    return decoding_figure(
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


def visible_texts(figure):
    return [t for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible()]


def headings(figure):
    return [text.get_text() for text in figure.texts]


def test_each_kind_of_hold_outs_has_curves_above_and_two_matrices_below(figure):
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
        by_hold_out={"grouped": decoded()},
        items=make_items(attractors=attractors),
        held_out={"grouped": held_out},
    )
    assert [made.axes[0].get_title(), made.axes[1].get_title()] == [title, title]


def test_without_an_untrained_network_there_is_one_row_of_matrices():
    made = draw(by_hold_out={"grouped": decoded(references=("none", "permuted"))}, decoded=None)
    assert len([axis for axis in made.axes if axis.images]) == 1
    assert headings(made) == ["all but long-range units, trained at every word"]
    assert made.get_figheight() < draw(by_hold_out={"grouped": decoded()}).get_figheight() - 1.5


def test_training_words_that_were_not_computed_stay_empty():
    table = decoded()
    table = table[(table["reference"] != "untrained") | (table["train_position"] == 1)]
    matrix = draw(by_hold_out={"grouped": table}).axes[2]
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
    axis = draw(by_hold_out={"grouped": table}).axes[0]
    bars = np.concatenate([c[2][0].get_segments() for c in axis.containers])
    assert bars[..., 1].min() >= 0
    assert bars[..., 1].max() == 1
    band = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() >= 0
    assert band.max() <= 1


def test_singular_and_plural_differ_in_colour_and_marker_everywhere(figure):
    style = {
        handle.get_label(): (handle.get_color(), handle.get_marker())
        for handle in figure.legends[0].legend_handles
    }
    assert style["unit 988, long-range, singular"] == (SINGULAR, "v")
    assert style["unit 776, nearest, plural"] == (PLURAL, "^")
    others = [
        color for name, (color, _) in style.items() if not name.startswith(("unit 9", "unit 7"))
    ]
    assert not {SINGULAR, PLURAL} & set(others)
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
    assert {t.get_text() for t in draw(by_hold_out={"grouped": table}).axes[1].texts} == {text}


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
    made = draw(by_hold_out={"grouped": table}, label="attractor_number")
    assert made.axes[0].get_ylabel() == "AUC of attractor number\ntrained at “cars”"
    assert made.axes[0].containers[0][0].get_ydata()[2] == pytest.approx(0.42)
    made = draw(by_hold_out={"grouped": table}, train_at=2)
    assert made.axes[0].containers[0][0].get_ydata()[2] == pytest.approx(0.22)
    with pytest.raises(UserError, match="trained at position 8"):
        draw(by_hold_out={"grouped": table}, train_at=8)


LONG = ("The", "athlete", "that", "the", "carpenter", "near", "the", "lawyers", "criticizes",
        "encourages", "the", "victim", ".")  # fmt: skip
CASES = {
    "two kinds": {},
    "one kind": {"by_hold_out": {"grouped": decoded()}},
    "many words and attractors": {
        "by_hold_out": {"grouped": decoded(11), "random": decoded(11)},
        "items": make_items(LONG, 1, (4, 7), 9),
    },
    "two attractors held out": {
        "items": make_items(WORDS, 1, (3, 4), 5),
        "held_out": {**HELD_OUT, "grouped": ["subject_number", "attractor_2_number"]},
    },
    "one row of matrices": {
        "by_hold_out": {kind: decoded(references=("none",)) for kind in HELD_OUT}
    },
    "neighbouring roles": {"items": make_items(WORDS, 1, (3, 4), 5)},
    "few words": {
        "by_hold_out": {"grouped": decoded(4), "random": decoded(4)},
        "items": make_items(("The", "boy", "gently", "encourages", "."), 1, (), 3),
        "held_out": {"grouped": ["subject_number"], "random": []},
    },
}


@pytest.mark.parametrize("case", CASES)
def test_no_text_covers_another_or_leaves_the_page(case):
    made = draw(**CASES[case])
    made.draw_without_rendering()
    boxes = []
    for text in visible_texts(made):
        box = text.get_window_extent()
        assert made.bbox.x0 <= box.x0, text
        assert box.x1 <= made.bbox.x1, text
        assert made.bbox.y0 <= box.y0, text
        assert box.y1 <= made.bbox.y1, text
        # The box around a tilted word covers its neighbours' corners, the word does not.
        if text.get_rotation() in (0, 90):
            boxes.append((text.get_text(), box))
    for place, (name, box) in enumerate(boxes):
        for other, other_box in boxes[place + 1 :]:
            assert not box.padded(-0.5).overlaps(other_box), (name, other)
    # Tilted words end above what stands below them.
    legend = made.legends[0].get_window_extent()
    for axis in made.axes:
        for text in axis.get_xticklabels():
            if text.get_rotation() == 40:
                assert not text.get_window_extent().overlaps(legend), text


def test_all_text_has_one_size(figure):
    assert {text.get_fontsize() for text in visible_texts(figure)} == {FONT_SIZE}


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_equal_figures_give_equal_bytes(suffix, tmp_path):
    for name in ("one", "two"):
        save_figure(draw(), tmp_path / f"{name}.{suffix}", {"seed": 2019})
    one = (tmp_path / f"one.{suffix}").read_bytes()
    assert one == (tmp_path / f"two.{suffix}").read_bytes()
    changed = decoded()
    changed["auc"] = 1 - changed["auc"]
    save_figure(draw(by_hold_out={"grouped": decoded(), "random": changed}),
                tmp_path / f"three.{suffix}", {"seed": 2019})  # fmt: skip
    assert one != (tmp_path / f"three.{suffix}").read_bytes()


def test_nothing_to_draw_is_an_error():
    for tables in ({}, {"grouped": decoded().iloc[:0]}):
        with pytest.raises(UserError, match="no decoding to draw"):
            draw(by_hold_out=tables)


@pytest.fixture
def inputs(project, tmp_path):
    """Files of the step; the stimuli are nounPP's, of which SP and PS were decoded."""
    stimuli = tmp_path / "stimuli" / "nounpp.parquet"
    write_generated(project / "stimuli" / "english", "nounpp", 20, True, 2019, stimuli)
    config = {
        "label": "subject_number",
        "train_at": 1,
        "conditions": "incongruent",
        "variable": "cell",
    }
    paths = {}
    for kind in ("grouped", "random"):
        paths[kind] = tmp_path / "decoding" / f"main_{kind}.parquet"
        metadata = make_metadata(
            config=config,
            task="nounpp",
            units_removed=[988],
            held_out=HELD_OUT[kind],
            checkpoint_sha256="a",
            stimuli_sha256="s",
        )
        write_parquet(pa.Table.from_pandas(decoded()), paths[kind], metadata)
    shown = tmp_path / "units" / "shown.json"
    write_json({"units": SHOWN}, shown, make_metadata(checkpoint_sha256="a"))
    return {"by_hold_out": paths, "stimuli": stimuli, "shown": shown, "config": config}


def step(inputs, outputs):
    write_decoding_figure(inputs["by_hold_out"], inputs["stimuli"], inputs["shown"], outputs)


def test_the_step_writes_the_figure_with_a_decoded_item_as_example(inputs, tmp_path, monkeypatch):
    seen = {}

    def spy(*args, **kwargs):
        seen.update(items=args[1], made=decoding_figure(*args, **kwargs))
        return seen["made"]

    monkeypatch.setattr("lstm_units.analyses.decoding.write_figure2.decoding_figure", spy)
    outputs = [tmp_path / "figures" / f"figure2.{suffix}" for suffix in ("pdf", "png")]
    step(inputs, outputs)
    assert all(path.stat().st_size > 10_000 for path in outputs)
    assert b"checkpoint_sha256" in outputs[0].read_bytes()
    words = seen["items"].words
    # The first incongruent item, singular subject and plural attractor: not the file's first.
    assert words != read_aligned_items(inputs["stimuli"]).words
    assert words[4].endswith("s")
    assert words[5].endswith("s")
    assert seen["made"].legends[0].get_texts()[0].get_text().startswith("all but long-range")
    assert seen["made"].axes[0].get_title() == "subject and attractor nouns held out"
    assert headings(seen["made"])[0] == "cell, incongruent items"


def test_decodings_that_do_not_belong_together_are_refused(inputs, tmp_path):
    path = inputs["by_hold_out"]["random"]
    for changes, task, message in (
        ({"label": "attractor_number"}, "nounpp", "another label"),
        ({"train_at": 4}, "nounpp", "another train_at"),
    ):
        metadata = make_metadata(config={**inputs["config"], **changes}, task=task)
        write_parquet(pa.Table.from_pandas(decoded()), path, metadata)
        with pytest.raises(UserError, match=message):
            step(inputs, [tmp_path / "a.png"])
    one = {**inputs, "by_hold_out": {"random": path}}
    metadata = make_metadata(config=inputs["config"], task="simple", units_removed=[])
    write_parquet(pa.Table.from_pandas(decoded()), path, metadata)
    with pytest.raises(UserError, match="decoded from the task simple"):
        step(one, [tmp_path / "a.png"])
    assert not (tmp_path / "a.png").exists()
