"""How fast the sweep is, against the machine's own matrix products and the original protocol.

``python -m lstm_units.benchmarks.sweep`` measures, in one run and interleaved, so that all
figures come from the same state of the machine:

* the rate of single-precision matrix products (sgemm): a 4096-cube and the sweep's own shape;
* the sweep of one shard of units of each layer, on all groups of tasks;
* the original protocol: one sentence after the other, one word at a time through
  ``torch.nn.LSTM``, with a full softmax over the vocabulary at every word.

It prints what the whole sweep takes, the ratio to the original protocol, and the share of sgemm.
On a GPU (``--device cuda --units 650``) it also says how far margins are from those of the CPU
(``--compare 13``), and with ``--linzen TEXT GOLD`` what a sweep of that test set takes.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from lstm_units.api.checks import compute_within
from lstm_units.config.validate import validate_config
from lstm_units.config.yaml_files import read_yaml
from lstm_units.interventions.context_states import read_context
from lstm_units.interventions.interventions import single_units
from lstm_units.interventions.known_items import select_known_items
from lstm_units.interventions.model_inputs import Context, group_items, sweep_size
from lstm_units.interventions.prefix_trie import PrefixTrie, build_trie
from lstm_units.interventions.sweep import Items, sweep
from lstm_units.interventions.sweep_reference import torch_lstm
from lstm_units.models.checkpoints import load_language_model
from lstm_units.models.language_model import LanguageModel
from lstm_units.models.vocabulary import Vocabulary
from lstm_units.runtime.devices import exact_matrix_products
from lstm_units.stimuli.formats import read_linzen
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.language_tables import read_language

GIGA = 1e9


def sgemm_rate(rows: int, inner: int, columns: int, repeats: int, device: torch.device) -> float:
    """Return the rate of a float32 matrix product in floating-point operations per second."""
    left = torch.randn(rows, inner, device=device)
    right = torch.randn(inner, columns, device=device)
    out = torch.empty(rows, columns, device=device)
    torch.mm(left, right, out=out)
    seconds = timed(lambda: [torch.mm(left, right, out=out) for _ in range(repeats)], device)
    return 2 * rows * inner * columns * repeats / seconds


def timed(call: Callable[[], object], device: torch.device) -> float:
    """Return the seconds that a call takes, the device's queue included."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def required_operations(layer_sizes: Sequence[int], layer: int, n_nodes: int) -> float:
    """Operations for one unit of a layer when every prefix is read on its own.

    The recurrent product of the unit's layer, and both products of every layer above it: 3.38 M a
    prefix for a unit of the last layer of 2 x 650, 10.14 M for one of the first.
    """
    total = 8 * layer_sizes[layer] ** 2
    for above in range(layer + 1, len(layer_sizes)):
        total += 8 * layer_sizes[above] * (layer_sizes[above - 1] + layer_sizes[above])
    return float(total) * n_nodes


def performed_operations(layer_sizes: Sequence[int], layer: int, trie: PrefixTrie) -> float:
    """Operations that the sweep performs: recurrent products once per parent, not per prefix."""
    recurrent = sum(8 * size**2 for size in layer_sizes[layer:])
    upward = sum(
        8 * layer_sizes[above] * layer_sizes[above - 1]
        for above in range(layer + 1, len(layer_sizes))
    )
    return float(recurrent) * trie.n_parents + float(upward) * trie.n_nodes


@torch.inference_mode()
def original_protocol(model: LanguageModel, sentences: Sequence[Sequence[int]]) -> float:
    """Read sentences word by word with a full softmax at each; return the seconds per word."""
    lstms = [torch_lstm(layer) for layer in model.layers]
    words = 0
    start = time.perf_counter()
    for sentence in sentences:
        states = [None] * len(lstms)
        for word in sentence:
            outputs = model.embedding[word].view(1, -1)
            for depth, lstm in enumerate(lstms):
                outputs, states[depth] = lstm(outputs, states[depth])
            torch.log_softmax(outputs @ model.decoder_weight.T + model.decoder_bias, dim=1)
            words += 1
    return (time.perf_counter() - start) / words


def shipped_config(project: Path) -> dict[str, Any]:
    """Read the shipped configuration, with all defaults."""
    shipped = read_yaml(project / "config.yaml")
    return validate_config(shipped)


def shipped_task(project: Path, task: str) -> pa.Table:
    """Generate a task as the shipped configuration says."""
    config = shipped_config(project)
    settings = config["stimuli"]
    items = config["task_definitions"][task]["items_per_condition"]
    language = read_language(project / settings["language"])
    return generate(language, task, items, settings["matched"], settings["seed"])


