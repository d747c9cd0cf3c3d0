"""What cannot be run leaves files that say why, and what reads them says the same or goes on."""

import json

import pyarrow as pa
import pytest

from lstm_units.activations.reader import open_activations
from lstm_units.errors import NotRun, UserError
from lstm_units.interventions.context_states import read_states
from lstm_units.io.files import make_metadata, write_json
from lstm_units.io.not_run import or_not_run
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import Result, read_if_run, read_result, read_results, write_result
from lstm_units.io.table_formats import write_no_table
from lstm_units.plots.style import write_no_figure
from lstm_units.statistics.margins import open_margins
from lstm_units.stimuli.table import read_stimuli

WHY = "the model knows no item"
READERS = {
    "stimuli/a.parquet": read_stimuli,
    "intact/a.parquet": read_result,
    "units/short_range.json": read_result,
    "ablation/zero/a/units_1-2.parquet": lambda path: open_margins([path]),
    "ablation/mean/context/units_1-2.safetensors": read_states,
    "activations/a": open_activations,
}
PRINTED = ["tables/a.csv", "tables/a.md", "tables/a.tex", "tables/a.json"]
DRAWN = ["figures/a.pdf", "figures/a.png"]


@pytest.fixture
def model(tmp_path):
    """The folder of a model of which nothing could be run."""
    for names, *write in ((READERS,), (PRINTED, write_no_table), (DRAWN, write_no_figure)):
        with or_not_run([tmp_path / name for name in names], *write):
            raise NotRun(WHY)
    return tmp_path


@pytest.mark.parametrize("name", READERS)
def test_who_reads_what_was_not_run_says_the_same(model, name):
    with pytest.raises(NotRun, match=f"^{WHY}$"):
        READERS[name](model / name)


def test_tables_say_why_in_every_format(model):
    for name in PRINTED:
        text = (model / name).read_text()
        assert "not run, because" in text and WHY in text
    assert json.loads((model / "tables/a.json").read_text())["rows"] == [[WHY]]


def test_among_the_files_of_a_model_they_are_missing_with_the_reason(model):
    write_result(Result({"units": []}, make_metadata()), model / "units.json")
    shown = [name for name in READERS if not name.endswith(".safetensors")]
    names = [*shown, "tables/a.json", "figures/a.png"]
    files = ResultFiles.among(model, [model / name for name in ("units.json", *names)])
    assert files.why_not(["units.json", *names, "elsewhere.json"]) == {WHY: names}
    assert files.path("units.json") is not None
    assert files.matching("figures/*.png") == []


def test_a_list_of_units_to_go_on_with_says_why_beside_them(model):
    write_json({"units": [], "not_run": WHY}, model / "units/long_range.json", make_metadata())
    assert read_result(model / "units/long_range.json").content["units"] == []
    assert ResultFiles(model).why_not(["units/long_range.json"]) == {WHY: ["units/long_range.json"]}


def test_of_several_files_each_stands_for_itself(model):
    made = model / "intact/b.parquet"
    write_result(Result(pa.table({"item": [1]}), make_metadata()), made)
    found = read_results(["a", "b"], [model / "intact/a.parquet", made])
    assert list(found) == ["b"] and found.not_run == {"a": WHY}
    with pytest.raises(NotRun, match=WHY):
        read_results(["a"], [model / "intact/a.parquet"])
    assert read_results(["a"], [model / "intact/a.parquet"], needed=False) == {}
    assert read_if_run(model / "intact/a.parquet") is None


def test_other_errors_are_errors(tmp_path):
    with pytest.raises(UserError, match="damaged"), or_not_run([tmp_path / "a.json"]):
        raise UserError("damaged")
    assert not list(tmp_path.iterdir())
