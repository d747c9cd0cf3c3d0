"""The strong connections as a graph, in GraphML."""

from lstm_units.analyses.connectivity.graph import strong_connections, write_graph, write_no_graph
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_if_run, read_result
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output, write_no_graph):
    strong = [("outlier_mean", "==", True)]
    graph = strong_connections(
        afferents=read_result(snakemake.input.afferents, filters=strong),
        shown=read_result(snakemake.input.shown),
        syntax=read_if_run(snakemake.input.syntax),
        short_range=read_if_run(snakemake.input.short_range),
    )
    write_graph(graph, snakemake.output.graph)
