"""Figure 1d: efferent weights to verb forms."""

from lstm_units.analyses.efferents.write_figure1d import write_figure1d
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_figure1d(
        snakemake.input.weights,
        snakemake.input.units,
        snakemake.input.shown,
        list(snakemake.output),
    )
