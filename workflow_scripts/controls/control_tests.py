"""Compare the ablation of discovered units with that of random sets."""

from lstm_units.analyses.controls.set_tests import control_tests
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result, read_results, write_result
from lstm_units.runtime.console import job
from lstm_units.statistics.intact_items import COLUMNS
from lstm_units.statistics.margins import open_margins

NUMBERS = ("item", "subject_number", "attractor_numbers")
with job(snakemake.log[0]), or_not_run(snakemake.output):
    tasks = snakemake.params.tasks
    accuracy, tests = control_tests(
        margins=open_margins(snakemake.input.shards, key="set"),
        scores=read_results(tasks, snakemake.input.intact, COLUMNS),
        stimuli=read_results(tasks, snakemake.input.stimuli, NUMBERS),
        sets=read_result(snakemake.input.sets),
        minimum_intact=snakemake.params.minimum_intact,
        confidence=snakemake.params.confidence,
        near_tie=snakemake.params.near_tie,
        seed=snakemake.params.seed,
        pooled_tasks=snakemake.params.natural,
    )
    write_result(accuracy, snakemake.output.accuracy)
    write_result(tests, snakemake.output.tests)
