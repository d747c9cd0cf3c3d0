"""The time course of one unit."""

from lstm_units.analyses.dynamics.figure1 import unit_figure
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result
from lstm_units.plots.style import write_figure, write_no_figure
from lstm_units.runtime.console import concerning, job
from lstm_units.stimuli.aligned_items import read_aligned_items

UNITS = "shown_units.named, activations.layers in config.yaml"

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_figure), concerning(UNITS):
    unit = int(snakemake.wildcards.unit)
    figure = unit_figure(
        dynamics=read_result(snakemake.input.dynamics, filters=[("unit", "==", unit)]),
        items=read_aligned_items(snakemake.input.stimuli),
        unit=unit,
    )
    write_figure(figure, snakemake.output.figure)
