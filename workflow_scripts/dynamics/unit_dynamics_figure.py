"""The time course of one unit."""

from lstm_units.analyses.dynamics.write_figure1 import write_unit_dynamics
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_unit_dynamics(
        snakemake.input.dynamics,
        snakemake.input.stimuli,
        int(snakemake.wildcards.unit),
        list(snakemake.output),
    )
