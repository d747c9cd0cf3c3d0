# Helpers of the rules. Nothing here is written to disk, and nothing heavy is imported: every
# cluster job parses this file again.

import sys
from functools import lru_cache
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

# Fingerprints of code are taken over the sources of this project, so these go before an installed
# copy: here, and in the jobs. PYTHONPATH is set in a job's own shell, since Snakemake removes it
# from the variables of jobs that use conda.
SOURCES = str(Path(workflow.basedir) / "src")
sys.path[:] = [SOURCES, *(path for path in sys.path if path != SOURCES)]
shell.prefix('set -euo pipefail; export PYTHONPATH={SOURCES:q}"${{PYTHONPATH:+:$PYTHONPATH}}"; ')

try:
    from lstm_units.config.validate import is_url, validate_config
except ImportError as error:
    raise WorkflowError(
        f"the library cannot be imported ({error}); install it first: pip install -e ."
    )
from lstm_units.config.analysis_plan import (
    analyses,
    chosen_tasks,
    connectivity_task,
    controls,
    finds_short_range,
    finds_syntax,
    named_units,
    origin_of,
    structures,
    subject_analysis,
    syntax_unit,
    unit_decoding_task,
    word_counts,
)
from lstm_units.runtime.array_tasks import start_own_job
from lstm_units.errors import UserError
from lstm_units.runtime.failed_jobs import FailedJobs
from lstm_units.runtime.fingerprint import Code
from lstm_units.runtime.folder_lock import hold_folder
from lstm_units.config.input_files import (
    matching_files,
    missing_files,
    missing_files_message,
    resolve,
)
from lstm_units.config.sweep_plan import (
    groups,
    read_layer_sizes,
    shards,
    swept_layers,
    unit_selection,
)
from lstm_units.config.training_runs import trained_by
from lstm_units.config.training_settings import weights_file

# A task of a SLURM job array starts anew as the job that it is: lstm_units.runtime.array_tasks says why.
start_own_job()

PROJECT = Path(workflow.basedir)
PACKAGE = PROJECT / "src" / "lstm_units"
CODE = Code(PACKAGE)
TABLES = ["csv", "md", "tex"]
FIGURES = ["pdf", "png"]

try:
    config = validate_config(config)
    _missing = missing_files(config, PROJECT, Path())
except UserError as error:
    raise WorkflowError(str(error))
if _missing:
    raise WorkflowError(missing_files_message(_missing))

TASKS = config["task_definitions"]
SWEPT = groups(config)
UNSWEPT = groups(config, swept=False)
ANALYSES = analyses(config)
HOLD_OUTS = ["grouped", "random"]
CONTRIBUTIONS = chosen_tasks(config, "contributions")
STRUCTURES = structures(config)
CONTROLS = controls(config)
RUNS = config["training"]["runs"]


wildcard_constraints:
    model=r"[A-Za-z][A-Za-z0-9_]*",
    task=r"[A-Za-z][A-Za-z0-9_]*",
    group=r"[A-Za-z][A-Za-z0-9_]*",
    mode="zero|legacy|mean",
    first=r"\d+",
    last=r"\d+",


def code(script, *extra):
    """Fingerprint of a script and of all that it reaches; taken when a job asks for it."""
    return lambda wildcards: CODE.fingerprint(PROJECT / "workflow_scripts" / script, extra)


def device_environment(section):
    """The conda environment of jobs that run a model: one for cpu, cuda and auto each."""
    device = config[section]["device"].partition(":")[0]
    return f"../envs/{device}.yaml"


def file(path):
    """Where a file named in the configuration is: here, or in the project."""
    return str(resolve(path, PROJECT, Path()))


def in_report(path, title, caption, category, **labels):
    """Mark a file for the report of Snakemake; captions are in rules/captions."""
    return report(
        path, caption=f"captions/{caption}.rst", category=category, labels={"what": title, **labels}
    )


