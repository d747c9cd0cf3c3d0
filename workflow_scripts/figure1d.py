"""Figure 1d: efferent weights to verb forms."""

from lstm_units.console import job
from lstm_units.steps_figure1d import write_figure1d

with job(snakemake.log[0]):
    write_figure1d(
        snakemake.input.weights,
        snakemake.input.units,
        snakemake.input.shown,
        list(snakemake.output),
    )
