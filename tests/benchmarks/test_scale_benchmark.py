"""The benchmark of scale runs the real rules, counts what it says, and calculates rightly."""

import json

import pytest

from lstm_units.benchmarks import scale as scale_benchmark
from lstm_units.benchmarks.scale import (
    Cost,
    Workload,
    added,
    arithmetic,
    context_bytes,
    count_files,
    dump_bytes,
    main,
    shard_bytes,
    sweep_operations,
)
from lstm_units.interventions.prefix_trie import build_trie


def test_the_workload_of_a_hundred_checkpoints_has_eight_thousand_shards():
    # Each model: 80 shards, 2 context states, 4 x known items, 4 x intact scores, 1 of accuracies.
    assert Workload().sweep_jobs() == 4 + 100 * (80 + 2 + 4 + 4 + 1) == 9104
    assert Workload(3, (10, 5), shard_size=4).sweep_jobs() == 4 + 3 * (4 * (3 + 2) + 2 + 8 + 1)
    assert Workload(2).models == ["m0001", "m0002"]
    assert Workload(2, targets="all").target_files(["m0001"]) == []


def test_jobs_and_files_of_a_small_run(tmp_path, capsys, monkeypatch):
    ceiling = {"sgemm_gflops": 100.0, "python -c pass": 0.01}
    monkeypatch.setattr(scale_benchmark, "machine_ceiling", lambda: ceiling)
    arguments = ["--checkpoints", "2", "--layers", "6", "--shard-size", "6", "--chunk", "1"]
    main([*arguments, "--folder", str(tmp_path / "scale"), "--json", str(tmp_path / "found.json")])
    found = json.loads((tmp_path / "found.json").read_text())
    jobs = 4 + 2 * (4 + 1 + 4 + 4 + 1)
    costs = found["costs"]
    assert {name: cost["jobs"] for name, cost in costs.items()} == {
        "conversion": 2, "dry run": jobs, "run": jobs, "dry run of what is done": 0,
    }  # fmt: skip
    for cost in costs.values():
        assert cost["own_cpu"] > 0 and cost["peak_mib"] > 50
        assert cost["wall"] > 0.5
    assert costs["run"]["jobs_cpu"] > 1
    assert costs["dry run"]["jobs_cpu"] < 0.5
    assert costs["run"]["calls"] == 2 and costs["dry run"]["calls"] == 1
    files = {place: count["files"] for place, count in found["files"].items()}
    # A conversion has three outputs, the choice of known items two, every other job one.
    outputs = jobs + 2 * 3 + 2 * 4
    workspace = tmp_path / "scale" / "workspace"
    marks = len(list((workspace / "results").glob(".*")))  # of runs, no outputs
    assert files["results"] - marks == files["metadata"] == outputs
    assert files["logs"] == files["benchmarks"] == jobs + 2
    assert 0 < files["rest of .snakemake"] < 20
    assert found["files"] == count_files(workspace)
    text = capsys.readouterr().out
    assert f"metadata: {outputs} files" in text
    assert "sgemm 100 GFLOP/s; seconds of `python -c pass` 0.010" in text


def test_calls_in_a_row_add_up():
    first = Cost(1, 10, 2.0, 0.5, 1.0, 100.0, [1.0], [2.0])
    assert added([first]) is first
    both = added([first, Cost(1, 5, 1.0, 0.25, 2.0, 150.0)])
    assert both == Cost(2, 15, 3.0, 0.75, 3.0, 150.0)


def test_rates_of_each_tenth_of_the_jobs():
    # Ten jobs in the first second, ten in the next two; half a core, then a whole one.
    done = [(n / 10, n) for n in range(1, 11)] + [(1 + n / 5, 10 + n) for n in range(1, 11)]
    samples = [(0.0, 0.0, 0.0, 0.0), (1.0, 0.5, 0.0, 0.0), (3.0, 2.5, 0.0, 0.0)]
    rates, own_cores = scale_benchmark._tenths(done, samples)
    assert rates == pytest.approx([10] * 5 + [5] * 5)
    assert own_cores == pytest.approx([0.5] * 5 + [1] * 5)


def test_operations_and_bytes_by_hand():
    # A unit of the last layer: 8 h^2 a prefix. One of the first: that and 8 h (h_below + h) more.
    assert sweep_operations((3, 2), 7) == 7 * (3 * (8 * 9 + 8 * 2 * 5) + 2 * 8 * 4)
    assert sweep_operations((650, 650), 1) == 650 * (10_140_000 + 3_380_000)
    assert dump_bytes((3, 2), 7, variables=2) == 7 * 5 * 2 * 4
    assert context_bytes((650, 650)) == 2 * 6_760_000  # the two files of the shipped results


def test_memory_of_a_shard_by_hand():
    trie = build_trie([[1, 2], [1, 3]])  # a root with one child that has two
    # Slots of a walk: hidden and cell. Parents: four gates and both states; children: both states,
    # and four gates above the lowest layer, whose gates are made tile by tile.
    sizes, units = (3, 2), 1
    slots, parents, children, tile = 1, 1, 2, 2
    values = slots * 10 + parents * 30 + children * (10 + 8) + tile * 12
    weights = [4 * 3 * (2 + 3), 4 * 2 * (3 + 2)]
    assert shard_bytes(sizes, trie, units) == 4 * (values + sum(weights) + max(weights))


def test_arithmetic_of_the_listed_networks():
    trie = build_trie([[1, 2, 3], [1, 4]])
    rows = arithmetic([trie, trie], 10, [100.0])
    assert [row["network"] for row in rows] == [
        "650 + 650", "1500 + 1500", "1150 + 1150 + 1150", "2048 + 2048 + 2048 + 2048",
    ]  # fmt: skip
    for row, sizes in zip(rows, scale_benchmark.NETWORKS, strict=True):
        assert row["TFLOP"] == pytest.approx(sweep_operations(sizes, 8) / 1e12)
        assert row["h at 100 GFLOP/s"] == pytest.approx(row["TFLOP"] / 0.1 / 3600)
        assert row["MB of a dump"] == pytest.approx(8 * sum(sizes) * 24 / 1e6)


def test_the_shipped_tasks_have_the_prefixes_that_the_documentation_names():
    tries, n_items = scale_benchmark.shipped_tries()
    assert n_items == 12_000
    assert sum(trie.n_nodes for trie in tries) == 7_351


def test_the_ceiling_is_measured(monkeypatch):
    monkeypatch.setattr(scale_benchmark, "sgemm_rate", lambda *_: 5e9)
    called = []
    monkeypatch.setattr(
        scale_benchmark.subprocess, "run", lambda command, **_: called.append(command[1:])
    )
    found = scale_benchmark.machine_ceiling()
    assert found.pop("sgemm_gflops") == 5.0
    assert all(seconds > 0 for seconds in found.values())
    assert len(found) == 3 and called == [["-c", "pass"]] * 3 + called[3:]
    assert called[6:] == [["-m", "snakemake", "--version"]] * 3
