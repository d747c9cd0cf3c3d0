# Before the first job of a run, and after the last.

from snakemake.logging import logger
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

from lstm_units.config.run_files import places_of_results
from lstm_units.runtime.failed_jobs import FailedJobs
from lstm_units.runtime.folder_lock import hold_folder


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
            raise WorkflowError(f"{error} (pathvars.results in the configuration)")
        if not locked:
            print(f"note: the file system of {path} has no locks, so make sure that no other run")
            print("writes there")


def print_results():
    """Say where the model cards, Table 2 of each model and the report are: those that are there."""
    results = folder("results")
    for name, path in places_of_results(config).items():
        if Path(results, path).exists():
            print(f"{name}: {results}/{path}")


onstart:
    before_the_first_job()


onsuccess:
    print_results()