def figure(name, title, caption, category):
    """The files of a model's figure."""
    path = f"<results>/{{model}}/figures/{name}"
    return [f"{path}.pdf", in_report(f"{path}.png", title, caption, category, model="{model}")]


def table(name, title, caption, category):
    """The files of a model's table."""
    path = f"<results>/{{model}}/tables/{name}"
    shown = in_report(f"{path}.csv", title, caption, category, model="{model}")
    return [shown, f"{path}.md", f"{path}.tex"]


def alternatives(names):
    """A pattern that matches these names only; with none of them, nothing."""
    return "|".join(names) or "(?!)"


def tasks_with(*formats):
    return [task for task in config["tasks"] if TASKS[task]["format"] in formats]


@lru_cache
def task_tables(language):
    return yaml.safe_load((Path(language) / "tasks.yaml").read_text(encoding="utf-8"))


def label(task):
    """Name of a task in print: the configuration's, else the language tables', else its own."""
    definition = TASKS[task]
    if definition["label"] is None and "language" in definition:
        tables = task_tables(file(definition["language"]))
        return tables.get(definition.get("template") or task, {}).get("label", task)
    return definition["label"] or task


def labels():
    return {task: label(task) for task in config["tasks"]}


def paper_tasks():
    """The paper's task that each task is, by its template or format."""
    return {
        task: "linzen" if TASKS[task]["format"] == "linzen" else TASKS[task].get("template") or task
        for task in config["tasks"]
    }


def sweep_mb():
    """Memory that a sweep may use beyond the model, in MB."""
    return int(config["ablation"]["memory"] * 1024)


def gpu_sweep_mb():
    """The same on a GPU, in MB; 0 stands for what is free there."""
    return int((config["ablation"]["gpu_memory"] or 0) * 1024)


def job_mb():
    """Memory to reserve for a job that runs the model: Python, PyTorch and the model come on top."""
    return sweep_mb() + 1536


def growing(mb):
    """Memory to reserve: as much again each time that a cluster submits the job anew."""
    return lambda wildcards, attempt: attempt * mb


def statistics():
    return dict(config["statistics"])


def context():
    return {"path": file(config["context"]["file"]), "case": config["context"]["case"]}


def swept_tasks():
    return [task for tasks in SWEPT.values() for task in tasks]


def swept_in(group):
    """Tasks of a group, sorted: their order in the configuration changes no margin."""
    return sorted(SWEPT[group])


def in_group(group):
    """The same for sets of units, which run on tasks without a sweep too."""
    return sorted({**SWEPT, **UNSWEPT}[group])


def per_task(pattern, tasks):
    """One file per task, for a rule that reads several."""
    return [pattern.replace("{task}", task) for task in tasks]


def layer_sizes(model):
    """Units of each layer; Snakemake comes back here once the checkpoint is converted."""
    description = checkpoints.convert_checkpoint.get(model=model).output.description
    return read_layer_sizes(description)


def modes_of(model):
    """Modes that ablate at least one of the selected units of the model."""
    return [mode for mode in config["ablation"]["modes"] if shard_ranges(model, mode)]


def discovery_mode(model):
    """The mode in which units are searched; it must ablate some."""
    mode = config["discovery"]["mode"]
    if not shard_ranges(model, mode):
        raise WorkflowError(
            f"discovery.mode: {mode} ablates no unit of {model}: ablation.units and "
            f"ablation.layers.{mode} have none in common. Widen one of them, for example "
            "ablation.units: all"
        )
    return mode


def shard_ranges(model, mode):
    """First and last unit of every shard of a model's sweep in one mode."""
    ablation = config["ablation"]
    sizes = layer_sizes(model)
    try:
        return shards(
            sizes,
            swept_layers(sizes, mode, ablation["layers"][mode]),
            unit_selection(ablation["units"]),
            ablation["shard_size"],
        )
    except UserError as error:
        raise WorkflowError(str(error))


