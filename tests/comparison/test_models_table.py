"""Models side by side, replication, and findings over training, from planted results."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.figure_checks import check_texts
from support.scripts import run_script
from support.simulated_results import intact_rows, stimulus_numbers

from lstm_units.claims.catalogue import every_claim
from lstm_units.claims.criteria import ClaimCriteria
from lstm_units.comparison.describe import ModelEntry, compare_models, in_order, task_accuracy
from lstm_units.comparison.figure import draw_training, training_figure, training_table
from lstm_units.comparison.replication import REPLICATED, distinct_networks, replicates, size_name
from lstm_units.comparison.table import models_frame, models_page
from lstm_units.errors import ConfigurationError, UserError
from lstm_units.io.files import make_metadata, write_json, write_parquet
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE, Verdict
from lstm_units.statistics.significance import wilson_interval
from lstm_units.stimuli.congruence import describe_conditions

CRITERIA = ClaimCriteria()
LABELS = {"simple": "Simple", "nounpp": "nounPP", "natural": "Linzen"}
METADATA = make_metadata(kind="planted")
# Right answers of 20 items in each condition.
RIGHT = {"simple": {"S": 20, "P": 18}, "nounpp": {"SS": 19, "SP": 12, "PS": 10, "PP": 17}}


def model_folder(
    folder,
    *,
    sha256=None,
    layer_sizes=(20, 20),
    right=None,
    verdicts=None,
    units=None,
    r2=0.8,
):
    """Write what is read of one model; `units` may lack kinds that were not searched."""
    folder.mkdir(parents=True)
    shape = {
        "layer_sizes": list(layer_sizes),
        "vocabulary_size": 24000,
        "tied": True,
        "sha256": sha256 or f"hash of {folder.name}",
    }
    write_json(shape, folder / "checkpoint" / "model.json", METADATA)
    for task, counts in (RIGHT if right is None else right).items():
        condition = [name for name in counts for _ in range(20)]
        margin = np.concatenate([np.where(np.arange(20) < n, 1.0, -1.0) for n in counts.values()])
        rows = intact_rows(np.arange(len(margin)), condition, margin)
        write_parquet(rows, folder / "intact" / f"{task}.parquet", METADATA)
    found = {"long_range": [(25, 2)], "short_range": [], "syntax": [(38, 2), (3, 1)]}
    for kind, some in (found if units is None else units).items():
        entries = [{"unit": unit, "layer": layer, "more": 1} for unit, layer in some]
        write_json({"units": entries}, folder / "units" / f"{kind}.json", METADATA)
    if r2 is not None:
        scores = pd.DataFrame(
            {
                "regressors": ["units", "units", "units", "words"],
                "covariate": ["included", "included", "absent", "absent"],
                "fold": pd.array([None, 1, None, None], "Int16"),
                "n": [60, 12, 60, 60],
                "r2": [r2, 0.1, 0.2, 0.3],
                "ci_low": [r2 - 0.02, np.nan, 0.1, 0.1],
                "ci_high": [r2 + 0.03, np.nan, 0.3, 0.3],
            }
        )
        write_parquet(
            pa.Table.from_pandas(scores, preserve_index=False),
            folder / "depth" / "scores.parquet",
            METADATA,
        )
    given = {id: HOLDS for id in every_claim() if id != "C24"} | (verdicts or {})
    audit = {
        "model": folder.name,
        "verdicts": {id: Verdict(id, "a", given[id], "b").to_json() for id in given},
        "summary": {v: list(given.values()).count(v) for v in (HOLDS, FAILS, NOT_TESTABLE)},
    }
    write_json(audit, folder / "claims.json", METADATA)
    return ResultFiles(folder)


TASKS = {**RIGHT, "natural": ("1", "2"), "zzz": ("S",)}
CONDITIONS = describe_conditions(
    {task: stimulus_numbers(names).to_pandas() for task, names in TASKS.items()}
)


def write_stimuli(folder):
    paths = [folder / "stimuli" / f"{task}.parquet" for task in TASKS]
    for path in paths:
        write_parquet(stimulus_numbers(TASKS[path.stem]), path, METADATA)
    return paths


def compare(models):
    return compare_models(models, CRITERIA, LABELS)


@pytest.fixture
def three(tmp_path):
    """A large and a small trained model, and an untrained one with fewer analyses."""
    fails = {"C4": FAILS, "C5": NOT_TESTABLE, "C12": FAILS}
    return [
        ModelEntry("large", model_folder(tmp_path / "large", layer_sizes=(30, 30))),
        ModelEntry("small", model_folder(tmp_path / "small", layer_sizes=(20, 10))),
        ModelEntry(
            "raw",
            model_folder(
                tmp_path / "raw",
                layer_sizes=(30, 30),
                right={"simple": {"S": 11, "P": 9}},
                units={"long_range": []},
                r2=None,
                verdicts=fails,
            ),
            untrained_like="large",
        ),
    ]


def cells(markdown, heading, row):
    """The cells of a row below a heading."""
    lines = markdown.split(f"## {heading}")[1].split("## ")[0].splitlines()
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    found = [cells[1:] for cells in split if cells[0] == row]
    assert len(found) == 1, (row, lines)
    return found[0]


# Side by side


def test_table_and_page_hold_what_the_results_hold(three):
    compared = compare(three)
    found, table = compared.content, models_frame(compared, CONDITIONS)
    text = models_page(compared, CONDITIONS)
    assert [model["model"] for model in found["models"]] == ["large", "small", "raw"]
    large, small, raw = found["models"]
    assert small["layer_sizes"] == [20, 10]
    assert small["sha256"] == "hash of small"
    row = large["accuracy"][3]
    low, high = wilson_interval(12, 20)
    assert (row["task"], row["condition"], row["n"], row["accuracy"]) == ("nounpp", "SP", 20, 0.6)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((float(low), float(high)), abs=1e-6)
    assert large["syntax"] == [{"unit": 38, "layer": 2}, {"unit": 3, "layer": 1}]
    assert large["r2"] == {"value": 0.8, "low": 0.78, "high": 0.83}
    assert large["counts"] == {HOLDS: 23, FAILS: 0, NOT_TESTABLE: 0}
    assert raw["verdicts"]["C5"] == NOT_TESTABLE
    assert raw["untrained_like"] == "large"
    assert (raw["long_range"], raw["short_range"], raw["r2"]) == ([], None, None)

    table = table.set_index("model")
    assert table.loc["large", "accuracy_simple"] == pytest.approx(0.95)
    assert table.loc["large", "accuracy_nounpp"] == pytest.approx(0.725)
    assert table.loc["large", "mean_accuracy"] == pytest.approx((0.95 + 0.725) / 2)
    assert table.loc["raw", "mean_accuracy"] == pytest.approx(0.5)
    assert table.loc["large", "accuracy_nounpp_PS"] == pytest.approx(0.5)
    assert not any(name.startswith("accuracy_simple_") for name in table.columns)
    assert table["layers"].tolist() == [2, 2, 2]
    assert table["units_per_layer"].tolist() == ["30", "20 10", "30"]
    assert table.loc["large", ["n_syntax", "syntax_units", "syntax_layers"]].tolist() == [
        2,
        "38 3",
        "1 2",
    ]
    assert table.loc["raw", "n_long_range"] == 0
    assert table.loc["raw", ["n_short_range", "accuracy_nounpp", "depth_r2"]].isna().all()
    assert table.loc["raw", "C4"] == FAILS
    assert set(table["C24"]) == {found["replication"]["verdict"]}
    assert [name for name in table.columns if name in every_claim()] == list(every_claim())

    assert cells(text, "Network", "layers x units") == ["2 x 30", "20, 10", "2 x 30"]
    assert cells(text, "Network", "untrained, like") == ["", "", "large"]
    assert cells(text, "Accuracy", "nounPP") == ["72.5", "72.5", "not run"]
    assert cells(text, "Accuracy", "nounPP SP")[0].startswith("60.0 [38.7, 78.1]")
    assert cells(text, "Units found", "long-range units") == ["1 (layer 2: 25)"] * 2 + ["0"]
    assert cells(text, "Units found", "syntax units")[1:] == [
        "2 (layer 1: 3; layer 2: 38)",
        "not run",
    ]
    assert cells(text, "Depth", "R² of depth") == ["0.800 [0.780, 0.830]"] * 2 + ["not run"]
    name = f"C4 {every_claim()['C4'].claim}"
    assert cells(text, "Verdicts", name) == [HOLDS, HOLDS, FAILS]
    assert cells(text, "Verdicts", HOLDS) == ["23", "23", "20"]
    assert "C24, The findings replicate over seeds and sizes, is about all models" in text


def test_one_model_alone_makes_a_table(tmp_path):
    compared = compare([ModelEntry("a", model_folder(tmp_path / "a"))])
    assert len(models_frame(compared, CONDITIONS)) == 1
    network = models_page(compared, CONDITIONS).split("## Accuracy")[0]
    assert "untrained" not in network
    assert "training" not in network
    assert compared.content["training_runs"] == {}
    assert compared.content["replication"]["verdict"] == NOT_TESTABLE
    assert "1 trained network of 1 size," in compared.content["replication"]["reason"]


def test_equal_checkpoints_are_noted(tmp_path):
    models = [
        ModelEntry(name, model_folder(tmp_path / name, sha256=sha256))
        for name, sha256 in (("a", "x"), ("b", "y"), ("c", "x"))
    ]
    assert "a and c are one and the same checkpoint." in models_page(compare(models), CONDITIONS)
    assert "the same checkpoint" not in models_page(compare(models[:2]), CONDITIONS)


def test_tasks_are_in_the_order_of_the_labels_and_natural_text_counts_by_item(tmp_path):
    right = {"natural": {"1": 20, "2": 0}, "zzz": {"S": 10}, "simple": {"S": 20}}
    files = model_folder(tmp_path / "a", right=right)
    margin = np.ones(60)
    rows = intact_rows(np.arange(80), ["1"] * 60 + ["2"] * 20, np.r_[margin, -np.ones(20)])
    write_parquet(rows, files.folder / "intact" / "natural.parquet", METADATA)
    compared = compare([ModelEntry("a", files)])
    (model,) = compared.content["models"]
    assert list(dict.fromkeys(row["task"] for row in model["accuracy"])) == [
        "simple",
        "natural",
        "zzz",
    ]
    assert task_accuracy(model, CONDITIONS)["natural"] == 0.75  # of 80 items, not .5
    assert "accuracy_natural_1" not in models_frame(compared, CONDITIONS)


def test_a_mean_is_not_made_of_rounded_accuracies(tmp_path):
    files = model_folder(tmp_path / "a", right={"simple": {"S": 20}})
    right = np.r_[np.ones(3), [1, 1, -1]]  # 1 and 2/3
    rows = intact_rows(np.arange(6), ["S"] * 3 + ["P"] * 3, right)
    write_parquet(rows, files.folder / "intact" / "simple.parquet", METADATA)
    table = models_frame(compare([ModelEntry("a", files)]), CONDITIONS)
    assert table.loc[0, "accuracy_simple"] == round(5 / 6, 6)


def test_a_model_without_an_audit_is_refused(tmp_path):
    files = model_folder(tmp_path / "a")
    (tmp_path / "a" / "claims.json").unlink()
    with pytest.raises(UserError, match=r"claims\.json is missing, so a cannot be compared"):
        compare([ModelEntry("a", files)])


# Training runs


def entry(name, run=None, step=None):
    return ModelEntry(name, None, run, step)


def test_models_of_a_run_stand_together_in_the_order_of_their_steps():
    models = [entry("a"), entry("x3", "x", 30), entry("b"), entry("y1", "y", 1)]
    models += [entry("x1", "x", 0), entry("x2", "x", 9)]
    assert [m.name for m in in_order(models)] == ["a", "x1", "x2", "x3", "b", "y1"]


def test_a_run_without_steps_or_with_equal_ones_is_refused():
    with pytest.raises(ConfigurationError, match=r"checkpoints\.a .* no training_step"):
        in_order([entry("a", "x")])
    with pytest.raises(ConfigurationError, match=r"a and checkpoints\.c have the same .*_step 5"):
        in_order([entry("a", "x", 5), entry("b", "y", 5), entry("c", "x", 5)])


def trained(tmp_path, steps=(100, 300, 1000, 3000, 10000)):
    """Checkpoints of one training run that gets better, given from the last to the first."""
    models = []
    for place, step in reversed(list(enumerate(steps))):
        right = {"simple": {"S": 10 + 2 * place, "P": 10 + place}}
        right |= {"nounpp": {"SS": 12 + place, "SP": 8 + place, "PS": 6 + place, "PP": 11 + place}}
        right |= {"natural": {"1": 11 + place}}
        units = {"long_range": [(30, 2)] * (place // 2), "syntax": [(5, 1)] * place}
        verdicts = {f"C{number}": FAILS for number in range(1, 20 - 4 * place)}
        files = model_folder(
            tmp_path / f"step{step}",
            right=right,
            units=units,
            r2=0.1 + 0.15 * place,
            verdicts=verdicts,
        )
        models.append(ModelEntry(f"step{step}", files, "run", step))
    return models


def test_findings_over_training_are_those_of_the_models(tmp_path):
    compared = compare(trained(tmp_path))
    found = compared.content
    names = [f"step{step}" for step in (100, 300, 1000, 3000, 10000)]
    assert found["training_runs"] == {"run": names}
    assert models_frame(compared, CONDITIONS)["model"].tolist() == names
    assert cells(models_page(compared, CONDITIONS), "Network", "training step") == [
        "100",
        "300",
        "1,000",
        "3,000",
        "10,000",
    ]
    table = training_table(found["models"], CONDITIONS)
    long = table.set_index(["step", "quantity", "series"])["value"]
    for place, step in enumerate((100, 300, 1000, 3000, 10000)):
        assert long[step, "accuracy_congruent", "nounpp"] == pytest.approx((11.5 + place) / 20)
        assert long[step, "accuracy_incongruent", "nounpp"] == pytest.approx((7 + place) / 20)
        assert long[step, "accuracy_plain", "simple"] == pytest.approx((10 + 1.5 * place) / 20)
        assert long[step, "accuracy_plain", "natural"] == pytest.approx((11 + place) / 20)
        assert long[step, "units", "long_range"] == place // 2
        assert long[step, "units", "syntax"] == place
        assert long[step, "r2", "all units"] == pytest.approx(0.1 + 0.15 * place)
        assert long[step, "claims", HOLDS] == 23 - (19 - 4 * place)
    assert "short_range" not in long.index.get_level_values("series")


def drawn(table):
    figure = draw_training(table, LABELS)
    check_texts(figure)
    return figure


def test_the_figure_draws_every_value_and_its_texts_do_not_overlap(tmp_path):
    table = training_table(compare(trained(tmp_path)).content["models"], CONDITIONS)
    figure = drawn(table)
    assert len(figure.axes) == 6
    assert {axis.get_xscale() for axis in figure.axes} == {"log"}
    titles = [axis.get_title() for axis in figure.axes]
    for quantity, title, scale in (
        ("accuracy_incongruent", "an attractor unlike the subject", 100),
        ("r2", "R² of depth", 1),
        ("claims", "claims that hold", 1),
    ):
        axis = figure.axes[titles.index(title)]
        rows = table[table["quantity"] == quantity]
        np.testing.assert_allclose(axis.lines[0].get_xdata(), rows["step"])
        np.testing.assert_allclose(axis.lines[0].get_ydata(), scale * rows["value"])
        low, high = axis.get_ylim()
        assert low < scale * rows["value"].min()
        assert high > scale * rows["value"].max()


@pytest.mark.parametrize("steps", [(200, 300, 400), (0, 300, 400)])
def test_steps_within_a_decade_are_on_a_linear_scale(tmp_path, steps):
    figure = drawn(training_table(compare(trained(tmp_path, steps)).content["models"], CONDITIONS))
    assert {axis.get_xscale() for axis in figure.axes} == {"linear"}


def test_step_zero_stands_left_of_a_logarithmic_scale(tmp_path):
    compared = compare(trained(tmp_path, (0, 100, 1000)))
    figure = drawn(training_table(compared.content["models"], CONDITIONS))
    for axis in figure.axes:
        assert axis.get_xscale() == "symlog"
        assert axis.get_xlim()[0] < 0
        assert [tick for tick in axis.get_xticks() if tick > 0] == [100, 1000]


def test_what_was_not_run_leaves_its_panel_empty(tmp_path):
    found = compare(trained(tmp_path)).content["models"]
    models = [{**m, "r2": None, "syntax": None, "long_range": None} for m in found]
    figure = drawn(training_table(models, CONDITIONS))
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert texts == ["not run", "not run"]


def test_the_script_draws_a_run_and_one_of_a_single_model_is_refused(tmp_path):
    compared = compare(trained(tmp_path, (100, 1000)))
    write_json(compared.content, tmp_path / "models.json", compared.metadata)
    outputs = [tmp_path / f"training.{suffix}" for suffix in ("png", "pdf")]
    run_script(
        "comparison/training_figure",
        input={"models": tmp_path / "models.json", "stimuli": write_stimuli(tmp_path)},
        params={"results": str(tmp_path)},
        wildcards={"run": "run"},
        output={"figure": outputs},
    )
    assert outputs[0].read_bytes().startswith(b"\x89PNG")
    assert b"findings over training" in outputs[1].read_bytes()
    with pytest.raises(UserError, match=r"0 models of the training run 'other' \(runs: run\)"):
        training_figure(compared, CONDITIONS, "other")


# Replication


def network(name, sizes=(20, 20), **more):
    verdicts = dict.fromkeys(REPLICATED, HOLDS) | more.pop("verdicts", {})
    fields = {"training_run": None, "training_step": None, "untrained_like": None, "sha256": name}
    return {"model": name, "layer_sizes": list(sizes), "verdicts": verdicts, **fields, **more}


def networks(**verdicts):
    """Three networks of two sizes; the last one with other verdicts."""
    return [network("a"), network("b", (30, 30)), network("c", verdicts=verdicts)]


def test_claims_that_hold_in_enough_networks_and_sizes_replicate():
    found = replicates(networks(), CRITERIA)
    assert found.verdict == HOLDS
    assert [measure.value for measure in found.measures] == [3] * 5
    assert "C4 3/0/0" in found.measured
    assert "sizes in which it holds: 2 x 20; 2 x 30" in found.measures[0].note


@pytest.mark.parametrize("id", REPLICATED)
def test_one_claim_that_fails_in_too_many_networks_fails_it(id):
    found = replicates(networks(**{id: FAILS}), CRITERIA)
    assert found.verdict == FAILS
    assert found.reason.startswith(f"{id} cannot hold")
    assert replicates([*networks(**{id: FAILS}), network("d")], CRITERIA).verdict == HOLDS


def test_a_claim_that_cannot_be_tested_in_enough_networks_leaves_it_open():
    found = replicates(networks(C15=NOT_TESTABLE), CRITERIA)
    assert found.verdict == NOT_TESTABLE
    assert found.reason == "not testable in enough networks: C15"
    assert "C15 2/0/1" in found.measured
    # What fails elsewhere decides.
    assert replicates(networks(C15=NOT_TESTABLE, C4=FAILS), CRITERIA).verdict == FAILS


def test_networks_that_hold_have_to_be_of_several_sizes():
    some = [network(name) for name in "abc"]
    found = replicates([*some, network("d", (30, 30), verdicts={"C6": FAILS})], CRITERIA)
    assert found.verdict == FAILS
    assert [m.met for m in found.measures] == [True, True, False, True, True]
    found = replicates(some, CRITERIA)
    assert found.verdict == NOT_TESTABLE
    assert "3 trained networks of 1 size, at least 3 of 2 are needed" in found.reason
    assert replicates(some, replace(CRITERIA, sizes=1)).verdict == HOLDS
    assert (
        "at least 2 trained networks" in replicates(some, replace(CRITERIA, networks=2)).criterion
    )


def test_untrained_equal_and_earlier_networks_do_not_count():
    run = [network(f"r{s}", training_run="r", training_step=s) for s in (30, 10)]
    other = [network("b2", sha256="b"), network("u", (40, 40), untrained_like="a")]
    models = [*run, network("b"), *other]
    assert [model["model"] for model in distinct_networks(models)] == ["r30", "b"]
    found = replicates(models, CRITERIA)
    assert found.verdict == NOT_TESTABLE
    assert "`models`" in found.reason
    assert "`checkpoints`" in found.reason


def test_without_a_trained_network_there_is_nothing_to_count():
    found = replicates([network("u", untrained_like="x")], CRITERIA)
    assert found.verdict == NOT_TESTABLE
    assert found.measures == ()
    assert "0 trained networks of 0 sizes" in found.reason


def test_sizes_in_words():
    assert size_name((650, 650)) == "2 x 650"
    assert size_name((400, 200)) == "400, 200"
    assert size_name((7,)) == "1 x 7"
