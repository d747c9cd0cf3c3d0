"""Where the results come from: checkpoints, stimuli, versions, run time of the rules."""

import csv
import math
import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lstm_units.interventions.known_items import forms_left_out
from lstm_units.io.published import task_rank
from lstm_units.io.wording import capital, count, listing
from lstm_units.report.data import ReportModel, ReportSettings, Run
from lstm_units.report.tables import ReportTable, make_table

PACKAGES = (
    "lstm-units",
    "snakemake",
    "torch",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "statsmodels",
    "mne",
    "matplotlib",
    "networkx",
    "safetensors",
    "jinja2",
)
# Files of benchmarks that do not start with the name of their rule, and rules whose name is a
# part of another's.
_RULES = {
    "context": "context_states",
    "ablate_sets": "ablate_sets",
    "ablate": "ablate_units",
    "accuracy": "accuracy",
    "activations": "dump_activations",
    "untrained_checkpoint": "untrained_checkpoint",
    "untrained": "dump_untrained",
    "download": "download",
    "contributions": "contributions",
    "contributions_table": "contributions_table",
    "contributions_figure": "contributions_figure",
    "control_sets": "control_sets",
    "control_tests": "control_tests",
    "controls_figure": "controls_figure",
    "decode": "decode",
    "decoding_figure": "decoding_figure",
    "depth_baseline": "depth_baseline",
    "depth_untrained": "depth_untrained",
    "dependency_unit": "unit_dependency_figure",
    "dynamics": "dynamics",
    "intact": "score_intact",
    "stimuli": "select_known_items",
    "tokenise": "tokenise_text",
    "training": "training_figure",
    "training_corpus": "training_corpus",
    "card": "unit_card",
}
_OF_STIMULI = {
    "balance": "check_balance",
    "depth_sentences": "depth_sentences",
    "depth_positions": "depth_positions",
}
_UNIT_DYNAMICS = re.compile(r"dynamics_.+_unit_\d+")
_RANGE = re.compile(r"(_\d[\d-]*)+$")


def rule_of(folder: str, stem: str) -> str:
    """Name the rule that a benchmark file is of.

    Parameters
    ----------
    folder : str
        That it lies in: ``stimuli``, a model, or none.
    stem : str
        Its name without the ending, such as ``ablate_zero_noun_0001-0065``.

    Returns
    -------
    str
        ``ablate_units``. The name itself, without numbers at its end, where no rule is known.
    """
    if folder == "stimuli":
        return _OF_STIMULI.get(stem, "generate_stimuli, import_stimuli")
    if _UNIT_DYNAMICS.fullmatch(stem):
        return "unit_dynamics_figure"
    known = [name for name in _RULES if stem == name or stem.startswith(f"{name}_")]
    if known:
        return _RULES[max(known, key=len)]
    return _RANGE.sub("", stem)


@dataclass
class _Cost:
    jobs: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    memory: float = math.nan
    unmeasured: int = field(default=0)

    def add(self, row: dict[str, str]) -> None:
        self.jobs += 1
        seconds, cpu, memory = (_value(row.get(key)) for key in ("s", "cpu_time", "max_rss"))
        self.seconds += 0.0 if math.isnan(seconds) else seconds
        self.cpu += 0.0 if math.isnan(cpu) else cpu
        self.unmeasured += math.isnan(cpu)
        self.memory = memory if math.isnan(self.memory) else max(self.memory, _or(memory))


def _or(memory: float) -> float:
    return -math.inf if math.isnan(memory) else memory


def run_time_table(benchmarks: Path, folders: Iterable[str]) -> tuple[ReportTable | None, str]:
    """Sum up the benchmark files that Snakemake wrote, rule by rule.

    Parameters
    ----------
    benchmarks : Path
        Folder with one folder per model, one for the stimuli, and files of what is about all.
    folders : iterable of str
        Which of them count; an empty name stands for what is about all.

    Returns
    -------
    table : ReportTable or None
        Jobs, their time on the clock added up, CPU time, and the largest memory of a job; the
        slowest rule first. None where there is no such file.
    total : str
        The sums in a sentence.
    """
    costs: dict[str, _Cost] = {}
    for folder in folders:
        for path in sorted((benchmarks / folder).glob("*.tsv")):
            if not folder and path.stem == "report":  # the page itself, when it was last made
                continue
            for row in _rows(path):
                costs.setdefault(rule_of(folder, path.stem), _Cost()).add(row)
    if not costs:
        return None, "No benchmark file was found: the run time is not known."
    total = _Cost()
    for cost in costs.values():
        total.jobs += cost.jobs
        total.seconds += cost.seconds
        total.cpu += cost.cpu
        total.unmeasured += cost.unmeasured
        if not math.isnan(cost.memory):
            total.memory = max(cost.memory, _or(total.memory))
    table = make_table(
        "run-time",
        "Run time and memory by rule",
        ("rule", "jobs", "time of the jobs, s", "CPU time, s", "largest memory, MB"),
        [
            (
                rule,
                f"{cost.jobs:,}",
                f"{cost.seconds:,.1f}",
                f"{cost.cpu:,.1f}",
                "" if math.isnan(cost.memory) else f"{cost.memory:,.0f}",
            )
            for rule, cost in sorted(costs.items(), key=lambda item: (-item[1].seconds, item[0]))
        ],
        notes=(
            "Each job's time on the clock and its CPU time over all cores, added up, and the "
            "largest resident memory of one job, as Snakemake sampled them. Jobs of less than a "
            "second or so are over before they are sampled.",
        ),
    )
    said = (
        f"{capital(count(total.jobs, 'job'))} ran for {_duration(total.seconds)} in all, one "
        f"after another, with {_duration(total.cpu)} of core time"
    )
    if not math.isnan(total.memory):
        said += f"; the largest used {total.memory:,.0f} MB"
    if total.unmeasured:
        said += f". {total.unmeasured:,} were too short for their CPU time to be measured"
    return table, said + "."


