"""Runs in which much is impossible end well, with reports and audits that give the reasons."""

import html
import json

import pandas as pd
import pytest
from safetensors.torch import save_file
from support.planted_network import planted_tensors, vocabulary_of
from support.workflow_fixture import Workspace, copy_project, make_workspace

pytestmark = pytest.mark.extended

REDUCED = {"depth": {"run": False}, "controls": {"run": []}, "ablation": {"modes": ["zero"]}}


def model_of(directory, name, tensors, words):
    folder = directory / name
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
    return {"source": f"{name}/model.safetensors", "vocabulary": f"{name}/vocab.txt"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    """Beside the planted network one of another language, and one that never decides."""
    folder = tmp_path_factory.mktemp("not_run")
    made = make_workspace(folder / "work", copy_project(folder / "project"))
    language = made.directory / "data" / "english"
    words = vocabulary_of(language, language / "context.txt")
    tensors = planted_tensors(words, language)
    silent = tensors | {name: 0 * tensors[name] for name in ("decoder.weight", "decoder.bias")}
    foreign = [word if word.startswith("<") else f"x{word}" for word in words]
    (made.directory / "data" / "one.tsv").write_text(
        "prefix\tgood\tbad\tcondition\tsubject_number\tsubject_position\n"
        + "".join(f"The {noun}\tgreets\tgreet\tS\tsingular\t1\n" for noun in ("boy", "girl"))
    )
    checkpoints = {
        "foreign": model_of(made.directory, "foreign", tensors, foreign),
        "silent": model_of(made.directory, "silent", silent, words),
    }
    return Workspace(made.project, made.directory, made.changed(checkpoints=checkpoints))


def report_of(workspace: Workspace) -> str:
    return html.unescape((workspace.results / "report.html").read_text(encoding="utf-8"))


def test_an_impossible_model_blocks_no_other(workspace):
    over = {"models": ["foreign", "tiny"], "tasks": ["simple", "nounpp"], **REDUCED}
    run = workspace.run(config=workspace.changed(**over))
    assert run.code == 0, run.output
    found = json.loads((workspace.results / "tiny" / "units" / "long_range.json").read_text())
    assert [entry["unit"] for entry in found["units"]] == [7]
    models = pd.read_csv(workspace.results / "models.csv").set_index("model")
    assert models["n_long_range"].fillna(-1).to_dict() == {"foreign": -1, "tiny": 1}

    claims = json.loads((workspace.results / "foreign" / "claims.json").read_text())["verdicts"]
    assert {verdict["verdict"] for verdict in claims.values()} == {"not testable"}
    assert "knows both verb forms of none" in claims["C4"]["reason"]

    page = report_of(workspace)
    assert "nounPP: not run, because the model knows both verb forms of none of" in page
    table = (workspace.results / "foreign" / "tables" / "table2.md").read_text()
    assert "not run, because" in table and "knows both verb forms of none" in table


def test_pairs_of_one_condition_that_a_model_never_gets_right_end_in_a_report(workspace):
    over = {
        **{"models": ["silent"], "tasks": ["one"], **REDUCED},
        "task_definitions": {"one": {"format": "minimal_pairs", "file": "data/one.tsv"}},
        **{"dynamics": {"tasks": ["one"]}, "unit_decoding": {"task": "one"}},
        "pathvars": {"results": "alone"},
    }
    run = workspace.run(config=workspace.changed(**over))
    assert run.code == 0, run.output
    alone = workspace.directory / "alone"
    page = html.unescape((alone / "report.html").read_text(encoding="utf-8"))
    for reason in (
        "The search for long-range number units: not run, because",
        "because the model answers no item of this task rightly",
        "because the task one has no incongruent items",
    ):
        assert reason in page
    verdicts = json.loads((alone / "silent" / "claims.json").read_text())["verdicts"]
    assert "`tasks` lacks nounpp, which `discovery.tasks` names" in verdicts["C4"]["reason"]
    assert "has no incongruent items" in verdicts["C11"]["reason"]
