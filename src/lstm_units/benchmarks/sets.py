"""How fast sets of units are ablated, against single units and the machine's matrix products.

``python -m lstm_units.benchmarks.sets`` measures, in one run and interleaved, on the tasks of the
random-set controls (Simple, Adv and 2Adv; nounPP and nounPPAdv):

* the rate of single-precision matrix products (sgemm), as `lstm_units.benchmarks.sweep` does;
* random sets of units from all layers, and from the last layer alone;
* single units of the lowest layer that these sets touch.

A set costs what a single unit of its lowest layer costs: the layers from there up are read anew.
The share of sgemm counts operations as in `lstm_units.benchmarks.sweep`. A sample of sets
is measured and scaled to 1,000; ``--sets 1000`` measures them all.
"""

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lstm_units.analyses.controls.random_sets import draw_set, draw_sets
from lstm_units.benchmarks.sweep import (
    GIGA,
    peak_memory,
    performed_operations,
    required_operations,
    sgemm_rate,
    shipped_items,
    timed,
)
from lstm_units.interventions.context_states import read_context
from lstm_units.interventions.interventions import Interventions, lowest_layer, single_units
from lstm_units.interventions.model_inputs import Compute, sweep_size
from lstm_units.interventions.prefix_trie import build_trie
from lstm_units.interventions.sweep import Items, sweep
from lstm_units.interventions.trie_reader import SweepSize
from lstm_units.models.checkpoints import load_language_model
from lstm_units.models.language_model import LanguageModel

CONTROL_TASKS = {
    "simple, adv, adv_adv": ("simple", "adv", "adv_adv"),
    "nounpp, nounpp_adv": ("nounpp", "nounpp_adv"),
}


@dataclass(frozen=True)
class Contest:
    """Sets, and the single units to compare their time with.

    Parameters
    ----------
    name : str
        Where the units come from.
    layer : int
        0-based; the lowest layer of every set, and the layer of the single units.
    sets, single : Interventions
        Equally many.
    """

    name: str
    layer: int
    sets: Interventions
    single: Interventions


def contests(
    model: LanguageModel, n_sets: int, set_size: int, seed: int, mode: str = "zero"
) -> list[Contest]:
    """Draw sets from all layers and from the last one, with single units of their lowest layer.

    Parameters
    ----------
    n_sets, set_size : int
        Of each kind. Sets from all layers have as many units of each layer as a first random draw.
    mode : str
        Of the ablation.

    Returns
    -------
    list of Contest
        For a model of one layer only that from the last layer.
    """
    sizes = model.layer_sizes
    first = np.cumsum([1, *sizes]).tolist()
    last = range(first[-2], first[-2] + set_size)
    tested = {"last layer": tuple(last)}
    if len(sizes) > 1:
        tested = {"all layers": draw_set(seed, last, sizes, "all"), **tested}
    found = []
    for name, units in tested.items():
        layer = lowest_layer(model, units)
        drawn = draw_sets(units, sizes, n_sets, seed)[1:]
        single = [first[layer] + place % sizes[layer] for place in range(n_sets)]
        found.append(
            Contest(
                name,
                layer,
                Interventions(mode, tuple(chosen.units for chosen in drawn)),
                single_units(mode, single),
            )
        )
    return found


