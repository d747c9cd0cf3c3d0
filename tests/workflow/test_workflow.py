"""The whole workflow on a small network: files, numbers, independence of how it is run."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from support.planted_network import LAYER_SIZES
from support.workflow_fixture import PROJECT

from lstm_units.activations.reader import VARIABLES
from lstm_units.interventions.interventions import Interventions
from lstm_units.interventions.sweep import Items
from lstm_units.interventions.sweep_reference import sweep_ref
from lstm_units.io.files import read_metadata
from lstm_units.models.checkpoints import load_language_model
from lstm_units.stimuli.table import read_context_words, read_stimuli, scored_items

UNITS = {"zero": [1, 2, 3, 4, 6, 7, 8], "legacy": [1, 2, 3, 4], "mean": [6, 7, 8]}
GROUPS = {"short": ["simple"], "noun": ["nounpp", "nounpp_2019"]}
DICTIONARY = pa.dictionary(pa.int8(), pa.string())


def test_the_files_of_the_contract_are_there_and_nothing_else(finished):
    tiny = finished.results / "tiny"
    found = {str(p.relative_to(finished.results)) for p in finished.results.rglob("*.*")}
    found = {p for p in found if not p.startswith(("logs/", "benchmarks/"))}
    found = {p for p in found if not p.endswith(".snakemake_timestamp")}
    tasks = [*GROUPS["short"], *GROUPS["noun"], "linzen", "pairs"]
    expected = {f"stimuli/{task}.parquet" for task in tasks} | {"stimuli/balance.csv"}
    expected |= {f"stimuli/depth/{n}" for n in ("sentences.parquet", "positions.parquet")}
    expected |= {"stimuli/depth/report.json", "report.html", ".running"}
    expected |= {f"models.{suffix}" for suffix in ("json", "csv", "md")}
    ours = {f"checkpoint/{name}" for name in ("model.safetensors", "model.json", "vocab.txt")}
    ours |= {f"stimuli/{task}.{suffix}" for task in tasks for suffix in ("parquet", "json")}
    ours |= {f"intact/{task}.parquet" for task in tasks}
    for mode, shards in (
        ("zero", ("0001-0004", "0006-0008")),
        ("legacy", ("0001-0004",)),
        ("mean", ("0006-0008",)),
    ):
        ours.add(f"ablation/{mode}/accuracy.parquet")
        ours |= {f"ablation/{mode}/{g}/units_{s}.parquet" for g in GROUPS for s in shards}
        layers = {"0001-0004": "0001-0005"}
        ours |= {f"ablation/{mode}/context/units_{layers.get(s, s)}.safetensors" for s in shards}
    ours |= {"ablation/mean/values.parquet", "units.json", "units/long_range.json"}
    ours |= {f"claims.{suffix}" for suffix in ("json", "csv", "md")} | {"cards/notable.json"}
    ours |= {
        "controls/sets/long_range.parquet",
        "ablation_sets/zero/imported/long_range_0001-1000.parquet",
    }
    ours |= {"units/short_range.json", "units/shown.json", "dynamics/nounpp.parquet"}
    ours |= {f"efferents/{name}.parquet" for name in ("weights", "units", "words")}
    ours |= {f"decoding/{name}.parquet" for name in ("fig2_grouped", "fig2_random", "units")}
    ours.add("contributions/nounpp.parquet")
    regressors = ("units", "layer_1", "layer_2", "untrained_1", "position_frequency", "words")
    ours |= {f"depth/predictions/{name}.parquet" for name in (*regressors, "embeddings")}
    names = ("coefficients", "permuted_coefficients", "permutations", "scores", "comparisons")
    ours |= {f"depth/{name}.parquet" for name in names}
    ours |= {"dependency_span.parquet", "units/syntax.json"}
    families = ("syntax", "short_range", "short_and_long_range")
    for family in families:
        ours |= {f"controls/{kind}/{family}.parquet" for kind in ("sets", "accuracy", "tests")}
        for group in ("noun", "imported") if family == "syntax" else ("short",):
            folder = f"ablation_sets/zero/{group}"
            ours |= {f"{folder}/{family}_{sets}.parquet" for sets in ("0000-0003", "0004-0005")}
    ours |= {f"connectivity/{n}" for n in ("afferents.parquet", "graph.graphml", "summary.json")}
    dumps = {f"activations/{task}": VARIABLES for task in ("nounpp", "simple")}
    dumps["untrained/1/activations/nounpp"] = ("cell",)
    dumps |= {f"{folder}depth/activations": ("hidden",) for folder in ("", "untrained/1/")}
    for folder, variables in dumps.items():
        ours.add(f"{folder}/index.parquet")
        ours |= {f"{folder}/layer={n}/variable={v}.parquet" for n in (1, 2) for v in variables}
    tables = ("table1", "table2", "efferents", "contributions", "depth", "controls")
    tables += ("connectivity",)
    ours |= {
        f"tables/{name}.{suffix}" for name in tables for suffix in ("csv", "md", "tex", "json")
    }
    figures = ("units", "fig1a", "fig1b", "fig1c", "fig1d", "fig2", "unit_decoding")
    figures += ("contributions", "dynamics/nounpp/unit_2", "dependency/unit_2")
    figures += ("depth", "fig3", "fig4a", "fig4b", *(f"controls_{name}" for name in families))
    ours |= {f"figures/{name}.{suffix}" for name in figures for suffix in ("pdf", "png")}
    assert found == expected | {f"tiny/{path}" for path in ours}
    assert all((tiny / path).stat().st_size for path in ours)


def test_every_result_says_how_it_was_made(finished):
    checkpoint = json.loads((finished.results / "tiny/checkpoint/model.json").read_text())
    for path in finished.results.rglob("*"):
        if path.suffix not in (".parquet", ".json"):
            continue
        metadata = read_metadata(path)
        assert metadata["schema_version"] == 1
        assert metadata["package_version"]
        place = path.relative_to(finished.results)
        if place.parts[0] == "tiny" and place.parts[1] in ("intact", "ablation", "ablation_sets"):
            assert metadata["checkpoint_sha256"] == checkpoint["sha256"], place
            assert metadata["stimuli_sha256"], place
        assert str(finished.directory) not in json.dumps(metadata)


def test_column_types_are_those_of_the_contract(finished):
    tiny = finished.results / "tiny"

    def types(path):
        return {field.name: field.type for field in pq.read_schema(path)}

    shard = {"unit": pa.int16(), "task": DICTIONARY, "item": pa.int32(), "margin": pa.float32()}
    for path in tiny.glob("ablation/*/*/units_*.parquet"):
        assert types(path) == shard
    sets = {"set" if name == "unit" else name: kind for name, kind in shard.items()}
    for path in tiny.glob("ablation_sets/*/*/*.parquet"):
        assert types(path) == sets
    for path in tiny.glob("intact/*.parquet"):
        found = types(path)
        assert pa.types.is_dictionary(found.pop("condition"))
        assert found.pop("item") == pa.int32()
        assert found.pop("right") == pa.bool_()
        assert found == dict.fromkeys(("margin", "logp_correct", "logp_wrong"), pa.float32())
    accuracy = types(tiny / "ablation/zero/accuracy.parquet")
    assert accuracy["unit"] == pa.int16()
    for column in ("task", "condition"):
        assert pa.types.is_dictionary(accuracy[column])


@pytest.mark.parametrize("mode", UNITS)
@pytest.mark.parametrize("group", GROUPS)
def test_shards_hold_one_sorted_row_group_per_unit(finished, mode, group):
    folder = finished.results / "tiny/ablation" / mode / group
    units = []
    for path in sorted(folder.glob("units_*.parquet")):
        file = pq.ParquetFile(path)
        first, last = (int(part) for part in path.stem.removeprefix("units_").split("-"))
        assert file.num_row_groups == last - first + 1
        for number in range(file.num_row_groups):
            rows = file.read_row_group(number).to_pandas()
            assert rows["unit"].unique().tolist() == [first + number]
            units.append(first + number)
            keys = list(zip(rows["task"], rows["item"], strict=True))
            assert keys == sorted(keys)
            items = {
                (task, item)
                for task in GROUPS[group]
                for item in read_stimuli(finished.results / f"tiny/stimuli/{task}.parquet")[
                    "item"
                ].to_pylist()
            }
            assert set(keys) == items
    assert units == UNITS[mode]


@pytest.mark.parametrize("mode", UNITS)
def test_margins_are_those_of_edited_weights_one_item_at_a_time(finished, mode):
    tiny = finished.results / "tiny"
    model = load_language_model(tiny / "checkpoint", torch.float64)
    words = read_context_words(finished.directory / "data/english/context.txt", "true")
    means = pq.read_table(tiny / "ablation/mean/values.parquet")["mean"].to_numpy()
    means = torch.from_numpy(means.astype(np.float64)) if mode == "mean" else None
    random = np.random.default_rng(2019)
    for group, tasks in GROUPS.items():
        paths = sorted((tiny / "ablation" / mode / group).glob("units_*.parquet"))
        margins = pd.concat(pd.read_parquet(path) for path in paths)
        for task in tasks:
            stimuli = read_stimuli(tiny / f"stimuli/{task}.parquet")
            chosen = np.sort(random.choice(len(stimuli), size=min(4, len(stimuli)), replace=False))
            items = scored_items(stimuli.take(chosen))
            units = random.choice(UNITS[mode], size=3, replace=False).tolist()
            reference = sweep_ref(
                model,
                Items(
                    tuple(tuple(model.vocabulary.ids(prefix)) for prefix in items.prefixes),
                    np.array(model.vocabulary.ids(items.correct)),
                    np.array(model.vocabulary.ids(items.wrong)),
                ),
                Interventions(mode, tuple((unit,) for unit in units), means),
                model.vocabulary.ids(words),
            )
            rows = margins[margins["task"] == task].set_index(["unit", "item"])["margin"]
            found = [[rows[unit, item] for item in items.item] for unit in units]
            np.testing.assert_allclose(found, reference, rtol=0, atol=1e-4)


def test_cores_and_shard_size_and_folder_change_no_result(finished, uninterrupted):
    ours, theirs = (w.results / "tiny" for w in (finished, uninterrupted))
    assert len(list(theirs.glob("ablation/zero/*/units_*.parquet"))) == 8
    a, b = (pq.read_table(path / "ablation/zero/accuracy.parquet") for path in (ours, theirs))
    assert a.equals(b)
    for name in ("tables/table2.csv", "tables/table1.csv", "units/long_range.json"):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name


def test_nothing_is_written_when_the_workflow_is_only_planned(finished, tmp_path):
    for name in ("model", "data"):
        (tmp_path / name).symlink_to(finished.directory / name)
    before = sorted(tmp_path.rglob("*"))
    arguments = finished.arguments("--dry-run")
    arguments[arguments.index("--directory") + 1] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=tmp_path.parent,
        env=finished.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "convert_checkpoint" in done.stdout + done.stderr
    after = [p for p in sorted(tmp_path.rglob("*")) if ".snakemake" not in p.parts]
    assert after == before


def _snakemake(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "-s", str(PROJECT / "Snakefile"), *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(PROJECT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_the_rules_pass_the_linter_of_snakemake(tmp_path):
    done = _snakemake("--lint", "--directory", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_the_quick_preset_is_planned_from_any_directory(tmp_path):
    preset = str(PROJECT / "presets" / "quick.yaml")
    done = _snakemake("--configfile", preset, "--cores", "1", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "score_intact" in done.stdout


def test_the_paper_preset_lists_the_files_to_provide(tmp_path):
    preset = str(PROJECT / "presets" / "paper.yaml")
    done = _snakemake("--configfile", preset, "--cores", "1", cwd=tmp_path)
    if (PROJECT / "models" / "gulordava").exists():
        pytest.skip("the published network is here")
    assert done.returncode != 0
    for part in (
        "models/gulordava/hidden650_batch128_dropout0.2_lr20.0.pt",
        "models/gulordava/vocab.txt",
        "github.com/facebookresearch/colorlessgreenRNNs",
        "data/lakretz2019/nounpp.txt",
        "github.com/FAIRNS/Number_and_syntax_units_in_LSTM_LMs",
        "data/lakretz2019/context.txt",
    ):
        assert part in done.stdout
    assert "Traceback" not in done.stdout
    assert not [p for p in tmp_path.iterdir() if p.name != ".snakemake"]


def test_the_planted_unit_is_found_with_its_number_and_confirmed(finished):
    found = json.loads((finished.results / "tiny/units/long_range.json").read_text())
    assert sum(LAYER_SIZES[:1]) < 7 <= sum(LAYER_SIZES)
    (unit,) = found["units"]
    assert (unit["unit"], unit["layer"], unit["subject_number"]) == (7, 2, "plural")
    assert unit["found_for"] == ["plural"]
    assert unit["confirmed"]
    assert unit["confirmation"]["subject_number"] == "plural"
    assert found["n_units"] == 7
    lists = json.loads((finished.results / "tiny/units.json").read_text())
    (planted,) = (entry for entry in lists["units"] if entry["unit"] == 7)
    assert "long_range" in planted["lists"]
    assert all("long_range" not in e["lists"] for e in lists["units"] if e["unit"] != 7)
