"""Figure of one control: the random sets, and the tested one."""

from lstm_units.console import job
from lstm_units.steps_controls_figure import write_controls_figure

with job(snakemake.log[0]):
    write_controls_figure(
        snakemake.input.accuracy,
        snakemake.input.tests,
        snakemake.input.sets,
        snakemake.wildcards.family,
        snakemake.params.labels,
        list(snakemake.output),
    )