def measure(
    model: LanguageModel,
    groups: Mapping[str, Items],
    context: Sequence[int],
    *,
    n_sets: int,
    set_size: int,
    total: int,
    rounds: int,
    size: SweepSize,
    seed: int = 0,
    cube: int = 4096,
) -> dict:
    """Interleave all measurements `rounds` times and return the medians.

    Parameters
    ----------
    groups : mapping of str to Items
    n_sets, set_size
        As in `contests`.
    total : int
        Number of sets whose time is stated.
    cube : int
        Rows and columns of the larger of the two matrix products.

    Returns
    -------
    dict
        JSON types. ``rows``, one per group and contest: ``tasks, units, layer`` (1-based, lowest),
        ``seconds_per_set, seconds_per_unit`` (context included), ``ratio`` (of the two, the median
        over rounds), ``share_of_sgemm`` of the sets, ``share_of_sgemm_single``,
        ``share_of_sgemm_performed``, ``seconds_total`` (of `total` sets).
    """
    device, sizes = model.device, model.layer_sizes
    tries = {name: build_trie(items.prefixes) for name, items in groups.items()}
    against = contests(model, n_sets, set_size, seed)
    seconds: dict[tuple[str, str, str], list[float]] = {}
    rates: dict[str, list[float]] = {f"{cube}-cube": [], "sweep's shape": []}
    for round_number in range(rounds):
        print(f"round {round_number + 1} of {rounds}", file=sys.stderr, flush=True)
        rates[f"{cube}-cube"].append(sgemm_rate(cube, cube, cube, 1, device))
        rates["sweep's shape"].append(sgemm_rate(size.rows, sizes[-1], 4 * sizes[-1], 8, device))
        for tasks, items in groups.items():
            for contest in against:
                for kind in ("sets", "single"):
                    interventions = getattr(contest, kind)

                    def ablate() -> None:
                        states = read_context(model, interventions, context)  # noqa: B023
                        sweep(model, items, interventions, states, size)  # noqa: B023

                    spent = timed(ablate, device) / n_sets
                    seconds.setdefault((tasks, contest.name, kind), []).append(spent)
    sgemm = max(statistics.median(values) for values in rates.values())
    rows = []
    for tasks, trie in tries.items():
        for contest in against:
            sets, single = (seconds[tasks, contest.name, kind] for kind in ("sets", "single"))
            n_read = trie.n_nodes + len(context)
            required = required_operations(sizes, contest.layer, n_read)
            performed = performed_operations(sizes, contest.layer, trie)
            performed += required_operations(sizes, contest.layer, len(context))
            per_set, per_unit = statistics.median(sets), statistics.median(single)
            rows.append(
                {
                    "tasks": tasks,
                    "units": contest.name,
                    "layer": contest.layer + 1,
                    "seconds_per_set": per_set,
                    "seconds_per_unit": per_unit,
                    "ratio": statistics.median(a / b for a, b in zip(sets, single, strict=True)),
                    "share_of_sgemm": required / per_set / sgemm,
                    "share_of_sgemm_single": required / per_unit / sgemm,
                    "share_of_sgemm_performed": performed / per_set / sgemm,
                    "seconds_total": per_set * total,
                }
            )
    return {
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "sgemm_gflops": {k: [round(v / GIGA, 1) for v in values] for k, values in rates.items()},
        "sgemm": sgemm,
        "n_sets": n_sets,
        "set_size": set_size,
        "total": total,
        "rounds": rounds,
        "rows": rows,
        "peak_memory_gib": peak_memory(device),
    }


def describe(result: dict) -> str:
    """Word the result for people.

    Parameters
    ----------
    result : dict
        From `measure`.
    """
    measured = "all measured"
    if result["n_sets"] < result["total"]:
        measured = f"scaled from {result['n_sets']}"
    lines = [
        f"machine: {platform.processor() or platform.machine()}, {os.cpu_count()} cores visible, "
        f"{result['threads']} threads, load {result['load']:.1f}, PyTorch {torch.__version__}",
        "sgemm, GFLOP/s, each round: "
        + "; ".join(f"{name} {values}" for name, values in result["sgemm_gflops"].items()),
        f"sgemm, better of the medians: {result['sgemm'] / GIGA:.0f} GFLOP/s",
        f"sets of {result['set_size']} units; {result['n_sets']} sets and as many single units of "
        f"their lowest layer in each of {result['rounds']} rounds",
    ]
    for tasks in dict.fromkeys(row["tasks"] for row in result["rows"]):
        lines += [
            "",
            f"{tasks}:",
            f"sets from     s per set  s per unit  sets : units  share of sgemm  (single units)  "
            f"{result['total']:,} sets ({measured})",
        ]
        for row in result["rows"]:
            if row["tasks"] == tasks:
                lines.append(
                    f"{row['units']:12s}  {row['seconds_per_set']:9.3f}"
                    f"  {row['seconds_per_unit']:10.3f}  {row['ratio']:12.2f}"
                    f"  {row['share_of_sgemm']:14.0%}  {row['share_of_sgemm_single']:14.0%}"
                    f"  {row['seconds_total']:.0f} s"
                )
    lines += [
        "",
        f"peak memory: {result['peak_memory_gib']:.2f} GiB",
        "Times include the context, read under each set and each unit. Share of sgemm counts the "
        "operations that reading every distinct prefix on its own needs; siblings share their "
        "parent's product, so it can exceed 100 %.",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print.

    Parameters
    ----------
    arguments : sequence of str, optional
        Of the command line; by default those of the process.
    """
    project = Path(__file__).resolve().parents[3]
    parser = argparse.ArgumentParser(
        prog="python -m lstm_units.benchmarks.sets", description=__doc__
    )
    parser.add_argument("--checkpoint", type=Path, default=project / "models" / "wikipedia650")
    parser.add_argument("--project", type=Path, default=project, help="folder of config.yaml")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sets", type=int, default=65, help="sets of each kind in one sweep")
    parser.add_argument("--units", type=int, default=17, help="units of a set")
    parser.add_argument("--total", type=int, default=1000, help="sets whose time is stated")
    parser.add_argument("--memory", type=float, default=1.0, help="GiB for the sweep")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    model = load_language_model(options.checkpoint, torch.float32, options.device)
    groups, context = shipped_items(model.vocabulary, options.project, CONTROL_TASKS)
    result = measure(
        model,
        groups,
        context,
        n_sets=options.sets,
        set_size=options.units,
        total=max(options.total, options.sets),
        rounds=options.rounds,
        size=sweep_size(Compute(memory=options.memory), model.device),
    )
    print(describe(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
