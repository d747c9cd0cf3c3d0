"""Figure 4: connections among the long-range units, and what reaches their gates."""

from lstm_units.analyses.connectivity.figure4 import figure4
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_if_run, read_result
from lstm_units.plots.style import write_figure, write_no_figure
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_figure):
    mutual, gates = figure4(
        afferents=read_result(snakemake.input.afferents),
        shown=read_result(snakemake.input.shown),
        syntax=read_if_run(snakemake.input.syntax),
    )
    write_figure(mutual, snakemake.output.a)
    write_figure(gates, snakemake.output.b)
