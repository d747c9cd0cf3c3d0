"""Figure 3: the cell of the top syntax unit over four structures."""

import itertools

from lstm_units.activations.matched import read_dumped_items
from lstm_units.activations.reader import open_activations
from lstm_units.analyses.syntax_units.figure3 import figure3
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_each, read_result
from lstm_units.plots.style import write_figure, write_no_figure
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_figure):
    dumps = read_each(open_activations, snakemake.input.stimuli, snakemake.input.dumps)
    figure = figure3(
        dumps=list(dumps.values()),
        items=list(itertools.starmap(read_dumped_items, dumps.items())),
        syntax=read_result(snakemake.input.syntax),
        labels=snakemake.params.labels,
    )
    write_figure(figure, snakemake.output.figure)