def layer_range(model, unit):
    """First and last unit of the layer that a unit is in."""
    first = 1
    for size in layer_sizes(model):
        if unit < first + size:
            return first, first + size - 1
        first += size
    raise WorkflowError(f"ablation.units: {model} has no unit {unit}")


def shard_files(model, mode, group_names):
    return [
        f"<results>/{model}/ablation/{mode}/{group}/units_{first:04d}-{last:04d}.parquet"
        for group in group_names
        for first, last in shard_ranges(model, mode)
    ]


def all_shards(wildcards):
    return [
        path
        for model in config["models"]
        for mode in modes_of(model)
        for path in shard_files(model, mode, SWEPT)
    ]


def swept_units(model, mode):
    return [unit for first, last in shard_ranges(model, mode) for unit in range(first, last + 1)]


def means_file(model, mode):
    """The constants of mode mean; other modes need none."""
    return f"<results>/{model}/ablation/mean/values.parquet" if mode == "mean" else []


def identity_checks(wildcards):
    """Comparison with a published network, for the models that claim to be one."""
    return [
        f"<results>/{model}/checkpoint/identity.csv"
        for model in config["models"]
        if config["checkpoints"][model]["identity"]
    ]


def checkpoint_file(key):
    """The weights or the vocabulary: a local file, or what the download rule fetches."""

    def find(wildcards):
        like = config["checkpoints"][wildcards.model]["untrained_like"]
        if like is not None:
            made = f"{wildcards.model}/checkpoint/untrained.safetensors"
            return f"<results>/{made if key == 'source' else f'{like}/checkpoint/vocab.txt'}"
        run = trained_by(config, wildcards.model)
        if run is not None:
            trained = f"<results>/training/{run}/checkpoints"
            return trained if key == "source" else corpus_file(run, "vocab.txt")
        value = config["checkpoints"][wildcards.model][key]
        if is_url(value):
            return f"<results>/{wildcards.model}/download/{key}"
        return file(value)

    return find


def checkpoint_options(wildcards):
    """How a checkpoint is read; an untrained network shares the special words of its model."""
    entry = config["checkpoints"][origin_of(config, wildcards.model)]
    keys = ("format", "stand_ins", "unk", "eos", "source_sha256", "vocabulary_sha256")
    options = {key: entry[key] for key in keys}
    if origin_of(config, wildcards.model) != wildcards.model:
        options |= {"format": "safetensors", "source_sha256": None, "vocabulary_sha256": None}
    return options


def file_in_folder(wildcards):
    """The file of weights in the folder of a training; nothing for other checkpoints."""
    if trained_by(config, wildcards.model) is None:
        return ""
    return weights_file(config["checkpoints"][wildcards.model]["training_step"])


def trained_description(wildcards):
    """The converted checkpoint whose shape an untrained network has."""
    like = origin_of(config, wildcards.model)
    if like == wildcards.model:
        raise WorkflowError(f"checkpoints.{like} is no untrained network: it has a source")
    return f"<results>/{like}/checkpoint/model.json"


def golden_files(wildcards):
    """Context and golden log-probabilities, when the latter file is there."""
    entry = config["checkpoints"][wildcards.model]
    golden = entry["golden_log_probabilities"]
    if golden is None or not Path(file(golden)).exists():
        return {"context": [], "golden": []}
    context = entry["golden_context"] or config["context"]["file"]
    return {"context": file(context), "golden": file(golden)}


def language_files(wildcards):
    folder = Path(file(TASKS[wildcards.task]["language"]))
    return [str(folder / name) for name in ("lexicon.tsv", "tasks.yaml")]


def units_of_shard(wildcards):
    return [int(wildcards.first), int(wildcards.last)]


def states_file(wildcards):
    """States after the context: one file per layer, whatever the shards are."""
    first, last = layer_range(wildcards.model, int(wildcards.first))
    return (
        f"<results>/{wildcards.model}/ablation/{wildcards.mode}/context/"
        f"units_{first:04d}-{last:04d}.safetensors"
    )


