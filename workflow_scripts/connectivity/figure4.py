"""Figure 4: connections among the long-range units, and what reaches their gates."""

from lstm_units.analyses.connectivity.figure4 import figure4
from lstm_units.io.results import read_result
from lstm_units.plots.style import write_figure
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    syntax = snakemake.input.syntax
    mutual, gates = figure4(
        afferents=read_result(snakemake.input.afferents),
        shown=read_result(snakemake.input.shown),
        syntax=read_result(syntax) if syntax else None,
    )
    write_figure(mutual, snakemake.output.a)
    write_figure(gates, snakemake.output.b)
