"""Choose the units that figures and tables of single units show."""

from lstm_units.analyses.long_range_units.shown_units import shown_units
from lstm_units.config.sweep_plan import read_layer_sizes
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_if_run, read_result, read_results, write_result
from lstm_units.runtime.console import job
from lstm_units.stimuli.congruence import COLUMNS

with job(snakemake.log[0]), or_not_run(snakemake.output):
    shown = shown_units(
        long_range=read_result(snakemake.input.long_range),
        accuracy=read_if_run(snakemake.input.accuracy, ("unit", "task", "condition", "drop")),
        stimuli=read_results(
            snakemake.params.tasks, snakemake.input.stimuli, COLUMNS, needed=False
        ),
        syntax=read_if_run(snakemake.input.syntax),
        layer_sizes=read_layer_sizes(snakemake.input.description),
        named=snakemake.params.named,
        syntax_unit=snakemake.params.syntax,
        n_arbitrary=snakemake.params.arbitrary,
        seed=snakemake.params.seed,
    )
    write_result(shown, snakemake.output.shown)