def unswept_tasks():
    return [task for tasks in UNSWEPT.values() for task in tasks]


def set_margin_files(model, group_names):
    """Discovered units on the tasks that have no sweep: sets of one unit."""
    mode = config["discovery"]["mode"]
    return [
        f"<results>/{model}/ablation_sets/{mode}/{group}/long_range_0001-1000.parquet"
        for group in group_names
    ]


def discovered_unit_files(wildcards):
    return set_margin_files(wildcards.model, UNSWEPT)


def single_unit_files(model, group_names):
    """The same, and which unit each set is."""
    margins = set_margin_files(model, group_names)
    return margins and [f"<results>/{model}/controls/sets/long_range.parquet", *margins]


def verb_pairs():
    """The table of verb forms; an empty list where there is none."""
    path = config["efferents"]["verb_pairs"]
    return [] if path is None else file(path)


def drawn_task():
    """The task of Figures 1a and 1b; its rules are never asked for where there is none."""
    return (chosen_tasks(config, "dynamics") or ["none"])[0]


def decoded_variables(task):
    """What the untrained networks are decoded from."""
    return sorted({entry["variable"] for entry in ANALYSES.values() if entry["task"] == task})


def dump_of(model, analysis):
    return f"<results>/{model}/activations/{ANALYSES[analysis]['task']}"


def untrained_dumps(model, analysis):
    return [
        f"<results>/{model}/untrained/{number}/activations/{ANALYSES[analysis]['task']}"
        for number in range(1, config["decoding"]["untrained"] + 1)
    ]


def contribution_statistics():
    return {
        "confidence": config["statistics"]["confidence"],
        "samples": config["contributions"]["bootstrap_samples"],
        "seed": config["contributions"]["seed"],
    }


def lists_of_units(model):
    """The lists of discovered units, by name."""
    names = ["long_range"]
    names += ["short_range"] if finds_short_range(config) else []
    names += ["syntax"] if finds_syntax(config) else []
    return {name: f"<results>/{model}/units/{name}.json" for name in names}


def list_of_units(name):
    """One of these lists, as an input that not every configuration has."""
    return lambda wildcards: lists_of_units(wildcards.model).get(name, [])


def top_syntax_unit(wildcards):
    """The list whose top unit is shown as the syntax unit, unless the configuration names one."""
    if syntax_unit(config, wildcards.model) is not None:
        return []
    return lists_of_units(wildcards.model).get("syntax", [])


def depth_sampling():
    """How sentences are generated; of a released file there is nothing to say."""
    sentences = config["depth"]["sentences"]
    keys = ("per_length", "lengths", "seed") if sentences["format"] == "generated" else ()
    return {key: sentences[key] for key in keys}


def cross_validation():
    keys = ("procedure", "folds", "inner_folds", "alphas", "seed")
    return {key: config["depth"][key] for key in keys}


def outlier_criteria():
    keys = ("threshold", "minimum_folds", "deviations_from")
    return {key: config["syntax_units"][key] for key in keys}


def counts_file(wildcards):
    model = wildcards.model
    names = {model, origin_of(config, model)}
    run = trained_by(config, origin_of(config, model))
    if run is not None and not any(config["checkpoints"][name]["word_counts"] for name in names):
        return corpus_file(run, "counts.tsv")
    return file(word_counts(config, wildcards.model))


def baseline_counts(wildcards):
    """Word counts, for all regressions but the one on the words themselves."""
    return [] if wildcards.regressors == "words" else counts_file(wildcards)


def depth_regressors(model):
    """What depth is predicted from: all units, and the baselines."""
    chosen = config["depth"]["layers"]
    layers = range(1, len(layer_sizes(model)) + 1) if chosen == "all" else sorted(chosen)
    untrained = range(1, config["depth"]["untrained"] + 1)
    return [
        "units",
        *(f"layer_{layer}" for layer in layers),
        *(f"untrained_{number}" for number in untrained),
        *("position_frequency", "words", "embeddings"),
    ]


