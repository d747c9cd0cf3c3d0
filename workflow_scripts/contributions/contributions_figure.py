"""Figure of the contributions of long- and short-range units to the verb margin."""

from lstm_units.analyses.contributions.write_figure import write_contributions_figure
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_contributions_figure(
        dict(zip(snakemake.params.tasks, snakemake.input.contributions, strict=True)),
        snakemake.params.labels,
        snakemake.params.statistics,
        list(snakemake.output),
    )
