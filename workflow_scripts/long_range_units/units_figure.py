"""All units at a glance."""

from lstm_units.analyses.long_range_units.write_figure import write_units_figure
from lstm_units.config.sweep_plan import read_layer_sizes
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_units_figure(
        dict(zip(snakemake.params.modes, snakemake.input.accuracy, strict=True)),
        read_layer_sizes(snakemake.input.description),
        snakemake.input.long_range,
        snakemake.params.labels,
        snakemake.params.relative_drop,
        snakemake.params.maximum_q,
        list(snakemake.output),
    )