def depth_predictions(wildcards):
    folder = f"<results>/{wildcards.model}/depth/predictions"
    return [f"{folder}/{name}.parquet" for name in depth_regressors(wildcards.model)]


def depth_dump(wildcards):
    """The activations that a regression reads; those on words and positions read none."""
    kind, _, number = wildcards.regressors.rpartition("_")
    if kind == "untrained":
        return f"<results>/{wildcards.model}/untrained/{number}/depth/activations"
    return f"<results>/{wildcards.model}/depth/activations" if kind == "layer" else []


def depth_checkpoint(wildcards):
    """The weights, for the regression on embeddings."""
    if wildcards.regressors != "embeddings":
        return []
    return f"<results>/{wildcards.model}/checkpoint/model.safetensors"


def set_tasks(wildcards):
    """The tasks of a group that a family of sets is ablated on."""
    if wildcards.family == "long_range":
        return in_group(wildcards.group)
    tasks = CONTROLS[wildcards.family].get(wildcards.group)
    if tasks is None:
        raise WorkflowError(
            f"controls.tasks.{wildcards.family} has no task of the group {wildcards.group}"
        )
    return tasks


def set_shards(model, family):
    """Margins of a control, group by group: set 0 is the tested one, the others are random."""
    mode, size = config["discovery"]["mode"], config["controls"]["shard_size"]
    last = config["controls"]["sets"]
    return [
        f"<results>/{model}/ablation_sets/{mode}/{group}/{family}_{first:04d}-{end:04d}.parquet"
        for group in CONTROLS[family]
        for first in range(0, last + 1, size)
        for end in [min(first + size - 1, last)]
    ]


def tasks_of_control(family):
    return sorted(task for tasks in CONTROLS[family].values() for task in tasks)


def analysis_files(model):
    """What the analyses over time end in, for one model."""
    folder = f"<results>/{model}"
    files = [f"{folder}/activations/{task}" for task in chosen_tasks(config, "activations")]
    files += [f"{folder}/dynamics/{task}.parquet" for task in chosen_tasks(config, "dynamics")]
    figures, tables = list(ANALYSES), []
    efferents = config["efferents"]["verb_pairs"] is not None
    if chosen_tasks(config, "dynamics"):
        figures += ["fig1a", "fig1b", "fig1c"]
        figures += [f"dynamics/{drawn_task()}/unit_{unit}" for unit in named_units(config, model)]
    if efferents:
        figures.append("fig1d")
    if efferents and chosen_tasks(config, "dynamics"):
        tables.append("efferents")
    if unit_decoding_task(config):
        files.append(f"{folder}/decoding/units.parquet")
    if finds_short_range(config):
        figures.append("unit_decoding")
    if finds_short_range(config) and CONTRIBUTIONS:
        figures.append("contributions")
        tables.append("contributions")
    if config["depth"]["run"]:
        files.append(f"{folder}/depth/comparisons.parquet")
        figures.append("depth")
        tables.append("depth")
    if finds_syntax(config):
        figures.append("fig3")
        figures += [f"dependency/unit_{unit}" for unit in named_units(config, model)]
    figures += [f"controls_{family}" for family in CONTROLS]
    tables += ["controls"] if CONTROLS else []
    if connectivity_task(config):
        files.append(f"{folder}/connectivity/graph.graphml")
        figures += ["fig4a", "fig4b"]
        tables.append("connectivity")
    files += [f"{folder}/figures/{name}.{suffix}" for name in figures for suffix in FIGURES]
    return files + [f"{folder}/tables/{name}.{suffix}" for name in tables for suffix in TABLES]


def all_analyses(wildcards):
    return [path for model in config["models"] for path in analysis_files(model)]


