"""All units at a glance."""

from lstm_units.analyses.long_range_units.figure import COLUMNS, units_figure
from lstm_units.config.sweep_plan import read_layer_sizes
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result, read_results
from lstm_units.plots.style import write_figure, write_no_figure
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_figure):
    figure = units_figure(
        accuracy=read_results(snakemake.params.modes, snakemake.input.accuracy, COLUMNS),
        layer_sizes=read_layer_sizes(snakemake.input.description),
        long_range=read_result(snakemake.input.long_range),
        labels=snakemake.params.labels,
        relative_drop=snakemake.params.relative_drop,
        maximum_q=snakemake.params.maximum_q,
    )
    write_figure(figure, snakemake.output.figure)
