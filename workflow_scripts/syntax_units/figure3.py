"""Figure 3: the cell of the top syntax unit over four structures."""

from lstm_units.activations.matched import read_dumped_items
from lstm_units.activations.reader import open_activations
from lstm_units.analyses.syntax_units.figure3 import figure3
from lstm_units.io.results import read_result
from lstm_units.plots.style import write_figure
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    dumps = [open_activations(folder) for folder in snakemake.input.dumps]
    figure = figure3(
        dumps=dumps,
        items=list(map(read_dumped_items, snakemake.input.stimuli, dumps)),
        syntax=read_result(snakemake.input.syntax),
        labels=snakemake.params.labels,
    )
    write_figure(figure, snakemake.output.figure)