def main_files(model):
    """What every configuration makes of a model."""
    names = ["units.json", "claims.csv", "claims.md", "cards/notable.json"]
    names += [f"tables/{table}.{suffix}" for table in ("table1", "table2") for suffix in TABLES]
    names += [f"figures/units.{suffix}" for suffix in FIGURES]
    return [f"<results>/{model}/{name}" for name in names]


def claim_criteria():
    """Thresholds of the audit: its own section, and those of others that its claims share."""
    discovery = config["discovery"]
    shared = ("minimum_loss", "maximum_q", "relative_drop", "minimum_intact", "maximum_units")
    return {
        **config["claims"],
        **{key: discovery[key] for key in shared},
        "spanning_auc": config["syntax_units"]["minimum_auc"],
        "z_threshold": config["connectivity"]["threshold"],
        "confidence": config["statistics"]["confidence"],
        "match": config["controls"]["match"],
        "minimum_folds": config["syntax_units"]["minimum_folds"],
    }


def time_course_task():
    """The task whose time courses the audit reads: the paper's nounPP, or the drawn one."""
    tasks = chosen_tasks(config, "dynamics")
    roles = paper_tasks()
    wanted = [task for role in ("nounpp", "nounpp_adv") for task in tasks if roles[task] == role]
    return next(iter([*wanted, *tasks]), None)


def audit():
    """What the audit knows of the experiment beside the results; a task that was swept first."""
    roles = paper_tasks()
    return {
        "criteria": claim_criteria(),
        "tasks": {task: roles[task] for task in sorted(roles, key=lambda t: not TASKS[t]["sweep"])},
        "labels": labels(),
        "mode": config["discovery"]["mode"],
        "analysis": subject_analysis(config),
        "dynamics_task": time_course_task(),
    }


def unit_list_files(model):
    return [*lists_of_units(model).values(), f"<results>/{model}/units/shown.json"]


def model_files(model):
    """What the table of all models reads of each, beside its claims."""
    names = ["checkpoint/model.json", *per_task("intact/{task}.parquet", config["tasks"])]
    names += ["depth/scores.parquet"] if config["depth"]["run"] else []
    return [*(f"<results>/{model}/{name}" for name in names), *unit_list_files(model)]


def claim_files(model):
    """What the audit reads of a model."""
    names = per_task("stimuli/{task}.parquet", config["tasks"])
    names += [f"ablation/{mode}/accuracy.parquet" for mode in modes_of(model)]
    efferents = config["efferents"]["verb_pairs"] is not None
    names += ["efferents/weights.parquet", "efferents/units.parquet"] if efferents else []
    if chosen_tasks(config, "dynamics"):
        names += [f"dynamics/{time_course_task()}.parquet", f"activations/{time_course_task()}"]
    names += [f"decoding/{name}_{kind}.parquet" for name in ANALYSES for kind in HOLD_OUTS]
    if finds_short_range(config):
        names += per_task("contributions/{task}.parquet", CONTRIBUTIONS)
    if config["depth"]["run"]:
        names += ["depth/comparisons.parquet"]
    names += [f"controls/tests/{family}.parquet" for family in CONTROLS]
    if connectivity_task(config):
        names += ["connectivity/summary.json", "connectivity/afferents.parquet"]
    files = [f"<results>/{model}/{name}" for name in names] + model_files(model)
    natural = [group for group, tasks in UNSWEPT.items() if set(tasks) & set(tasks_with("linzen"))]
    return files + single_unit_files(model, natural)


