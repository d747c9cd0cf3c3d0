"""What a unit card holds: numbers of the result files, and what is said where one is missing."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.card_results import (
    CONDITIONS,
    EFFECT,
    FULL,
    LOWER,
    MISSING,
    N_UNITS,
    PLAIN,
    accuracy_rows,
    coefficient_rows,
    long_range_list,
    read_card,
    syntax_list,
    without,
)
from support.connected_network import (
    LAYER_SIZES,
    NUMBER_UNITS,
    PLURAL,
    SINGULAR,
    SYNTAX,
    shown_entry,
    unit_entry,
)
from support.made_files import write_frame
from support.simulated_results import intact_rows, write_shard

from lstm_units.analyses.long_range_units.unit_lists import single_unit_sets
from lstm_units.analyses.syntax_units.dependency_span import SIDES
from lstm_units.cards.afferents import activity_over_time, strongest
from lstm_units.cards.card import CardSettings, with_recorded_settings
from lstm_units.cards.reader import AFFERENTS, CardReader
from lstm_units.errors import InterventionError, UserError
from lstm_units.io.files import make_metadata, read_json, read_metadata, write_json, write_parquet
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import read_result, write_result
from lstm_units.stimuli.aligned_items import read_aligned_items

# What stands in a card


def test_settings_are_read_back_from_the_results(planted_files, files):
    settings = with_recorded_settings(CardSettings(relative_drop=0.3), planted_files)
    assert (settings.relative_drop, settings.maximum_q) == (0.2, 0.01)
    assert (settings.threshold, settings.minimum_folds) == (2.5, 3)
    assert settings.dynamics_task == "nounpp"
    (files.folder / "tables").mkdir()
    table = "task,label\nnounpp,noun PP\n"
    (files.folder / "tables" / "table1.csv").write_text(table, encoding="utf-8")
    settings = with_recorded_settings(CardSettings(), files)
    assert settings.label("nounpp") == "noun PP"
    given = CardSettings({"nounpp": "other"}, relative_drop=0.3)
    assert with_recorded_settings(given, files).label("nounpp") == "other"
    assert with_recorded_settings(given, ResultFiles(files.folder / "nowhere")) == given


def test_a_unit_stands_at_its_place_in_its_layer(planted_files):
    card = read_card(planted_files, SINGULAR)
    assert (card.layer, card.index, card.layer_sizes) == (2, SINGULAR - LAYER_SIZES[0], LAYER_SIZES)
    card = read_card(planted_files, LOWER)
    assert (card.layer, card.index) == (1, LOWER)


def test_lists_name_a_unit_with_their_evidence(planted_files):
    singular, plural = (read_card(planted_files, unit) for unit in NUMBER_UNITS)
    assert [listing.title for listing in singular.lists] == ["long-range (singular)"]
    reason = singular.lists[0].reason
    assert "1.25 in nounpp SP and 1.25 in nounpp_adv SP" in reason
    assert "the other half agrees" in reason
    assert "the other half does not agree" in plural.lists[0].reason
    assert "PS" in plural.lists[0].reason
    syntax = read_card(planted_files, SYNTAX)
    assert [listing.title for listing in syntax.lists] == ["syntax (1 of 1)"]
    assert "-4.0 SD" in syntax.lists[0].reason
    assert "0.97" in syntax.lists[0].reason
    assert "by chance" not in syntax.lists[0].reason
    assert read_card(planted_files, PLAIN).lists == ()
    assert read_card(planted_files, PLAIN).title == f"Unit {PLAIN}"
    assert [listing.name for listing in read_card(planted_files, 50).lists] == ["arbitrary"]


def test_stand_ins_and_named_units_are_not_taken_for_discovered_ones(files):
    sha256 = read_json(files.folder / "checkpoint/model.json")["sha256"]
    metadata = make_metadata(checkpoint_sha256=sha256, config={"units": [PLAIN, SINGULAR]})
    shown = [shown_entry(SINGULAR, "nearest", "singular"), shown_entry(PLAIN, "named")]
    write_json({"units": shown}, files.folder / "units/shown.json", metadata)
    write_json({**long_range_list(), "units": []}, files.folder / "units/long_range.json", metadata)
    near = unit_entry(LOWER, 1, deviation=2.0, folds_beyond=1, score=None)
    nothing = {**syntax_list(), "units": [], "top": None, "nearest": near}
    write_json(nothing, files.folder / "units/syntax.json", metadata)
    reader = CardReader(files, with_recorded_settings(CardSettings(), files))
    assert reader.lists.notable() == [SINGULAR, LOWER, PLAIN]
    listed = {unit: [listing.title for listing in reader.lists.of(unit)] for unit in NUMBER_UNITS}
    assert listed == {SINGULAR: ["nearest (singular)", "named"], PLURAL: []}
    [syntax] = reader.lists.of(LOWER)
    assert syntax.title == "nearest syntax"
    assert "No unit meets the criteria" in syntax.reason
    assert "is not known" in syntax.reason


def test_notable_units_come_in_the_order_of_the_lists(planted_files):
    lists = CardReader(planted_files, CardSettings()).lists
    assert lists.notable() == [SINGULAR, PLURAL, SYNTAX, 50]


def test_the_known_effect_of_an_ablation_stands_in_the_card(planted_files):
    parts = read_card(planted_files, SINGULAR).ablation
    table = parts["zero"].table
    assert list(parts) == ["zero", "legacy"]
    assert table[["task", "condition"]].apply(tuple, axis=1).tolist() == CONDITIONS
    large = table[table["large"]]
    assert large["condition"].tolist() == ["SP", "SP"]
    np.testing.assert_allclose(large["drop"], EFFECT)
    np.testing.assert_allclose(large["accuracy"], FULL - EFFECT)
    assert parts["legacy"].table is None
    assert "not ablated in mode legacy" in parts["legacy"].missing
    assert not read_card(planted_files, PLAIN).ablation["zero"].table["large"].any()


@pytest.mark.parametrize(("drop", "q", "large"), [(0.19, 0.0, 0), (0.21, 0.0, 1), (0.21, 0.01, 0)])
def test_a_large_change_takes_both_size_and_certainty(files, drop, q, large):
    rows = accuracy_rows([LOWER]).assign(relative_drop=0.0, q=1.0)
    rows.loc[0, ["relative_drop", "q"]] = -drop, q  # a gain counts as well
    sha256 = read_json(files.folder / "checkpoint/model.json")["sha256"]
    write_frame(rows, files.folder / "ablation/zero/accuracy.parquet", checkpoint_sha256=sha256)
    assert read_card(files, LOWER).ablation["zero"].table["large"].sum() == large


def test_a_discovered_unit_has_the_tasks_that_were_not_swept(files):
    """The singular unit turns every second item of one condition of a further task wrong."""
    sha256 = read_json(files.folder / "checkpoint/model.json")["sha256"]
    folder, n = files.folder, 20
    item, condition = np.arange(2 * n), np.repeat(["S", "P"], n)
    metadata = make_metadata(checkpoint_sha256=sha256, stimuli_sha256="other")
    rows = intact_rows(item, condition, np.ones(2 * n))
    write_parquet(rows, folder / "intact" / "far.parquet", metadata)
    margin = np.where((item % 2 == 0) & (condition == "S"), -1.0, 1.0).astype(np.float32)
    found = read_result(folder / "units/long_range.json")
    write_result(single_unit_sets(found), folder / "controls/sets/long_range.parquet")
    path = folder / "ablation_sets/zero/far/long_range_0001-0002.parquet"
    blocks = [(1, {"far": (item, margin)}), (2, {"far": (item, np.ones(2 * n, np.float32))})]
    table = pq.read_table(write_shard(path, blocks, key="set"))
    write_parquet(table, path, metadata)
    part = read_card(files, SINGULAR).ablation["zero"]
    far = part.table[part.table["task"] == "far"].set_index("condition")
    assert far["accuracy"].to_dict() == {"S": 0.5, "P": 1.0}
    assert part.about["further"] == ("far",)
    assert "controls/sets/long_range.parquet" in part.files
    far = read_card(files, PLURAL).ablation["zero"].table.query("task == 'far'")
    assert (far["drop"] == 0).all()
    assert "far" not in set(read_card(files, PLAIN).ablation["zero"].table["task"])


# Numbers are those of the files


def test_rows_are_those_of_the_result_files(planted_files):
    folder, card = planted_files.folder, read_card(planted_files, PLAIN)
    for name, part in (
        ("dynamics/nounpp", card.dynamics),
        ("efferents/units", card.efferents),
        ("efferents/words", card.words),
        ("decoding/units", card.decoding),
    ):
        table = pd.read_parquet(folder / f"{name}.parquet")
        rows = table[table["unit"] == PLAIN].reset_index(drop=True)
        numbers = rows.select_dtypes("number").columns
        pd.testing.assert_frame_equal(part.table[numbers], rows[numbers])
        assert f"{name}.parquet" in part.files
    words = read_aligned_items(folder / "stimuli/nounpp.parquet").words
    assert card.decoding.table["word"].tolist() == list(words[: len(card.decoding.table)])
    auc = card.efferents.table["auc"].iloc[0]
    assert card.efferents.table["auc_folded"].iloc[0] == max(auc, 1 - auc)


def test_the_coefficient_of_depth_is_placed_among_all_units(planted_files):
    row = read_card(planted_files, SYNTAX).depth.table.iloc[0]
    table = coefficient_rows()
    mean = table.groupby("unit")["coefficient"].mean()
    assert row["coefficient"] == pytest.approx(-9)
    assert row["deviation"] == pytest.approx(-9 / np.sqrt(np.mean(mean**2)))
    assert (row["rank"], row["units"], row["folds"], row["folds_beyond"]) == (1, N_UNITS, 5, 5)
    assert row["outlier"]
    other = read_card(planted_files, PLAIN).depth.table.iloc[0]
    assert other["rank"] == (mean.abs() > abs(mean[PLAIN])).sum() + 1
    assert not other["outlier"]


def test_the_span_is_read_with_the_sign_of_its_score(planted_files):
    table = read_card(planted_files, SYNTAX).span.table
    np.testing.assert_allclose(table[list(SIDES)], 0.97)
    assert table["score"].tolist() == [0.97, 0.97]


# Afferents


def test_the_unit_that_drives_the_gates_is_the_strongest_afferent(planted_files):
    for unit in NUMBER_UNITS:
        rows = read_card(planted_files, unit).afferents.table
        for gate, sign in (("input_gate", -1), ("forget_gate", 1)):
            first = rows[(rows["gate"] == gate) & (rows["connection"] == "recurrent")].iloc[0]
            assert first["source"] == SYNTAX
            assert np.sign(first["input_mean"]) == sign
            assert first["source_lists"] == f"{SYNTAX} (syntax)"
        assert rows.groupby(["gate", "connection"], observed=True).size().eq(3).all()
        # From below only the input gate is reached: equal inputs, all 0, have no z.
        assert rows.loc[rows["connection"] == "from_below", "gate"].unique() == ["input_gate"]
        assert len(rows) == (4 + 1) * 3
        size = rows["z_mean"].abs().groupby([rows["gate"], rows["connection"]], observed=True)
        assert size.apply(lambda values: values.is_monotonic_decreasing).all()


def test_connections_from_the_weights_equal_those_on_file(planted_files, files):
    """The file has no rows of the unit, but the activity of all sources."""
    expected = read_card(planted_files, SINGULAR).afferents
    assert expected.files == (AFFERENTS,)
    path = files.folder / AFFERENTS
    metadata = read_metadata(path)
    table = pd.read_parquet(path)
    table = table[table["target"] != SINGULAR]
    write_parquet(pa.Table.from_pandas(table, preserve_index=False), path, metadata)
    found = read_card(files, SINGULAR).afferents
    assert found.files == ("checkpoint/model.safetensors", AFFERENTS)
    pd.testing.assert_frame_equal(
        found.table, expected.table, check_dtype=False, check_categorical=False
    )


def test_without_connectivity_activities_come_from_the_time_courses(planted_files, files):
    (files.folder / AFFERENTS).unlink()
    found = read_card(files, SINGULAR).afferents
    assert found.files == ("checkpoint/model.safetensors", "dynamics/nounpp.parquet")
    assert found.about["means"]
    expected = read_card(planted_files, SINGULAR).afferents.table
    # Means over all items, as there; the dynamics are stored in single precision.
    columns = ["gate", "connection", "source"]
    assert found.table[columns].astype(str).equals(expected[columns].astype(str))
    for column in ("weight", "activity_mean", "input_mean", "z_mean"):
        np.testing.assert_allclose(found.table[column], expected[column], rtol=1e-4, atol=1e-6)


def test_the_strongest_are_chosen_by_size_and_equal_ones_by_number():
    rng = np.random.default_rng(3)
    table = pd.DataFrame(
        {
            "gate": np.repeat(["forget_gate", "input_gate"], 40),
            "connection": np.tile(np.repeat(["recurrent", "from_below"], 20), 2),
            "source": np.tile(np.arange(20, 0, -1), 4),
            "z_mean": np.round(rng.normal(0, 2, 80)),
        }
    )
    table.loc[table["source"] == 3, "z_mean"] = np.nan
    expected = []
    for gate in ("input_gate", "forget_gate"):
        for connection in ("from_below", "recurrent"):
            rows = table[(table["gate"] == gate) & (table["connection"] == connection)].dropna()
            best = sorted(zip(-rows["z_mean"].abs(), rows["source"], strict=True))[:5]
            expected += [(gate, connection, source, -size) for size, source in best]
    found = strongest(table, 5)
    found["z_mean"] = found["z_mean"].abs()
    columns = ["gate", "connection", "source", "z_mean"]
    assert found[columns].apply(tuple, axis=1).tolist() == expected


def test_activity_over_time_weighs_conditions_by_their_items():
    rows = [  # position, condition, n, mean; the verb is at 3, the subject at 1
        *[(0, "S", 1, -0.9), (0, "P", 3, 0.1), (1, "S", 1, 0.8), (1, "P", 3, 0.2)],
        *[(2, "S", 1, 0.4), (2, "P", 3, -0.2), (3, "S", 1, 5.0), (2, "X", 0, np.nan)],
    ]
    table = pd.DataFrame(rows, columns=["position", "condition", "n", "mean"])
    table = table.assign(unit=4, layer=1, variable="hidden")
    cell = table.assign(variable="cell", mean=9.0)
    found = activity_over_time(pd.concat([cell, table]), 1, 3)
    assert found.loc[4].to_dict() == pytest.approx(
        {"layer": 1, "mean": (0.8 + 0.6 + 0.4 - 0.6) / 8, "largest": -0.9, "maximum": 0.8}
    )


def test_the_card_of_a_lower_unit_has_the_afferents_of_its_own_layer_only(planted_files):
    part = read_card(planted_files, LOWER).afferents
    assert set(part.table["connection"]) == {"recurrent"}
    assert set(part.table["source_layer"]) == {1}


# What is missing, and what is refused

KEYS = {
    "dynamics": "dynamics.tasks",
    "efferents": "efferents.verb_pairs",
    "words": "dynamics.tasks",
    "decoding": "unit_decoding.task",
    "depth": "depth.run",
    "span": "syntax_units.structures",
    "afferents": "connectivity.task",
}


@pytest.mark.parametrize("name", MISSING)
def test_an_analysis_that_was_not_run_is_named_with_its_key(planted_files, name):
    card = read_card(without(planted_files, *MISSING[name]), PLAIN)
    part = getattr(card, name)
    if name == "ablation":
        assert part == {}
    else:
        assert part.table is None
        assert f"`{KEYS[name]}`" in part.missing
        assert "run" in part.missing
    for other in set(KEYS) - {name, "dynamics" if name == "afferents" else name}:
        assert getattr(card, other).table is not None, other


def test_lists_that_were_not_made_are_named(planted_files):
    card = read_card(planted_files, PLAIN)
    assert card.lists_not_run == (
        "units/short_range.json is not there: it was not run (`unit_decoding.task`).",
    )


def test_units_below_the_last_layer_have_no_efferent_words(planted_files):
    card = read_card(planted_files, LOWER)
    for part in (card.efferents, card.words):
        assert part.table is None
        assert "last layer, 2" in part.missing


def test_a_layer_that_was_not_dumped_is_named(files):
    folder = files.folder
    for name in ("dynamics/nounpp.parquet", "decoding/units.parquet", "dependency_span.parquet"):
        metadata, table = read_metadata(folder / name), pd.read_parquet(folder / name)
        table = table[table["layer"] == 2]
        write_parquet(pa.Table.from_pandas(table, preserve_index=False), folder / name, metadata)
    card = read_card(files, LOWER)
    for part in (card.dynamics, card.decoding, card.span):
        assert part.table is None
        assert "layer 1 were not dumped (`activations.layers`)" in part.missing


def test_files_of_another_checkpoint_are_refused(files):
    for name in ("depth/coefficients.parquet", "units/syntax.json"):
        path = files.folder / name
        before = path.read_bytes()
        if path.suffix == ".json":
            write_json({**syntax_list(), "metadata": None}, path, {"checkpoint_sha256": "f00d"})
        else:
            write_frame(coefficient_rows(), path, checkpoint_sha256="f00d")
        with pytest.raises(UserError, match=rf"{name} was made from another checkpoint"):
            read_card(files, PLAIN, CardSettings())
        path.write_bytes(before)
    read_card(files, PLAIN, CardSettings())


def test_items_that_are_not_those_of_the_results_are_refused(files):
    path = files.folder / "stimuli/nounpp.parquet"
    table = pq.read_table(path)
    write_parquet(table.slice(1), path, make_metadata(stimuli_sha256="t"))
    with pytest.raises(UserError, match=r"nounpp\.parquet holds other items"):
        read_card(files, PLAIN)


def test_damaged_files_and_units_that_do_not_exist_are_refused(files):
    for unit in (0, N_UNITS + 1):
        with pytest.raises(InterventionError, match=f"numbered 1 to {N_UNITS}"):
            read_card(files, unit)
    (files.folder / "depth/coefficients.parquet").write_bytes(b"no parquet")
    with pytest.raises(UserError, match=r"cannot read .*coefficients\.parquet"):
        read_card(files, PLAIN)
    (files.folder / "checkpoint/model.json").unlink()
    with pytest.raises(UserError, match=r"model\.json is missing"):
        read_card(files, PLAIN)
