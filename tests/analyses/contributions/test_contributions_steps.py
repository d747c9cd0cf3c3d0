"""The steps of contributions, on a planted network: what they write, and what they refuse."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.planted_network import PLURAL_UNIT, write_planted_network

from lstm_units.analyses.contributions.table import (
    contributions_legend,
    contributions_table,
    read_contributions,
)
from lstm_units.analyses.contributions.write_contributions import write_contributions
from lstm_units.analyses.contributions.write_figure import write_contributions_figure
from lstm_units.analyses.contributions.write_table import write_contributions_table
from lstm_units.errors import InterventionError, UserError
from lstm_units.interventions.model_inputs import Compute, Context
from lstm_units.interventions.write_intact import write_intact
from lstm_units.io.files import make_metadata, read_metadata, write_json, write_parquet
from lstm_units.models.write_checkpoint import write_checkpoint
from lstm_units.stimuli.write_generated import write_generated

COMPUTE = Compute(device="cpu", memory=0.1)
STATISTICS = {"confidence": 0.95, "samples": 200, "seed": 1}
SUM = ["long_range", "short_range", "rest", "bias"]


class Files:
    """A planted network, its items and lists of units."""

    def __init__(self, folder, english):
        self.folder, self.context = folder, Context(str(english / "context.txt"))
        source = folder / "source"
        write_planted_network(source, english, english / "context.txt")
        self.checkpoint = folder / "checkpoint"
        write_checkpoint(
            source / "model.safetensors",
            source / "vocab.txt",
            self.checkpoint,
            format="auto",
            stand_ins=(),
            unk="<unk>",
            eos="<eos>",
        )
        self.stimuli, self.intact = {}, {}
        for task in ("nounpp", "simple"):
            self.stimuli[task] = folder / "stimuli" / f"{task}.parquet"
            write_generated(english, task, 30, True, 1, self.stimuli[task])
            self.intact[task] = folder / "intact" / f"{task}.parquet"
            write_intact(
                self.checkpoint, self.stimuli[task], self.context, COMPUTE, self.intact[task]
            )
        self.sha256 = read_metadata(self.intact["simple"])["checkpoint_sha256"]
        self.long_range = self.listed("long_range", [PLURAL_UNIT])
        self.short_range = self.listed("short_range", [])

    def listed(self, name, units, sha256=None):
        path = self.folder / "units" / f"{name}.json"
        metadata = make_metadata(kind="units", checkpoint_sha256=sha256 or self.sha256)
        write_json({"units": [{"unit": unit} for unit in units]}, path, metadata)
        return path

    def write(self, task, folder="contributions", **changed):
        output = self.folder / folder / f"{task}.parquet"
        inputs = {
            "checkpoint": self.checkpoint,
            "stimuli": self.stimuli[task],
            "context": self.context,
            "intact": self.intact[task],
            "long_range": self.long_range,
            "short_range": self.short_range,
            "compute": COMPUTE,
        }
        write_contributions(**{**inputs, **changed}, output=output)
        return output


@pytest.fixture(scope="module")
def files(tmp_path_factory, project):
    return Files(tmp_path_factory.mktemp("contributions"), project / "stimuli" / "english")


@pytest.fixture(scope="module")
def written(files):
    return {task: files.write(task) for task in ("nounpp", "simple")}


def test_the_planted_unit_decides_for_plural_subjects_alone(written):
    """Its decoder weights are -3 and 3, and it holds tanh(tanh(5)); the biases are 1 and -1."""
    table = pq.read_table(written["nounpp"]).to_pandas()
    stored = 6 * np.tanh(np.tanh(5))
    plural = table["condition"].astype(str).str.startswith("P")
    assert plural.sum() == 60
    np.testing.assert_allclose(table["long_range"][plural], stored, atol=0.05)
    np.testing.assert_allclose(table["long_range"][~plural], 0, atol=0.05)
    np.testing.assert_array_equal(table["bias"], np.where(plural, -2, 2))
    np.testing.assert_array_equal(table[f"unit_{PLURAL_UNIT}"], table["long_range"])


def test_parts_add_up_to_the_margin_in_the_file(written):
    for path in written.values():
        table = pq.read_table(path).to_pandas()
        np.testing.assert_allclose(table[SUM].sum(axis=1), table["margin"], rtol=0, atol=1e-4)
        assert (table["right"] == (table["margin"] > 0)).all()


def test_the_file_has_the_columns_of_the_contract(written, files):
    table = pq.read_table(written["nounpp"])
    names = ["item", "condition", "right", "margin", *SUM]
    names += ["subject_number", "subject_lemma", "verb_lemma"]
    assert table.column_names == [*names, f"unit_{PLURAL_UNIT}"]
    stimuli = pq.read_table(files.stimuli["nounpp"])
    assert set(stimuli["subject_number"].to_pylist()) == {"singular", "plural"}
    for name in ("item", "condition", "subject_number", "subject_lemma", "verb_lemma"):
        assert table[name].to_pylist() == stimuli[name].to_pylist()
    intact = pq.read_table(files.intact["nounpp"])
    assert table["margin"].equals(intact["margin"])
    assert table.schema.field("rest").type == pa.float32()


def test_units_of_lower_layers_and_double_ones_are_set_apart(files):
    long_range = files.listed("lower", [2, PLURAL_UNIT])
    short_range = files.listed("double", [PLURAL_UNIT, 8, 4])
    output = files.write("simple", "apart", long_range=long_range, short_range=short_range)
    units = read_metadata(output)["config"]["units"]
    assert units["long_range"] == [PLURAL_UNIT] and units["short_range"] == [8]
    assert units["long_range_in_lower_layers"] == [2]
    assert units["short_range_in_lower_layers"] == [4]
    assert (units["both"], units["n_rest"]) == ([PLURAL_UNIT], 1)
    table = pq.read_table(output).to_pandas()
    np.testing.assert_allclose(table[SUM].sum(axis=1), table["margin"], rtol=0, atol=1e-4)
    legend = " ".join(
        contributions_legend(contributions_table({"simple": table}, units, samples=20), units, 0.95)
    )
    for part in ("lower layers", "are not counted: 2.", "not counted: 4.", "long-range: 7."):
        assert part in legend


def test_short_range_units_that_push_against_their_number_are_named(files, written):
    """Not those of lower layers, nor those of which it is not known."""
    path = files.folder / "units" / "against.json"
    known = {2: False, 5: True, 6: None, 8: False}
    units = [{"unit": unit, "supports_its_number": known[unit]} for unit in known]
    write_json(
        {"units": [*units, {"unit": PLURAL_UNIT}]},
        path,
        make_metadata(kind="units", checkpoint_sha256=files.sha256),
    )
    units = read_metadata(files.write("simple", "against", short_range=path))["config"]["units"]
    assert units["short_range_against"] == [8]
    assert read_metadata(written["simple"])["config"]["units"]["short_range_against"] == []


def test_unknown_numbers_of_subjects_stay_unknown(files):
    table = pq.read_table(files.stimuli["simple"])
    place = table.column_names.index("subject_number")
    numbers = [None, *table["subject_number"].to_pylist()[1:]]
    changed = table.set_column(place, "subject_number", pa.array(numbers, pa.string()))
    stimuli, intact = (files.folder / name / "simple.parquet" for name in ("gap", "gap_intact"))
    write_parquet(changed, stimuli, read_metadata(files.stimuli["simple"]))
    write_intact(files.checkpoint, stimuli, files.context, COMPUTE, intact)
    output = files.write("simple", "unknown", stimuli=stimuli, intact=intact)
    assert pq.read_table(output)["subject_number"].to_pylist() == numbers
    found = read_contributions({"simple": output})
    summary = contributions_table(found.by_task, found.units, **STATISTICS)
    assert summary["long_range_constant"].isna().all() and summary["long_range_right"].notna().any()


def test_the_planted_unit_has_half_its_weight_as_a_constant_towards_plural(written):
    """It adds 0 for singular subjects and 6 tanh(tanh(5)) for plural ones."""
    found = read_contributions(written)
    table = contributions_table(found.by_task, found.units, **STATISTICS)
    constant = -3 * np.tanh(np.tanh(5))
    assert table["long_range_constant"].to_numpy() == pytest.approx(constant, abs=0.05)
    rows = table[(table["answer"] == "all") & (table["condition"] != "all")]
    assert (rows["long_range_right_without_constant"] == 1).all()


def test_no_unit_at_all_is_an_answer(files):
    empty = files.listed("empty", [])
    table = pq.read_table(files.write("simple", "none", long_range=empty)).to_pandas()
    assert (table[["long_range", "short_range"]] == 0).all(axis=None)
    assert not [name for name in table.columns if name.startswith("unit_")]


def test_equal_runs_write_equal_bytes(files, written):
    assert files.write("simple", "again").read_bytes() == written["simple"].read_bytes()


def test_margins_that_are_not_the_sum_are_refused(files):
    table = pq.read_table(files.intact["simple"])
    margin = table["margin"].to_numpy().copy()
    margin[3] += 2e-4
    bad = files.folder / "bad" / "simple.parquet"
    place = table.column_names.index("margin")
    write_parquet(
        table.set_column(place, "margin", pa.array(margin)),
        bad,
        read_metadata(files.intact["simple"]),
    )
    with pytest.raises(UserError, match=r"do not add up.*1 of 60 items: in item 3"):
        files.write("simple", "refused", intact=bad)
    assert not (files.folder / "refused").exists()


def test_files_from_elsewhere_are_refused(files):
    with pytest.raises(UserError, match="another version of the stimuli"):
        files.write("simple", "refused", intact=files.intact["nounpp"])
    other = files.listed("other", [PLURAL_UNIT], sha256="0" * 64)
    with pytest.raises(UserError, match=r"other\.json was made from another checkpoint"):
        files.write("simple", "refused", short_range=other)
    with pytest.raises(UserError, match=r"another context: its context_case is true"):
        lower = Context(files.context.path, "lower")
        files.write("simple", "refused", context=lower)
    with pytest.raises(InterventionError, match="unit 99 does not exist"):
        files.write("simple", "refused", long_range=files.listed("absent", [99]))


def test_tables_and_figures_are_written_in_every_format(files, written):
    folder = files.folder / "outputs"
    tables = [folder / f"contributions.{suffix}" for suffix in ("csv", "md", "tex")]
    write_contributions_table(written, {"nounpp": "nounPP"}, STATISTICS, tables)
    found = read_contributions(written)
    expected = contributions_table(found.by_task, found.units, **STATISTICS)
    assert list(dict.fromkeys(expected["task"])) == ["simple", "nounpp"]
    csv = pd.read_csv(tables[0])
    assert list(csv.columns) == list(expected.columns)
    np.testing.assert_allclose(csv["margin"], expected["margin"], rtol=1e-12)
    assert "nounPP" in tables[1].read_text() and "Wilson" in tables[1].read_text()
    figures = [folder / f"contributions.{suffix}" for suffix in ("pdf", "png")]
    write_contributions_figure(written, {"nounpp": "nounPP"}, STATISTICS, figures)
    before = [path.read_bytes() for path in (*tables, *figures)]
    write_contributions_table(written, {"nounpp": "nounPP"}, STATISTICS, tables)
    write_contributions_figure(written, {"nounpp": "nounPP"}, STATISTICS, figures)
    assert [path.read_bytes() for path in (*tables, *figures)] == before


def test_contributions_of_several_lists_are_not_mixed(files, written):
    other = files.write("nounpp", "mixed", long_range=files.listed("mixed", [8]))
    with pytest.raises(UserError, match="another list of units"):
        read_contributions({"simple": written["simple"], "nounpp": other})
    with pytest.raises(UserError, match="no contributions"):
        read_contributions({})