def card_files(model):
    """What the cards of a model's units show."""
    names = ["model.json", "model.safetensors", "vocab.txt"]
    names = [f"checkpoint/{name}" for name in names] + [
        f"ablation/{mode}/accuracy.parquet" for mode in modes_of(model)
    ]
    if config["efferents"]["verb_pairs"] is not None:
        names.append("efferents/units.parquet")
    if chosen_tasks(config, "dynamics"):
        task = drawn_task()
        names += [f"dynamics/{task}.parquet", f"stimuli/{task}.parquet"]
        names += ["efferents/words.parquet"] if "efferents/units.parquet" in names else []
    if unit_decoding_task(config):
        task = unit_decoding_task(config)
        names += ["decoding/units.parquet", f"stimuli/{task}.parquet"]
    if config["depth"]["run"]:
        names.append("depth/coefficients.parquet")
    if STRUCTURES:
        names.append("dependency_span.parquet")
    if connectivity_task(config):
        names.append("connectivity/afferents.parquet")
    files = [f"<results>/{model}/{name}" for name in dict.fromkeys(names)]
    if UNSWEPT:
        files += [f"<results>/{model}/intact/{task}.parquet" for task in unswept_tasks()]
    return [*files, *unit_list_files(model), *single_unit_files(model, UNSWEPT)]


def card_settings():
    return {
        "labels": labels(),
        "mode": config["discovery"]["mode"],
        "dynamics_task": drawn_task() if chosen_tasks(config, "dynamics") else None,
        "relative_drop": config["discovery"]["relative_drop"],
        "maximum_q": config["discovery"]["maximum_q"],
        "minimum_intact": config["discovery"]["minimum_intact"],
        **outlier_criteria(),
    }


def model_entries():
    """The models of the comparison, and where they stand in a training run."""
    keys = ("training_run", "training_step", "untrained_like")
    return [
        {"name": model, **{key: config["checkpoints"][model][key] for key in keys}}
        for model in config["models"]
    ]


def training_runs():
    """Training runs of which there are several checkpoints."""
    runs = [entry["training_run"] for entry in model_entries() if entry["training_run"]]
    return sorted({run for run in runs if runs.count(run) > 1})


def training_figures():
    return [f"<results>/training/{run}.{suffix}" for run in training_runs() for suffix in FIGURES]


def report_files():
    """All that the report shows or links to."""
    files = ["<results>/models.json", "<results>/models.csv", "<results>/models.md"]
    files += ["<results>/stimuli/balance.csv", *training_figures()]
    for model in config["models"]:
        files.append(f"<results>/{model}/claims.json")
        files += main_files(model) + analysis_files(model) + claim_files(model) + card_files(model)
        if config["checkpoints"][model]["identity"]:
            files.append(f"<results>/{model}/checkpoint/identity.csv")
    return list(dict.fromkeys(files))


def folder(name):
    """A folder of `pathvars`, for what is no input or output of a rule."""
    variables = config["pathvars"]
    return variables[name].replace("<results>", variables["results"])


def pages(*names):
    """Templates, style and scripts of the pages: named ones, or all."""
    places = [PACKAGE / "report" / "pages" / name for name in names]
    return places or sorted((PACKAGE / "report" / "pages").iterdir())


def check_job_arrays():
    """Refuse what version 2.8 of the SLURM plugin cannot do with job arrays."""
    if not getattr(workflow.executor_settings, "array_jobs", None):
        return
    jobs = len(workflow.dag)
    if workflow.nodes < jobs:
        raise WorkflowError(
            f"{jobs} jobs are to do, but --jobs is {workflow.nodes}: the SLURM plugin forgets the "
            "tasks of a job array beyond it, and the run would wait for them. Raise it, or go "
            "without arrays: --slurm-array-jobs=''"
        )
    if any(
        "'" in f"{key}={value}" for key, value in (workflow.config_settings.config or {}).items()
    ):
        raise WorkflowError(
            "the SLURM plugin cannot hand lists and sections of --config to job arrays; write them "
            "to a file and name it with --configfile, or go without arrays: --slurm-array-jobs=''"
        )


