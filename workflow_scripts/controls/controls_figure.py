"""Figure of one control: the random sets, and the tested one."""

from lstm_units.analyses.controls.write_figure import write_controls_figure
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_controls_figure(
        snakemake.input.accuracy,
        snakemake.input.tests,
        snakemake.input.sets,
        snakemake.wildcards.family,
        snakemake.params.labels,
        list(snakemake.output),
    )
