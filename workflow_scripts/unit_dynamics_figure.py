"""The time course of one unit."""

from lstm_units.console import job
from lstm_units.steps_figure1 import write_unit_dynamics

with job(snakemake.log[0]):
    write_unit_dynamics(
        snakemake.input.dynamics,
        snakemake.input.stimuli,
        int(snakemake.wildcards.unit),
        list(snakemake.output),
    )