def before_the_first_job():
    """Refuse to start where another run writes, or where jobs would never be submitted."""
    check_job_arrays()
    quiet = workflow.output_settings.quiet or ()
    if Quietness.RULES in quiet and Quietness.ALL not in quiet:
        logger.addHandler(FailedJobs(LogEvent.JOB_ERROR))
    for path in (".snakemake", folder("results")):
        try:
            locked = hold_folder(path)
        except UserError as error:
            raise WorkflowError(str(error))
        if not locked:
            print(f"note: the file system of {path} has no locks, so make sure that no other run")
            print("writes there")


def print_results():
    """Say where the model cards, Table 2 of each model and the report are: those that are there."""
    results = folder("results")
    files = {f"Model card of {run}": f"training/{run}/model_card.md" for run in RUNS}
    files |= {f"Table 2 of {model}": f"{model}/tables/table2.md" for model in config["models"]}
    for name, path in {**files, "Report": "report.html"}.items():
        if Path(results, path).exists():
            print(f"{name}: {results}/{path}")


def corpus_file(run, name):
    """A file of the corpus that a run trains on."""
    return f"<results>/corpora/{RUNS[run]['corpus']}/{name}"


def text_files(corpus):
    """The text files of a corpus, patterns filled in."""
    found = []
    for pattern in config["training"]["corpora"][corpus]["files"]:
        try:
            found += matching_files(pattern, PROJECT, Path())
        except UserError as error:
            raise WorkflowError(f"training.corpora.{corpus}.files: {error}")
    return list(dict.fromkeys(found))


def sentence_files(wildcards):
    folder = f"<results>/corpora/{wildcards.corpus}/sentences"
    numbers = range(1, len(text_files(wildcards.corpus)) + 1)
    return [f"{folder}/{number}.parquet" for number in numbers]


def word_list(corpus, key):
    """A file of words that a corpus names; nothing where it names none."""
    path = config["training"]["corpora"][corpus][key]
    if path is not None and not Path(file(path)).is_file():
        raise WorkflowError(
            f"training.corpora.{corpus}.{key}: there is no file {path}, in the working directory or "
            "the project; put it there, or leave the key out"
        )
    return [] if path is None else file(path)


def required_word_files(wildcards):
    """Files whose words must be in the vocabulary."""
    files = [word_list(wildcards.corpus, "required_words")]
    if config["training"]["corpora"][wildcards.corpus]["stimulus_words"]:
        files += per_task("<results>/stimuli/{task}.parquet", tasks_with("generated"))
        files.append(file(config["context"]["file"]))
        files += ["<results>/stimuli/depth/sentences.parquet"] if config["depth"]["run"] else []
    return [path for path in files if path]


def corpus_settings(corpus):
    entry = config["training"]["corpora"][corpus]
    keys = ("vocabulary_size", "share_of_others", "maximum_unknown", "validation", "test", "seed")
    return {key: entry[key] for key in keys}


def training_inputs(wildcards):
    """What a run reads: its corpus, and the network it goes on from."""
    names = {"ids": "corpus.safetensors", "vocabulary": "vocab.txt", "counts": "counts.tsv"}
    files = {key: corpus_file(wildcards.run, name) for key, name in names.items()}
    initial = RUNS[wildcards.run]["initial"]
    if initial is not None:
        files["initial"] = f"<results>/{initial}/checkpoint/model.json"
    return files


def training_threads(wildcards):
    """All cores of the command line: a training is one job for long. A cluster's profile says more."""
    try:
        return workflow.cores or 1
    except WorkflowError:  # without --cores, as for --report
        return 1


def weights_of(run):
    """The file of weights at the end of a run."""
    return weights_file(config["checkpoints"][run]["training_step"])


def trained_networks(wildcards):
    """What `snakemake train` makes."""
    if not RUNS:
        raise WorkflowError(
            "training.runs in the configuration is empty, so there is nothing to train. "
            "docs/training.md has an example"
        )
    names = ("model_card.md", "learning_curve.pdf", "learning_curve.png")
    return [f"<results>/training/{run}/{name}" for run in RUNS for name in names]
