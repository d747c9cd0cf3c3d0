"""What thousands of jobs cost Snakemake, with fake work, and the arithmetic of larger networks.

``python -m lstm_units.benchmarks.scale`` runs the real Snakefile and rules, in a temporary copy of
the project, on many checkpoints. Every script ends after making its outputs empty, so that a job
costs what Snakemake itself costs. It measures the seconds and the memory of the scheduler for dry
runs and the run, jobs per second from beginning to end, and files written; beside them, in the same
run, how fast the machine starts processes and multiplies matrices. Arguments after ``--`` go to
Snakemake.

``--arithmetic`` prints instead what larger networks take: operations, hours, memory, bytes.
"""

import argparse
import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
import yaml

from lstm_units.benchmarks.sweep import GIGA, required_operations, sgemm_rate, shipped_items
from lstm_units.config.yaml_files import read_yaml
from lstm_units.interventions.prefix_trie import PrefixTrie, build_trie
from lstm_units.interventions.trie_reader import SweepSize, plan, scaled_bytes, walk_bytes
from lstm_units.models.cell import Layer
from lstm_units.models.language_model import LanguageModel
from lstm_units.models.vocabulary import Vocabulary, read_vocabulary
from lstm_units.stimuli.formats import read_linzen
from lstm_units.stimuli.table import scored_items

PROJECT = Path(__file__).resolve().parents[3]
NETWORKS = ((650, 650), (1500, 1500), (1150, 1150, 1150), (2048, 2048, 2048, 2048))
ONE_TASK_A_GROUP = ["simple", "namepp", "nounpp", "subject_relative"]
GROUPS = ("short", "name", "noun")  # what the shipped configuration sweeps
MARGIN_BYTES = 7.0  # of a margin with its unit, task and item; 6.5 to 8.9 in the shipped results
FLOAT_BYTES = 4
_PARTS = ("Snakefile", "config.yaml", "rules", "workflow_scripts", "profiles", "envs", "stimuli")
_PROGRESS = re.compile(r"(\d+) of (\d+) steps")
_TOTAL = re.compile(r"^total\s+(\d+)", re.MULTILINE)

# It stands before the text of the real script, so that fingerprints of code cost what they do.
_FAKE_WORK = """import json as _json, pathlib as _pathlib, sys as _sys
for _path in map(_pathlib.Path, snakemake.output):
    if _path.suffix:
        _description = _json.dumps({{"layer_sizes": {sizes}}})
        _path.write_text(_description if _path.name == "model.json" else "")
    else:
        _path.mkdir(exist_ok=True)
_pathlib.Path(snakemake.log[0]).touch()
_sys.exit(0)
"""


