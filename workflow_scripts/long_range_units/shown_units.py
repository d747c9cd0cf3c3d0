"""Choose the units that figures and tables of single units show."""

from lstm_units.analyses.long_range_units.write_shown_units import write_shown_units
from lstm_units.config.sweep_plan import read_layer_sizes
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_shown_units(
        snakemake.input.long_range,
        snakemake.input.accuracy,
        read_layer_sizes(snakemake.input.description),
        snakemake.params.tasks,
        snakemake.params.named,
        snakemake.params.syntax,
        snakemake.input.syntax or None,
        snakemake.params.arbitrary,
        snakemake.params.seed,
        snakemake.output[0],
    )
