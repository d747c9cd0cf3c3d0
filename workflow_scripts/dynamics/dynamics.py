"""Mean time course of every unit in every condition."""

from lstm_units.analyses.dynamics.write_dynamics import write_dynamics
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_dynamics(
        snakemake.input.dump,
        snakemake.input.stimuli,
        snakemake.input.intact,
        snakemake.params.answers,
        snakemake.output[0],
    )