@dataclass(frozen=True)
class Workload:
    """How many checkpoints of what shape, and what is made of them.

    `targets` is ``sweep``, the accuracies of a sweep of four groups of one task each, or ``all``,
    the rule of that name with the shipped tasks; in both the relative clauses are swept too.
    """

    checkpoints: int = 100
    layer_sizes: tuple[int, ...] = (650, 650)
    shard_size: int = 65
    targets: str = "sweep"

    @property
    def models(self) -> list[str]:
        """Names of the checkpoints."""
        return [f"m{number:04d}" for number in range(1, self.checkpoints + 1)]

    def sweep_jobs(self) -> int:
        """Return the jobs of the targets ``sweep``, checkpoints being converted."""
        tasks = len(ONE_TASK_A_GROUP)
        shards = tasks * sum(-(-size // self.shard_size) for size in self.layer_sizes)
        # Context states of each layer, known items and intact scores of each task, accuracies.
        return tasks + self.checkpoints * (shards + len(self.layer_sizes) + 2 * tasks + 1)

    def target_files(self, models: Sequence[str]) -> list[str]:
        """Return what Snakemake is asked for; nothing stands for the rule ``all``."""
        if self.targets == "all":
            return []
        return [f"results/{model}/ablation/zero/accuracy.parquet" for model in models]


@dataclass
class Cost:
    """What calls of Snakemake took.

    Seconds on the clock, CPU seconds of Snakemake itself and of its jobs, Snakemake's largest
    memory; in each tenth of the jobs, jobs per second and the cores that Snakemake itself used.
    """

    calls: int = 1
    jobs: int = 0
    wall: float = 0.0
    own_cpu: float = 0.0
    jobs_cpu: float = 0.0
    peak_mib: float = 0.0
    rates: list[float] = field(default_factory=list)
    own_cores: list[float] = field(default_factory=list)


def added(costs: Sequence[Cost]) -> Cost:
    """Return the cost of calls in a row; tenths are those of the only call."""
    if len(costs) == 1:
        return costs[0]
    summed = ("calls", "jobs", "wall", "own_cpu", "jobs_cpu")
    sums = [sum(getattr(cost, name) for cost in costs) for name in summed]
    return Cost(*sums, peak_mib=max(cost.peak_mib for cost in costs))


def write_project(folder: Path, layer_sizes: Sequence[int]) -> None:
    """Copy what the workflow consists of, with scripts that only make their outputs."""
    folder.mkdir(parents=True)
    for name in (*_PARTS, "src"):
        source, target = PROJECT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    fake = _FAKE_WORK.format(sizes=list(layer_sizes))
    for script in (folder / "workflow_scripts").rglob("*.py"):
        script.write_text(fake + script.read_text(encoding="utf-8"), encoding="utf-8")


def write_workspace(folder: Path, workload: Workload) -> None:
    """Write empty stand-ins of the checkpoints, and ``config.yaml``."""
    folder.mkdir(parents=True)
    for name in ("words.txt", "counts.tsv", *(f"{model}.pt" for model in workload.models)):
        (folder / name).touch()
    shipped = read_yaml(PROJECT / "config.yaml")
    relative = [task for task in shipped["tasks"] if "relative" in task]
    config: dict[str, Any] = {
        "models": workload.models,
        "checkpoints": {
            model: {"source": f"{model}.pt", "vocabulary": "words.txt", "word_counts": "counts.tsv"}
            for model in workload.models
        },
        "depth": {"word_counts": "counts.tsv"},
        "ablation": {"modes": ["zero"], "shard_size": workload.shard_size},
        "task_definitions": {task: {"sweep": True} for task in relative},
    }
    if workload.targets == "sweep":
        config |= {"tasks": ONE_TASK_A_GROUP, "discovery": {"tasks": ["nounpp"]}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


@dataclass(frozen=True)
class Runner:
    """Calls Snakemake in ``workspace`` on ``project``, both in a folder, and measures it."""

    folder: Path
    cores: int
    further: tuple[str, ...] = ()

    def dry_run(self, targets: Sequence[str]) -> Cost:
        """Measure a dry run; its jobs are those that it announces."""
        cost, output = self._call(["--dry-run", *self.further], targets, "config.yaml")
        total = _TOTAL.search(output)
        cost.jobs = int(total[1]) if total else 0
        return cost

    def run(self, targets: Sequence[str], models: Sequence[str]) -> Cost:
        """Measure a run with a configuration that names some of the models only."""
        workspace = self.folder / "workspace"
        config = read_yaml(workspace / "config.yaml")
        name = f"config_{models[0]}.yaml"
        part = yaml.safe_dump({**config, "models": list(models)})
        (workspace / name).write_text(part, encoding="utf-8")
        return self._call(self.further, targets, name)[0]

    def _call(
        self, arguments: Sequence[str], targets: Sequence[str], config: str
    ) -> tuple[Cost, str]:
        project, workspace = self.folder / "project", self.folder / "workspace"
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(project / "Snakefile")]
        command += ["--directory", str(workspace), "--configfile", str(workspace / config)]
        command += ["--cores", str(self.cores), *arguments, "--", *targets]
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        environment = {**os.environ, "PYTHONPATH": str(project / "src")}
        lines: list[str] = []
        done: list[tuple[float, int]] = []
        start = time.perf_counter()
        with subprocess.Popen(command, env=environment, cwd=workspace, **output) as process:

            def listen() -> None:
                for line in process.stdout:
                    lines.append(line)
                    if found := _PROGRESS.search(line):
                        done.append((time.perf_counter() - start, int(found[1])))

            listener = threading.Thread(target=listen)
            listener.start()
            samples, total_cpu = _watch(process, start)
            wall = time.perf_counter() - start
            listener.join()
        if process.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed:\n{''.join(lines)[-4000:]}")
        jobs_cpu = samples[-1][2]  # no job ends after the last sample but one
        peak, jobs = max(sample[3] for sample in samples), done[-1][1] if done else 0
        tenths = _tenths(done, samples) if jobs >= 10 else ([], [])
        own_cpu = total_cpu - jobs_cpu
        return Cost(1, jobs, wall, own_cpu, jobs_cpu, peak / 2**20, *tenths), "".join(lines)


_Sample = tuple[float, float, float, float]  # time, own CPU seconds, those of children, bytes


def _watch(process: subprocess.Popen, start: float) -> tuple[list[_Sample], float]:
    """Sample a process until it ends; return also its CPU seconds with those of its children."""
    watched = psutil.Process(process.pid)
    samples: list[_Sample] = [(0.0, 0.0, 0.0, 0.0)]
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return samples, usage.ru_utime + usage.ru_stime
        cpu, memory = watched.cpu_times(), watched.memory_info().rss
        own, children = cpu.user + cpu.system, cpu.children_user + cpu.children_system
        samples.append((time.perf_counter() - start, own, children, float(memory)))
        time.sleep(0.1)


def _tenths(done: list[tuple[float, int]], samples: list[_Sample]) -> tuple[list, list]:
    """Jobs per second, and cores that Snakemake itself used, in each tenth of the jobs."""
    times, counts = zip(*done, strict=True)
    bounds = np.linspace(0, counts[-1], 11)
    at = np.interp(bounds, (0, *counts), (0.0, *times))
    own = np.interp(at, [sample[0] for sample in samples], [sample[1] for sample in samples])
    seconds = np.maximum(np.diff(at), 1e-9)
    return (np.diff(bounds) / seconds).tolist(), (np.diff(own) / seconds).tolist()


def count_files(workspace: Path) -> dict[str, dict[str, int]]:
    """Count files, bytes and bytes on disk of each place that a run writes to."""
    places = {"logs": "results/logs", "benchmarks": "results/benchmarks", "results": "results"}
    places |= {"metadata": ".snakemake/metadata", "rest of .snakemake": ".snakemake"}
    found = {place: {"files": 0, "bytes": 0, "bytes_on_disk": 0} for place in places}
    for top in ("results", ".snakemake"):
        for path in filter(Path.is_file, (workspace / top).rglob("*")):
            relative = path.relative_to(workspace).as_posix()
            place = next(name for name, at in places.items() if relative.startswith(f"{at}/"))
            state = path.stat()
            found[place]["files"] += 1
            found[place]["bytes"] += state.st_size
            found[place]["bytes_on_disk"] += 512 * state.st_blocks
    return found


def machine_ceiling() -> dict[str, float]:
    """Measure what bounds all of it: seconds of bare processes, and the rate of sgemm."""
    programs = {
        "python -c pass": ["-c", "pass"],
        "import snakemake.script": ["-c", "import snakemake.script"],  # what each job does first
        "snakemake --version": ["-m", "snakemake", "--version"],
    }
    result = {}
    for name, arguments in programs.items():
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - start)
        result[name] = statistics.median(seconds)
    rates = [sgemm_rate(4096, 4096, 4096, 1, torch.device("cpu")) for _ in range(3)]
    return {**result, "sgemm_gflops": statistics.median(rates) / GIGA}


def measure(folder: Path, workload: Workload, options: argparse.Namespace) -> dict[str, Any]:
    """Run the workload in a folder that does not exist yet; return all that was measured."""
    write_project(folder / "project", workload.layer_sizes)
    write_workspace(folder / "workspace", workload)
    runner = Runner(folder, options.cores, tuple(options.further))
    models = workload.models
    targets = workload.target_files(models)
    costs: dict[str, Cost] = {}
    if not options.fresh:
        descriptions = [f"results/{model}/checkpoint/model.json" for model in models]
        costs["conversion"] = Runner(folder, options.cores).run(descriptions, models)
    costs["dry run"] = runner.dry_run(targets)
    if not options.dry_run_only:
        size = options.chunk or len(models)
        parts = [models[first : first + size] for first in range(0, len(models), size)]
        costs["run"] = added([runner.run(workload.target_files(part), part) for part in parts])
        costs["dry run of what is done"] = runner.dry_run(targets)
    return {
        "workload": asdict(workload),
        "options": {key: getattr(options, key) for key in ("cores", "chunk", "fresh", "further")},
        "ceiling": machine_ceiling(),
        "costs": {name: asdict(cost) for name, cost in costs.items()},
        "files": count_files(folder / "workspace"),
    }


def describe(result: dict[str, Any]) -> str:
    """Word what was measured."""
    ceiling = dict(result["ceiling"])
    lines = [
        f"workload: {result['workload']}; {result['options']}",
        f"sgemm {ceiling.pop('sgemm_gflops'):.0f} GFLOP/s; seconds of "
        + ", ".join(f"`{name}` {seconds:.3f}" for name, seconds in ceiling.items()),
        "",
        f"{'':24} calls    jobs  seconds  CPU: Snakemake    jobs  peak MiB",
    ]
    for name, cost in result["costs"].items():
        lines.append(
            f"{name:24} {cost['calls']:5d}  {cost['jobs']:6,d}  {cost['wall']:7.1f}"
            f"  {cost['own_cpu']:14.1f}  {cost['jobs_cpu']:6.1f}  {cost['peak_mib']:8.0f}"
        )
    for name, key in (("jobs per second", "rates"), ("cores of Snakemake", "own_cores")):
        if tenths := result["costs"].get("run", {}).get(key):
            lines.append(f"{name} in each tenth: " + ", ".join(f"{part:.2f}" for part in tenths))
    for place, count in result["files"].items():
        lines.append(
            f"{place}: {count['files']:,} files, {count['bytes'] / 1e6:.1f} MB, "
            f"{count['bytes_on_disk'] / 1e6:.1f} MB on disk"
        )
    return "\n".join(lines)


def sweep_operations(layer_sizes: Sequence[int], n_prefixes: int) -> float:
    """Operations of a sweep of all units that reads every prefix on its own."""
    return sum(
        size * required_operations(layer_sizes, layer, n_prefixes)
        for layer, size in enumerate(layer_sizes)
    )


def dump_bytes(layer_sizes: Sequence[int], n_prefixes: int, variables: int = 6) -> int:
    """Bytes of the values of a dump of activations in float32."""
    return n_prefixes * sum(layer_sizes) * variables * FLOAT_BYTES


def context_bytes(layer_sizes: Sequence[int]) -> int:
    """Bytes of all context states of one mode: hidden and cell of all units for each unit."""
    return sum(layer_sizes) ** 2 * 2 * FLOAT_BYTES


def hollow_model(layer_sizes: Sequence[int]) -> LanguageModel:
    """Return a network that has sizes but no weights, to count bytes with."""
    sizes = (layer_sizes[-1], *layer_sizes)
    embedding = torch.empty(2, sizes[0], device="meta")
    layers = tuple(
        Layer(*(torch.empty(4 * size, *inner, device="meta") for inner in ((below,), (size,), ())))
        for below, size in itertools.pairwise(sizes)
    )
    words = Vocabulary(("<unk>", "<eos>"))
    return LanguageModel(words, embedding, layers, embedding, torch.empty(2, device="meta"))


def shard_bytes(layer_sizes: Sequence[int], trie: PrefixTrie, units: int = 65) -> int:
    """Bytes that a shard of the first layer takes beyond the model, if memory allows them."""
    model = hollow_model(layer_sizes)
    walk = plan(trie, units, SweepSize())
    return walk_bytes(model, walk, units, 0) + scaled_bytes(model, 0)


def shipped_tries() -> tuple[list[PrefixTrie], int]:
    """Return the tries of the groups that the shipped configuration sweeps, and their items."""
    words = read_vocabulary(PROJECT / "models" / "wikipedia650" / "vocab.txt")
    groups, _ = shipped_items(words, PROJECT)
    chosen = [groups[name] for name in GROUPS]
    return [build_trie(items.prefixes) for items in chosen], sum(map(len, chosen))


def arithmetic(
    tries: Sequence[PrefixTrie], n_items: int, gflops: Sequence[float]
) -> list[dict[str, Any]]:
    """Return for each of `NETWORKS` what a sweep of all its units on some groups takes."""
    n_prefixes = sum(trie.n_nodes for trie in tries)
    rows = []
    for sizes in NETWORKS:
        operations, units = sweep_operations(sizes, n_prefixes), sum(sizes)
        hours = {f"h at {rate:,.0f} GFLOP/s": operations / rate / GIGA / 3600 for rate in gflops}
        row = {"network": " + ".join(map(str, sizes)), "TFLOP": operations / 1e12, **hours}
        row["MiB of a shard"] = max(shard_bytes(sizes, trie) for trie in tries) / 2**20
        row["MB of margins"] = n_items * units * MARGIN_BYTES / 1e6
        row["MB of context states"] = context_bytes(sizes) / 1e6
        row["MB of a dump"] = dump_bytes(sizes, n_prefixes) / 1e6
        rows.append(row)
    return rows


def arithmetic_tables(options: argparse.Namespace) -> str:
    """Return Markdown tables for the shipped tasks and, where given, the Linzen sentences."""
    cases = {"shipped tasks": shipped_tries()}
    if options.linzen:
        scored = scored_items(read_linzen(*options.linzen))
        numbers: dict[str, int] = {}
        words = [[numbers.setdefault(w, len(numbers)) for w in p] for p in scored.prefixes]
        cases["Linzen sentences"] = [build_trie(words)], len(words)
    lines = []
    for name, (tries, n_items) in cases.items():
        n_prefixes = sum(trie.n_nodes for trie in tries)
        rows = arithmetic(tries, n_items, options.gflops)
        lines += [f"{name}: {n_items:,} items, {n_prefixes:,} distinct prefixes", ""]
        lines += [f"| {' | '.join(rows[0])} |", "|---" * len(rows[0]) + "|"]
        cells = [[v if isinstance(v, str) else f"{v:,.4g}" for v in row.values()] for row in rows]
        lines += [*(f"| {' | '.join(row)} |" for row in cells), ""]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; ``--help`` lists the options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--checkpoints", type=int, default=100)
    parser.add_argument("--layers", type=int, nargs="+", default=[650, 650])
    parser.add_argument("--shard-size", type=int, default=65)
    parser.add_argument("--targets", choices=("sweep", "all"), default="sweep")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--folder", type=Path, help="kept; by default a temporary one")
    parser.add_argument("--dry-run-only", action="store_true", help="convert, and run no more")
    parser.add_argument("--fresh", action="store_true", help="convert in the run, not beforehand")
    parser.add_argument("--chunk", type=int, default=0, help="checkpoints of one call")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument(
        "--arithmetic", action="store_true", help="of larger networks; runs nothing"
    )
    parser.add_argument("--gflops", type=float, nargs="+", default=[157.0, 50_000.0])
    parser.add_argument("--linzen", type=Path, nargs=2, metavar=("TEXT", "GOLD"))
    parser.add_argument("further", nargs="*", help="after --: arguments of Snakemake")
    options = parser.parse_args(arguments)
    if options.arithmetic:
        print(arithmetic_tables(options))
        return
    sizes = tuple(options.layers)
    workload = Workload(options.checkpoints, sizes, options.shard_size, options.targets)
    with tempfile.TemporaryDirectory() as temporary:
        result = measure(options.folder or Path(temporary) / "scale", workload, options)
    print(describe(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
