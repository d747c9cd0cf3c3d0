# Helpers of the rules. Nothing here is written to disk, and nothing heavy is imported: every
# cluster job parses this file again.

import sys
from functools import cache, lru_cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

# Fingerprints of code are taken over the sources of this project, so these go before an installed
# copy: here, and in the jobs. PYTHONPATH is set in a job's own shell, since Snakemake removes it
# from the variables of jobs that use conda. Figures need nothing of the user's matplotlib, and a
# matplotlibrc or backend that it cannot read would end their jobs.
SOURCES = str(Path(workflow.basedir) / "src")
sys.path[:] = [SOURCES, *(path for path in sys.path if path != SOURCES)]
shell.prefix(
    "set -euo pipefail; export MPLBACKEND=agg MATPLOTLIBRC=/dev/null; "
    'export PYTHONPATH={SOURCES:q}"${{PYTHONPATH:+:$PYTHONPATH}}"; '
)

try:
    from lstm_units.config.validate import validate_config
except ImportError as error:
    raise WorkflowError(
        f"the library cannot be imported ({error}); install it first: pip install -e ."
    )
from lstm_units.config.analysis_plan import (
    chosen_tasks,
    controls,
    paper_tasks,
    tasks_with,
)
from lstm_units.config.input_files import missing_files, missing_files_message, resolve
from lstm_units.config.rooms import room_of_figure, room_of_table
from lstm_units.config.schema import subschema
from lstm_units.config.run_files import lists_of_units, report_files, shard_files
from lstm_units.config.sweep_plan import groups, read_layer_sizes, swept_modes, swept_units
from lstm_units.config.yaml_files import read_yaml
from lstm_units.errors import UserError
from lstm_units.runtime.array_tasks import start_own_job
from lstm_units.runtime.fingerprint import Code

# A task of a SLURM job array starts anew as the job that it is: lstm_units.runtime.array_tasks says why.
start_own_job()

PROJECT = Path(workflow.basedir)
PACKAGE = PROJECT / "src" / "lstm_units"
CODE = Code(PACKAGE)
CONFIG = str(PROJECT / "config.yaml")

try:
    read_yaml(CONFIG)  # Snakemake copies what aliases stand for, however much that is
except UserError as error:
    raise WorkflowError(str(error))
except OSError:
    pass  # Snakemake says so, unless another file is given


configfile: CONFIG


try:
    config = validate_config(config)
    _missing = missing_files(config, PROJECT, Path())
except UserError as error:
    raise WorkflowError(str(error))
if _missing:
    raise WorkflowError(missing_files_message(_missing))


# Snakemake's own defaults are other ones.
pathvars:
    **config["pathvars"],


TASKS = config["task_definitions"]
SWEPT = groups(config)
CONTROLS = controls(config)
OUTLIERS = {
    key: config["syntax_units"][key] for key in ("threshold", "minimum_folds", "deviations_from")
}


wildcard_constraints:
    model=r"[A-Za-z][A-Za-z0-9_]*",
    task=r"[A-Za-z][A-Za-z0-9_]*",
    group=r"[A-Za-z][A-Za-z0-9_]*",
    mode="zero|legacy|mean",
    first=r"\d+",
    last=r"\d+",


def code(script, *extra):
    """Fingerprint of a script and of all that it reaches, once for all its jobs.

    Further paths are data files that it reads.
    """
    taken = cache(lambda: CODE.fingerprint(PROJECT / "workflow_scripts" / script, extra))
    return lambda wildcards: taken()


def device_environment(section):
    """The conda environment of jobs that run a model: one for cpu, cuda and auto each."""
    device = config[section]["device"].partition(":")[0]
    return f"../envs/{device}.yaml"


def file(path):
    """Where a file named in the configuration is: here, or in the project."""
    return str(resolve(path, PROJECT, Path()))


def in_report(path, title, category, caption="room", **labels):
    """Mark a file for the report of Snakemake."""
    return report(
        path, caption=f"captions/{caption}.rst", category=category, labels={"what": title, **labels}
    )


def figure(name, title):
    """The files of a model's figure."""
    path, category = f"<results>/{{model}}/figures/{name}", room_of_figure(name).title
    return [f"{path}.pdf", in_report(f"{path}.png", title, category, model="{model}")]


def table(name, title):
    """The files of a model's table."""
    path, category = f"<results>/{{model}}/tables/{name}", room_of_table(name).title
    shown = in_report(f"{path}.csv", title, category, model="{model}")
    return [shown, *(f"{path}.{suffix}" for suffix in ("md", "tex", "json"))]


def alternatives(names):
    """A pattern that matches these names only; with none of them, nothing."""
    return "|".join(names) or "(?!)"


@lru_cache
def task_tables(language):
    try:
        return read_yaml(Path(language) / "tasks.yaml")
    except (UserError, OSError) as error:
        raise WorkflowError(str(error))


def label(task):
    """Name of a task in print: the configuration's, else the language tables', else its own."""
    definition = TASKS[task]
    if definition["label"] is None and "language" in definition:
        tables = task_tables(file(definition["language"]))
        return tables.get(definition.get("template") or task, {}).get("label", task)
    return definition["label"] or task


def labels():
    return {task: label(task) for task in config["tasks"]}


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


def context():
    chosen = config["context"]
    # The context that nobody chose is left out for models of another language.
    optional = chosen["file"] == subschema(["context", "file"])["default"]
    return {"path": file(chosen["file"]), "case": chosen["case"], "optional": optional}


def swept_tasks():
    return [task for tasks in SWEPT.values() for task in tasks]


def per_task(pattern, tasks):
    """One file per task, for a rule that reads several."""
    return [pattern.replace("{task}", task) for task in tasks]


def layer_sizes(model):
    """Units of each layer; Snakemake comes back here once the checkpoint is converted."""
    description = checkpoints.convert_checkpoint.get(model=model).output.description
    return read_layer_sizes(description)


def drawn_task():
    """The task of Figures 1a and 1b; its rules are never asked for where there is none."""
    return (chosen_tasks(config, "dynamics") or ["none"])[0]


def folder(name):
    """A folder of `pathvars`, for what is no input or output of a rule."""
    variables = config["pathvars"]
    return variables[name].replace("<results>", variables["results"])


def model_folder(wildcards):
    """The folder of a model's results, for a job that reads many of them."""
    return f"{folder('results')}/{wildcards.model}"


def pages(*names):
    """Templates, style and scripts of the pages: named ones, or all."""
    places = [PACKAGE / "report" / "pages" / name for name in names]
    return places or sorted((PACKAGE / "report" / "pages").iterdir())


def training_threads(wildcards):
    """All cores of the command line: a training is one job for long. A cluster's profile says more."""
    try:
        return workflow.cores or 1
    except WorkflowError:  # without --cores, as for --report
        return 1


def captions(paths, model):
    """What the rooms say of figures and tables; Snakemake's own report asks in captions/room.rst."""
    from lstm_units.report.captions import described

    results = Path(folder("results"))
    sizes = {m: read_layer_sizes(results / m / "checkpoint/model.json") for m in config["models"]}
    known = [path.replace("<results>", str(results)) for path in report_files(config, sizes)]
    return described(paths, results / model, known, labels(), config)
