"""Three models in one run: side by side, over training time, each with its claims."""

import json

import pandas as pd
import pytest
from safetensors.torch import save_file
from support.planted_network import planted_tensors, vocabulary_of
from support.workflow_fixture import Workspace, copy_project, make_workspace

pytestmark = pytest.mark.extended

REDUCED = {
    "models": ["late", "early", "untrained"],
    "tasks": ["simple", "nounpp", "nounpp_adv"],
    "task_definitions": {"nounpp_adv": {"items_per_condition": 30}},
    "discovery": {"tasks": ["nounpp", "nounpp_adv"]},
    "ablation": {"modes": ["zero", "legacy"], "units": "all", "shard_size": 65},
    "activations": {"tasks": []},
    "dynamics": {"tasks": []},
    "decoding": {"run": []},
    "unit_decoding": {"task": None},
    "contributions": {"tasks": []},
    "efferents": {"verb_pairs": None},
    "shown_units": {"named": [], "arbitrary": 1},
    **{"depth": {"run": False}, "controls": {"run": []}, "connectivity": {"task": None}},
}


@pytest.fixture(scope="module")
def several(tmp_path_factory) -> Workspace:
    """A planted network late in its training, the same without its unit before, an untrained one.

    The late one is first in the configuration; the early one differs in all its random weights, and
    verb forms do not read its planted unit.
    """
    folder = tmp_path_factory.mktemp("several")
    workspace = make_workspace(folder / "work", copy_project(folder / "project"))
    language = workspace.directory / "data" / "english"
    words = vocabulary_of(language, language / "context.txt")
    tensors = planted_tensors(words, language, seed=1)
    tensors["decoder.weight"][:, 1] = 0
    (workspace.directory / "early").mkdir()
    save_file(tensors, workspace.directory / "early" / "model.safetensors")
    checkpoints = {
        "late": {
            **workspace.config["checkpoints"]["tiny"],
            **{"training_run": "planted", "training_step": 100},
        },
        "early": {
            "source": "early/model.safetensors",
            "vocabulary": "model/vocab.txt",
            **{"training_run": "planted", "training_step": 1},
        },
        "untrained": {"untrained_like": "late", "untrained_seed": 1},
    }
    config = workspace.changed(**REDUCED, checkpoints=checkpoints)
    workspace = Workspace(workspace.project, workspace.directory, config)
    run = workspace.run()
    assert run.code == 0, run.output
    return workspace


def test_models_stand_side_by_side_in_training_order(several):
    table = pd.read_csv(several.results / "models.csv")
    assert sorted(table["model"]) == ["early", "late", "untrained"]
    run = table[table["training_run"] == "planted"]
    assert run["model"].tolist() == ["early", "late"]
    assert run["training_step"].tolist() == [1, 100]
    by_model = table.set_index("model")
    assert by_model.loc["late", "n_long_range"] == 1
    assert by_model.loc["early", "n_long_range"] == 0
    assert by_model.loc["untrained", "n_long_range"] == 0
    text = (several.results / "models.md").read_text(encoding="utf-8")
    assert all(name in text for name in ("early", "late", "untrained"))


def test_claims_follow_what_is_planted_in_each_network(several):
    expected = {
        "late": {"C4": "holds", "C5": "holds", "C6": "holds"},
        "early": {"C1": "fails", "C4": "fails", "C5": "not testable"},
        "untrained": {"C1": "fails", "C4": "not testable", "C6": "not testable"},
    }
    for model, claims in expected.items():
        table = pd.read_csv(several.results / model / "claims.csv").set_index("id")
        assert table.index.tolist() == [f"C{number}" for number in range(1, 25)]
        assert {claim: table.loc[claim, "verdict"] for claim in claims} == claims
        assert table.loc["C12", "verdict"] == "not testable"
        assert "`depth.run`" in table.loc["C12", "reason"]


def test_counts_of_the_claims_are_those_of_the_tables(several):
    counts = pd.read_csv(several.results / "models.csv").set_index("model")
    for model in ("early", "late", "untrained"):
        table = pd.read_csv(several.results / model / "claims.csv").set_index("id")
        assert counts.loc[model, table.index].tolist() == table["verdict"].tolist()


def test_checkpoints_of_one_run_are_one_network_among_replications(several):
    found = json.loads((several.results / "models.json").read_text())
    assert found["training_runs"] == {"planted": ["early", "late"]}
    assert found["replication"]["verdict"] == "not testable"
    for model in ("early", "late", "untrained"):
        table = pd.read_csv(several.results / model / "claims.csv").set_index("id")
        assert table.loc["C24", "reason"] == found["replication"]["reason"]


def test_run_over_training_time_is_drawn(several):
    for suffix in ("pdf", "png"):
        assert (several.results / "training" / f"planted.{suffix}").stat().st_size > 1000


def test_report_shows_all_models(several):
    page = (several.results / "report.html").read_text(encoding="utf-8")
    for model in ("early", "late", "untrained"):
        assert f'id="model-{model}"' in page
    assert "planted" in page


def test_one_model_less_reruns_the_comparison_only(several):
    run = several.dry_run(config=several.changed(models=["late", "untrained"]))
    # With a single checkpoint left there is no run to draw.
    expected = {"models": 1, "claims_table": 2, "report": 1}
    assert dict(run.rules()) == expected