def checkpoints_table(run: Run, models: Sequence[ReportModel]) -> ReportTable:
    """List the checkpoints: shape, how they were stored, sha256, check of the conversion."""
    facts: dict[str, list[str | None]] = {}
    links, names = [], []
    for model in models:
        network = run.of_model(model.name).json("checkpoint/model.json")
        if network is None:
            continue
        check = network.get("verification") or {}
        names.append(model.name)
        links += run.links(model.name, ["checkpoint/model.json"])
        links += run.links(model.name, ["checkpoint/identity.*"])  # only if it was compared
        for fact, value in (
            ("units by layer", " + ".join(f"{size:,}" for size in network["layer_sizes"])),
            ("words of the vocabulary", f"{network['vocabulary_size']:,}"),
            ("embedding and decoder tied", "yes" if network.get("tied") else "no"),
            ("stored as", network.get("stored_as")),
            ("sha256", _code(network.get("sha256"))),
            ("sha256 of the source", _code(network.get("source_sha256"))),
            ("sha256 of the vocabulary", _code(network.get("vocabulary_sha256"))),
            (
                "largest difference to torch.nn.LSTM, log p",
                f"{check['largest_log_probability_difference']:.1e}, {check['tokens']} tokens"
                if "largest_log_probability_difference" in check
                else None,
            ),
        ):
            facts.setdefault(fact, []).append(value)
    rows = [(fact, *values) for fact, values in facts.items()]
    return make_table("checkpoints", "Checkpoints", ("fact", *names), rows, files=links)


def stimuli_table(run: Run, models: Sequence[ReportModel], settings: ReportSettings) -> ReportTable:
    """List the test sets: items of each task, those each model is tested on, and sha256."""
    tasks: dict[str, list[tuple[str, str, str]]] = {}
    without: set[str] = set()
    for model in models:
        files = run.of_model(model.name)
        for name in files.matching("intact/*.parquet"):
            task = name.split("/")[1].removesuffix(".parquet")
            made = files.metadata(name) or {}
            items = len(files.frame(name, ["item"]))
            sha, context = made.get("stimuli_sha256"), (made.get("config") or {})
            seen = (str(sha), f"{items:,}", str(context.get("context_sha256", "")))
            tasks.setdefault(task, []).append((model.name, *seen))
            if context.get("context_sha256") == "":
                without.add(model.name)
    rows, contexts = [], set()
    for task in sorted(tasks, key=task_rank):
        kinds: dict[tuple[str, ...], list[str]] = {}
        for model, *seen in tasks[task]:
            kinds.setdefault(tuple(seen), []).append(model)
        for (sha, items, context), names in kinds.items():
            contexts.add(context)
            rows.append((settings.label(task), ", ".join(names), items, _code(sha)))
    before = " or ".join(f"`{context}`" for context in sorted(contexts - {""}))
    notes = ["Items: those whose two verb forms the model knows."]
    if before:
        notes.append(f"sha256 of the context, the sentences read before each item: {before}.")
    if without:
        notes.append(
            f"Less than half of the words of the context are known to {listing(sorted(without))}, "
            "so nothing is read before the items."
        )
    notes += [note for model in models for note in _left_out(run, model.name, settings)]
    return make_table(
        "stimuli",
        "Stimuli",
        ("task", "models", "items", "sha256 of the stimuli"),
        rows,
        notes=notes,
        files=[run.link(f"stimuli/{task}.parquet") for task in sorted(tasks, key=task_rank)],
    )


def _left_out(run: Run, model: str, settings: ReportSettings) -> Iterator[str]:
    """Say which items a model is not tested on, and for want of which verb forms."""
    files = run.of_model(model)
    for name in files.matching("stimuli/*.json"):
        report = files.json(name)
        if report.get("dropped"):
            yield (
                f"Left out for {model} are {len(report['dropped']):,} of the "
                f"{report['n_items']:,} items of {settings.label(report['task'])}, whose verb "
                f"forms it does not know: {forms_left_out(report)}."
            )


def versions_table(packages: Sequence[str] = PACKAGES) -> ReportTable:
    """List the versions of Python and the packages that this report was made with."""
    rows = [("python", platform.python_version())]
    for package in packages:
        try:
            rows.append((package, version(package)))
        except PackageNotFoundError:
            rows.append((package, "not installed"))
    return make_table("versions", "Versions", ("package", "version"), rows)


def _code(sha: str | None) -> str | None:
    return None if sha is None else f"`{sha}`"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def _value(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:  # "-" or NA stands for what was too short to be measured
        return math.nan


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
