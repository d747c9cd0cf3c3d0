"""Mean time course of every unit in every condition."""

from lstm_units.activations.reader import open_activations
from lstm_units.analyses.dynamics.time_courses import time_courses
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result, write_result
from lstm_units.runtime.console import job
from lstm_units.stimuli.aligned_items import read_aligned_items

with job(snakemake.log[0]), or_not_run(snakemake.output):
    dynamics = time_courses(
        dump=open_activations(snakemake.input.dump),
        items=read_aligned_items(snakemake.input.stimuli),
        intact=read_result(snakemake.input.intact, ["item", "right"]),
        answers=snakemake.params.answers,
    )
    write_result(dynamics, snakemake.output.dynamics)
