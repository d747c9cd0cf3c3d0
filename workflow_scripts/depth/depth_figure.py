"""Figure of the regression of depth: coefficients, predictions, and the top unit's activity."""

from lstm_units.activations.reader import open_activations
from lstm_units.analyses.depth.figure import depth_figure
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result
from lstm_units.plots.style import write_figure, write_no_figure
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_figure):
    figure = depth_figure(
        coefficients=read_result(snakemake.input.coefficients),
        permutations=read_result(snakemake.input.permutations),
        predictions=read_result(snakemake.input.predictions, ["open_nodes", "predicted"]),
        scores=read_result(snakemake.input.scores),
        positions=read_result(snakemake.input.positions),
        dump=open_activations(snakemake.input.dump),
    )
    write_figure(figure, snakemake.output.figure)