def shipped_items(
    vocabulary: Vocabulary, project: Path, groups: Mapping[str, Sequence[str]] | None = None
) -> tuple[dict[str, Items], list[int]]:
    """Generate groups of tasks of the shipped configuration, and read its context.

    Parameters
    ----------
    project : Path
        Folder of ``config.yaml``.
    groups : mapping of str to sequence of str, optional
        Tasks that share a trie; by default those of the sweep.

    Returns
    -------
    items : dict of str to Items
    context : list of int
    """
    config = shipped_config(project)
    if groups is None:
        groups = {}
        for task in config["tasks"]:
            definition = config["task_definitions"][task]
            if definition.get("sweep", True):
                groups.setdefault(definition["group"], []).append(task)
    items = {
        name: group_items({task: shipped_task(project, task) for task in tasks}, vocabulary).items
        for name, tasks in groups.items()
    }
    context = Context(str(project / config["context"]["file"]))
    return items, context.ids(vocabulary, ablated=True)


def measure(
    model: LanguageModel, groups: dict[str, Items], context: list[int], options: argparse.Namespace
) -> dict:
    """Interleave all measurements `options.rounds` times and return the medians."""
    device = model.device
    size = sweep_size(compute_within(options.memory), device)
    sizes = model.layer_sizes
    tries = {group: build_trie(items.prefixes) for group, items in groups.items()}
    n_nodes = sum(trie.n_nodes for trie in tries.values())
    first = np.cumsum([1, *sizes]).tolist()
    seconds: dict[tuple[int, str], list[float]] = {}
    rates: dict[str, list[float]] = {"4096-cube": [], "sweep's shape": []}
    per_word: list[float] = []
    words = [prefix for items in groups.values() for prefix in items.prefixes]
    sample = words[:: max(1, len(words) // options.sentences)]
    for round_number in range(options.rounds):
        print(f"round {round_number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        rates["4096-cube"].append(sgemm_rate(4096, 4096, 4096, 1, device))
        rates["sweep's shape"].append(sgemm_rate(size.rows, sizes[-1], 4 * sizes[-1], 8, device))
        per_word.append(original_protocol(model, sample))
        for layer, n_units in enumerate(sizes):
            units = range(first[layer], first[layer] + min(options.units, n_units))
            interventions = single_units("zero", units)
            states = None

            def read() -> None:
                nonlocal states
                states = read_context(model, interventions, context)  # noqa: B023

            # The context is read for a whole layer at once, so its time is scaled from one.
            whole = single_units("zero", range(first[layer], first[layer] + n_units))
            spent = timed(lambda: read_context(model, whole, context), device)  # noqa: B023
            seconds.setdefault((layer, "context"), []).append(spent / n_units)
            read()
            for group, items in groups.items():
                spent = timed(
                    lambda: sweep(model, items, interventions, states, size),  # noqa: B023
                    device,
                )
                seconds.setdefault((layer, group), []).append(spent / len(units))
    median = {key: statistics.median(values) for key, values in seconds.items()}
    sgemm = max(statistics.median(values) for values in rates.values())
    rows = []
    for layer, n_units in enumerate(sizes):
        per_unit = sum(median[layer, name] for name in (*groups, "context"))
        context_words = len(context)
        required = required_operations(sizes, layer, n_nodes + context_words)
        performed = sum(performed_operations(sizes, layer, t) for t in tries.values())
        performed += required_operations(sizes, layer, context_words)
        rows.append(
            {
                "layer": layer + 1,
                "units": n_units,
                "seconds_per_unit": per_unit,
                "seconds_context": median[layer, "context"],
                "share_of_sgemm": required / per_unit / sgemm,
                "share_of_sgemm_performed": performed / per_unit / sgemm,
                "required": required,
            }
        )
    total = sum(row["seconds_per_unit"] * row["units"] for row in rows)
    original_words = sum(map(len, words)) + len(context)
    original = statistics.median(per_word) * original_words
    return {
        "threads": torch.get_num_threads(),
        "sgemm_gflops": {k: [round(v / GIGA, 1) for v in values] for k, values in rates.items()},
        "sgemm": sgemm,
        "n_items": len(words),
        "prefix_words": sum(map(len, words)),
        "distinct_prefixes": n_nodes,
        "parents": sum(trie.n_parents for trie in tries.values()),
        "layers": rows,
        "total_zero": total,
        "total_zero_and_legacy": total
        + sum(row["seconds_per_unit"] * row["units"] for row in rows[:-1]),
        "share_overall": sum(r["required"] * r["units"] for r in rows) / total / sgemm,
        "seconds_per_unit": total / sum(sizes),
        "original_seconds_per_unit": original,
        "original_words_per_unit": original_words,
        "ratio": original / (total / sum(sizes)),
        "peak_memory_gib": peak_memory(device),
    }


def linzen_items(vocabulary: Vocabulary, text: Path, gold: Path) -> Items:
    """Read the test set of Linzen et al.; items with a verb form that the model lacks are left out.

    See `lstm_units.stimuli.formats.read_linzen`.
    """
    known, _ = select_known_items(read_linzen(text, gold), vocabulary, "linzen", False, "drop")
    return group_items({"linzen": known}, vocabulary).items


@torch.inference_mode()
def distance_from_cpu(
    model: LanguageModel, groups: dict[str, Items], context: list[int], n_units: int
) -> tuple[float, int]:
    """Compare margins under some ablations of each layer with those of the CPU.

    Parameters
    ----------
    model : LanguageModel
        On a GPU, in float32.
    n_units : int
        Units of each layer, spread over it.

    Returns
    -------
    largest : float
        Largest difference of a margin, in nats.
    n_margins : int
    """
    here = model.to(device=torch.device("cpu"))
    first = np.cumsum([1, *model.layer_sizes])
    units = [
        int(unit)
        for start, size in zip(first[:-1], model.layer_sizes, strict=True)
        for unit in np.unique(np.linspace(start, start + size - 1, n_units).astype(int))
    ]
    interventions = single_units("zero", units)
    largest, n_margins = 0.0, 0
    for items in groups.values():
        found = []
        for network in (model, here):
            size = sweep_size(compute_within(None), network.device)
            states = read_context(network, interventions, context)
            found.append(sweep(network, items, interventions, states, size))
        largest = max(largest, float(np.abs(found[0] - found[1]).max()))
        n_margins += found[0].size
    return largest, n_margins


def peak_memory(device: torch.device) -> float:
    """Return the largest memory of this process, in GiB (on the GPU if it computes there)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def describe(result: dict) -> str:
    """Word the result for people."""
    lines = [
        f"machine: {platform.processor() or platform.machine()}, {os.cpu_count()} cores visible, "
        f"{result['threads']} threads, PyTorch {torch.__version__}",
        "sgemm, GFLOP/s, each round: "
        + "; ".join(f"{name} {values}" for name, values in result["sgemm_gflops"].items()),
        f"sgemm, better of the medians: {result['sgemm'] / GIGA:.0f} GFLOP/s",
        f"items {result['n_items']:,}, words before the verb {result['prefix_words']:,}, distinct "
        f"prefixes {result['distinct_prefixes']:,}, of which continued {result['parents']:,}",
        "",
        "layer  units  s per unit  of which context  share of sgemm  (operations performed)",
    ]
    for row in result["layers"]:
        lines.append(
            f"{row['layer']:5d}  {row['units']:5d}  {row['seconds_per_unit']:10.4f}"
            f"  {row['seconds_context']:16.4f}  {row['share_of_sgemm']:14.0%}"
            f"  {row['share_of_sgemm_performed']:22.0%}"
        )
    lines += [
        f"all layers: share of sgemm {result['share_overall']:.0%}",
        "",
        f"sweep: {result['seconds_per_unit']:.4f} s per unit",
        f"original protocol: {result['original_seconds_per_unit']:.0f} s per unit "
        f"({result['original_words_per_unit']:,} words one at a time, full softmax)",
        f"ratio: {result['ratio']:,.0f}",
        f"all units, mode zero: {result['total_zero']:.3g} s; with legacy below the last layer: "
        f"{result['total_zero_and_legacy']:.3g} s",
        f"peak memory: {result['peak_memory_gib']:.2f} GiB",
        "",
        "Share of sgemm counts the operations that reading every distinct prefix on its own needs; "
        "siblings share their parent's product, so it can exceed 100 %.",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    project = Path(__file__).resolve().parents[3]
    parser = argparse.ArgumentParser(
        prog="python -m lstm_units.benchmarks.sweep", description=__doc__
    )
    parser.add_argument("--checkpoint", type=Path, default=project / "models" / "wikipedia650")
    parser.add_argument("--project", type=Path, default=project, help="folder of config.yaml")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--units", type=int, default=65, help="units of a layer in one sweep")
    parser.add_argument("--sentences", type=int, default=60, help="for the original protocol")
    parser.add_argument("--memory", type=float, help="GiB for the sweep")
    parser.add_argument("--compare", type=int, help="units of a layer to compare with the CPU")
    parser.add_argument("--linzen", type=Path, nargs=2, metavar=("TEXT", "GOLD"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    exact_matrix_products()
    model = load_language_model(options.checkpoint, torch.float32, options.device)
    groups, context = shipped_items(model.vocabulary, options.project)
    result = measure(model, groups, context, options)
    print(describe(result))
    if options.compare:
        largest, n_margins = distance_from_cpu(model, groups, context, options.compare)
        result |= {"distance_from_cpu": largest, "margins_compared": n_margins}
        print(f"largest difference from the CPU among {n_margins:,} margins: {largest:.1e} nats")
    if options.linzen:
        items = linzen_items(model.vocabulary, *options.linzen)
        result["linzen"] = measure(model, {"linzen": items}, context, options)
        required = sum(row["required"] * row["units"] for row in result["linzen"]["layers"])
        print(f"\nLinzen et al., {required / 1e12:.0f} TFLOP:\n{describe(result['linzen'])}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
