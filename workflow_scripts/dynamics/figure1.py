"""Figures 1a, 1b and 1c: time courses of long-range units, and the ideal one."""

from lstm_units.analyses.dynamics.figure1 import figure1
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result
from lstm_units.plots.style import write_figure, write_no_figure
from lstm_units.runtime.console import job
from lstm_units.stimuli.aligned_items import read_aligned_items

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_figure):
    shown = read_result(snakemake.input.shown)
    numbers = [entry["unit"] for entry in shown.content["units"]]
    figures = figure1(
        dynamics=read_result(snakemake.input.dynamics, filters=[("unit", "in", numbers)]),
        items=read_aligned_items(snakemake.input.stimuli),
        shown=shown,
    )
    for figure, panel in zip(figures, "abc", strict=True):
        write_figure(figure, snakemake.output[panel])
