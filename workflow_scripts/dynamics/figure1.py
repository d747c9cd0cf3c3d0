"""Figures 1a, 1b and 1c: time courses of long-range units, and the ideal one."""

from lstm_units.analyses.dynamics.write_figure1 import write_figure1
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_figure1(
        snakemake.input.dynamics,
        snakemake.input.stimuli,
        snakemake.input.shown,
        list(snakemake.output.a),
        list(snakemake.output.b),
        list(snakemake.output.c),
    )
