"""Figure 3 of any unit: its cell over the subject-verb dependency of each structure."""

import itertools

from lstm_units.activations.matched import read_dumped_items
from lstm_units.activations.reader import open_activations
from lstm_units.analyses.syntax_units.figure3 import unit_figure
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_each, read_result
from lstm_units.plots.style import write_figure, write_no_figure
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_figure):
    dumps = read_each(open_activations, snakemake.input.stimuli, snakemake.input.dumps)
    figure = unit_figure(
        dumps=list(dumps.values()),
        items=list(itertools.starmap(read_dumped_items, dumps.items())),
        span=read_result(snakemake.input.span),
        unit=int(snakemake.wildcards.unit),
        labels=snakemake.params.labels,
    )
    write_figure(figure, snakemake.output.figure)
