"""All units at a glance."""

from lstm_units.console import job
from lstm_units.steps_figures import write_units_figure
from lstm_units.sweep_plan import read_layer_sizes

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
