"""Mean time course of every unit in every condition."""

from lstm_units.console import job
from lstm_units.steps_dynamics import write_dynamics

with job(snakemake.log[0]):
    write_dynamics(
        snakemake.input.dump,
        snakemake.input.stimuli,
        snakemake.input.intact,
        snakemake.params.answers,
        snakemake.output[0],
    )
