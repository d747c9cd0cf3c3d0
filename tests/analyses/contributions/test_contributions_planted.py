"""Contributions on a planted network: what the scripts write, and what is refused."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.made_files import read_group, write_generated, write_intact
from support.planted_network import PLURAL_UNIT, write_planted_network
from support.scripts import run_script

from lstm_units.analyses.contributions.parts import contributions
from lstm_units.analyses.contributions.summary import (
    COLUMNS,
    gather_contributions,
    summarise_contributions,
)
from lstm_units.analyses.contributions.table import contributions_legend
from lstm_units.errors import InterventionError, UserError
from lstm_units.interventions.model_inputs import Compute, Context
from lstm_units.io.files import write_json
from lstm_units.io.results import Result, read_result
from lstm_units.models.checkpoints import CheckpointSource, convert_checkpoint, load_language_model
from lstm_units.models.language_model import LanguageModel
from lstm_units.stimuli.table import read_stimuli

TASKS = ("simple", "nounpp")
COMPUTE = Compute(device="cpu", memory=0.1)
STATISTICS = {"confidence": 0.95, "samples": 200, "seed": 1}
SUM = ["long_range", "short_range", "rest", "bias"]


@dataclass(frozen=True)
class Files:
    """A planted network, its items and their scores, and what the scripts made of them."""

    folder: Path
    context: Context
    model: LanguageModel

    def path(self, kind: str, task: str) -> Path:
        return self.folder / kind / f"{task}.parquet"

    def units(self, *entries, **metadata) -> Result:
        """A list of units: numbers, or what else is known of each."""
        listed = [{"unit": entry} if isinstance(entry, int) else entry for entry in entries]
        return Result({"units": listed}, {**self.model.metadata, **metadata}, "the list")

    def split(self, **changed) -> Result:
        """Split the margins of ``simple`` with other inputs than the scripts had."""
        path = self.path("stimuli", "simple")
        inputs = {
            "group": read_group({"simple": path}, self.model.vocabulary),
            "stimuli": read_stimuli(path),
            "context": self.context,
            "intact": read_result(self.path("intact", "simple")),
            "long_range": self.units(PLURAL_UNIT),
            "short_range": self.units(),
        }
        return contributions(self.model, compute=COMPUTE, **{**inputs, **changed})

    def results(self) -> dict[str, Result]:
        return {task: read_result(self.path("contributions", task)) for task in TASKS}


@pytest.fixture(scope="module")
def files(tmp_path_factory, project) -> Files:
    folder = tmp_path_factory.mktemp("contributions")
    english = project / "stimuli" / "english"
    context = Context(str(english / "context.txt"))
    write_planted_network(folder / "source", english, english / "context.txt")
    convert_checkpoint(CheckpointSource(folder / "source"), folder / "checkpoint")
    made = Files(folder, context, load_language_model(folder / "checkpoint"))
    lists = {"long_range": made.units(PLURAL_UNIT), "short_range": made.units()}
    paths = {name: folder / f"{name}.json" for name in lists}
    for name, result in lists.items():
        write_json(result.content, paths[name], result.metadata)
    for task in TASKS:
        stimuli, intact = made.path("stimuli", task), made.path("intact", task)
        write_generated(english, task, 30, True, 1, stimuli)
        write_intact(folder / "checkpoint", stimuli, context, COMPUTE, intact)
        run_script(
            "contributions/contributions",
            input={
                "weights": folder / "checkpoint" / "model.safetensors",
                **{"stimuli": stimuli, "intact": intact, **paths},
            },
            params={"context": {"path": context.path, "case": "true"}, "precision": "float32"},
            resources={"device": "cpu", "sweep_mb": 100, "gpu_sweep_mb": 0},
            wildcards={"task": task},
            output={"contributions": made.path("contributions", task)},
        )
    return made


def test_the_planted_unit_decides_for_plural_subjects_alone(files):
    """Its decoder weights are -3 and 3, and it holds tanh(tanh(5)); the biases are 1 and -1."""
    table = files.results()["nounpp"].frame
    stored = 6 * np.tanh(np.tanh(5))
    plural = table["condition"].astype(str).str.startswith("P")
    assert plural.sum() == 60
    np.testing.assert_allclose(table["long_range"][plural], stored, atol=0.05)
    np.testing.assert_allclose(table["long_range"][~plural], 0, atol=0.05)
    np.testing.assert_array_equal(table["bias"], np.where(plural, -2, 2))
    np.testing.assert_array_equal(table[f"unit_{PLURAL_UNIT}"], table["long_range"])


def test_the_file_has_the_columns_of_the_contract_and_its_parts_add_up(files):
    table = pq.read_table(files.path("contributions", "nounpp"))
    names = ["item", "condition", "right", "margin", *SUM]
    names += ["subject_number", "subject_lemma", "verb_lemma"]
    assert table.column_names == [*names, f"unit_{PLURAL_UNIT}"]
    stimuli = pq.read_table(files.path("stimuli", "nounpp"))
    for name in ("item", "condition", "subject_number", "subject_lemma", "verb_lemma"):
        assert table[name].to_pylist() == stimuli[name].to_pylist()
    intact = pq.read_table(files.path("intact", "nounpp"))
    assert table["margin"].equals(intact["margin"]) and table["right"].equals(intact["right"])
    assert table.schema.field("rest").type == pa.float32()
    parts = table.to_pandas()
    np.testing.assert_allclose(parts[SUM].sum(axis=1), parts["margin"], rtol=0, atol=1e-4)


def test_units_of_lower_layers_and_double_ones_are_set_apart(files):
    split = files.split(
        long_range=files.units(2, PLURAL_UNIT), short_range=files.units(PLURAL_UNIT, 8, 4)
    )
    units = split.config["units"]
    assert units["long_range"] == [PLURAL_UNIT] and units["short_range"] == [8]
    assert units["long_range_in_lower_layers"] == [2]
    assert units["short_range_in_lower_layers"] == [4]
    assert (units["both"], units["n_rest"]) == ([PLURAL_UNIT], 1)
    table = summarise_contributions({"simple": split.frame}, units, samples=20)
    legend = " ".join(contributions_legend(table, units, 0.95))
    for part in ("lower layers", "are not counted: 2.", "not counted: 4.", "long-range: 7."):
        assert part in legend


def test_short_range_units_that_push_against_their_number_are_named(files):
    """Not those of lower layers, nor those of which it is not known."""
    known = {2: False, 5: True, 6: None, 8: False}
    units = [{"unit": unit, "supports_its_number": known[unit]} for unit in known]
    split = files.split(short_range=files.units(*units, PLURAL_UNIT))
    assert split.config["units"]["short_range_against"] == [8]
    assert files.results()["simple"].config["units"]["short_range_against"] == []


def test_unknown_numbers_of_subjects_stay_unknown(files):
    table = read_stimuli(files.path("stimuli", "simple"))
    numbers = [None, *table["subject_number"].to_pylist()[1:]]
    place = table.column_names.index("subject_number")
    stimuli = table.set_column(place, "subject_number", pa.array(numbers, pa.string()))
    assert files.split(stimuli=stimuli).content["subject_number"].to_pylist() == numbers


def test_margins_that_are_not_the_sum_are_refused(files):
    intact = read_result(files.path("intact", "simple"))
    table = intact.frame
    table.loc[3, "margin"] += 2e-4
    wrong = replace(intact, content=pa.Table.from_pandas(table))
    with pytest.raises(UserError, match=r"do not add up.*1 of 60 items: in item 3"):
        files.split(intact=wrong)


def test_what_does_not_belong_together_is_refused(files):
    with pytest.raises(UserError, match="another version of the stimuli"):
        files.split(intact=read_result(files.path("intact", "nounpp")))
    with pytest.raises(UserError, match="the list was made from another checkpoint"):
        files.split(short_range=files.units(checkpoint_sha256="0" * 64))
    with pytest.raises(UserError, match="another case of the context"):
        files.split(context=Context(files.context.path, "lower"))
    with pytest.raises(InterventionError, match="unit 99 does not exist"):
        files.split(long_range=files.units(99))
    other = files.split(long_range=files.units(8))
    with pytest.raises(UserError, match="another list of units"):
        gather_contributions({**files.results(), "simple": other})
    with pytest.raises(UserError, match="no contributions were given"):
        gather_contributions({})


def test_the_scripts_print_and_draw_all_tasks(files):
    arguments = {
        "input": {"contributions": [files.path("contributions", task) for task in TASKS]},
        "params": {"tasks": TASKS, "labels": {"nounpp": "nounPP"}, "statistics": STATISTICS},
    }
    tables = [files.folder / f"contributions.{suffix}" for suffix in ("csv", "md", "tex")]
    figures = [files.folder / f"contributions.{suffix}" for suffix in ("pdf", "png")]
    run_script("contributions/contributions_table", output={"table": tables}, **arguments)
    run_script("contributions/contributions_figure", output={"figure": figures}, **arguments)
    results = {task: read_result(files.path("contributions", task), COLUMNS) for task in TASKS}
    found = gather_contributions(results)
    expected = summarise_contributions(found.by_task, found.units, **STATISTICS)
    printed = pd.read_csv(tables[0]).fillna({"resampled": ""})
    pd.testing.assert_frame_equal(printed, expected, check_dtype=False)
    text = tables[1].read_text()
    stimuli = {task: result.metadata["stimuli_sha256"] for task, result in results.items()}
    for part in ("nounPP", "Wilson", *stimuli.values()):
        assert part in text
    assert b"figure of contributions" in figures[1].read_bytes()
