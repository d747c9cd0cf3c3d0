"""How long activation dumps take to write and read, how large they are, and what they hold.

``python -m lstm_units.benchmarks.activations`` dumps all variables of all layers of the included
model on the tasks named, and prints for each task: distinct prefixes, seconds, size on disk, and
the seconds for reading one unit and all units of the cell. The rate of single-precision matrix
products (sgemm) is measured in the same run, between the tasks, so that the share of it that a dump
reaches does not depend on what else the machine does. Peak memory is that of the whole process
while it wrote, with what it was before the first dump.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from lstm_units.activations.dump import (
    dump_activations,
    precision_for,
    sentences_of,
)
from lstm_units.activations.reader import open_activations
from lstm_units.benchmarks.sweep import GIGA, peak_memory, sgemm_rate, shipped_task, timed
from lstm_units.interventions.model_inputs import PRECISIONS, Context
from lstm_units.models.checkpoints import load_language_model
from lstm_units.models.variables import VARIABLES

TASKS = (
    "nounpp",
    "subject_relative",
    "double_subject_relative",
    "object_relative",
    "object_relative_without_that",
)
_READS = 5  # single units; the median counts


def required_operations(layer_sizes: Sequence[int], embedding_size: int, n_nodes: int) -> float:
    """Return the floating-point operations of both products of every layer, once per prefix."""
    inputs = (embedding_size, *layer_sizes[:-1])
    return float(n_nodes) * sum(
        8 * size * (below + size) for size, below in zip(layer_sizes, inputs, strict=True)
    )


def measure(tasks: Sequence[str], folder: Path, options: argparse.Namespace) -> dict:
    """Dump the tasks one after the other, then read each dump."""
    device = torch.device(options.device)
    dtype = PRECISIONS[precision_for(options.float_type)]
    model = load_language_model(options.checkpoint, dtype, device)
    context = Context(str(options.project / "stimuli" / "english" / "context.txt"))
    stimuli = {
        task: sentences_of(shipped_task(options.project, task), task, model.vocabulary)
        for task in tasks
    }
    before, rates, rows = peak_memory(device), [], []
    for task in tasks:
        print(f"dumping {task}", file=sys.stderr, flush=True)
        rates.append(sgemm_rate(2048, 2048, 2048, 4, device))
        output = folder / "activations" / task
        seconds = timed(
            lambda: dump_activations(
                model,
                stimuli[task],  # noqa: B023
                context,
                output,  # noqa: B023
                float_type=options.float_type,
                memory=options.memory,
            ),
            device,
        )
        rows.append({"task": task, "seconds": seconds})
    written = peak_memory(device)
    for row in rows:
        output = folder / "activations" / row["task"]
        found = open_activations(output)
        units = np.random.default_rng(0).choice(found.units(), _READS)
        cpu = torch.device("cpu")
        one = [timed(lambda u=u: found.read("cell", units=[u]), cpu) for u in units]  # noqa: B023
        row.update(
            {
                "items": len(found.item),
                "words": int((found.node >= 0).sum()),
                "nodes": found.n_nodes,
                "operations": required_operations(
                    model.layer_sizes, model.embedding.shape[1], found.n_nodes
                ),
                "bytes": sum(f.stat().st_size for f in output.rglob("*") if f.is_file()),
                "seconds_one_unit": statistics.median(one),
                "seconds_all_units": timed(lambda: found.read("cell"), cpu),  # noqa: B023
            }
        )
    return {
        "threads": torch.get_num_threads(),
        "float_type": options.float_type,
        "sgemm": statistics.median(rates),
        "tasks": rows,
        "values_per_node": len(VARIABLES) * sum(model.layer_sizes),
        "memory_before_gib": before,
        "memory_allowed_gib": options.memory,
        "peak_memory_gib": written,
    }


def describe(result: dict) -> str:
    """Word the result for people."""
    lines = [
        f"machine: {platform.processor() or platform.machine()}, {os.cpu_count()} cores visible, "
        f"{result['threads']} threads, PyTorch {torch.__version__}",
        f"sgemm, median: {result['sgemm'] / GIGA:.0f} GFLOP/s",
        f"stored as {result['float_type']}, {result['values_per_node']:,} values a prefix",
        "",
        "task                          items   words  prefixes  write s  of which products at sgemm"
        "     MB  MB as words  read 1 unit ms  all units s",
    ]
    width = np.dtype(result["float_type"]).itemsize
    for row in result["tasks"]:
        naive = row["words"] * result["values_per_node"] * width / 1e6
        lines.append(
            f"{row['task']:28s}  {row['items']:5d}  {row['words']:6d}  {row['nodes']:8d}"
            f"  {row['seconds']:7.1f}  {row['operations'] / result['sgemm']:24.1f} s"
            f"  {row['bytes'] / 1e6:5.0f}  {naive:11.0f}"
            f"  {row['seconds_one_unit'] * 1e3:14.1f}  {row['seconds_all_units']:11.2f}"
        )
    lines += [
        "",
        f"peak memory of writing: {result['peak_memory_gib']:.2f} GiB, of which before the "
        f"first dump {result['memory_before_gib']:.2f} (allowed beyond it: "
        f"{result['memory_allowed_gib']:g})",
        "`MB as words`: uncompressed, were each word of each item stored. The files that are read "
        "were just written, so they are in the system's cache.",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    project = Path(__file__).resolve().parents[3]
    parser = argparse.ArgumentParser(
        prog="python -m lstm_units.benchmarks.activations", description=__doc__
    )
    parser.add_argument("tasks", nargs="*", default=TASKS, help=f"default: {' '.join(TASKS)}")
    parser.add_argument("--checkpoint", type=Path, default=project / "models" / "wikipedia650")
    parser.add_argument("--project", type=Path, default=project, help="folder of config.yaml")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--memory", type=float, default=1.0, help="GiB for a dump")
    parser.add_argument("--float-type", default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--folder", type=Path, help="where dumps go for a while")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        result = measure(options.tasks, Path(folder), options)
    print(describe(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
