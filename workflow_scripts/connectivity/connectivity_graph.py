"""The strong connections as a graph, in GraphML."""

from lstm_units.analyses.connectivity.graph import strong_connections, write_graph
from lstm_units.io.results import read_result
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    syntax, short_range = snakemake.input.syntax, snakemake.input.short_range
    strong = [("outlier_mean", "==", True)]
    graph = strong_connections(
        afferents=read_result(snakemake.input.afferents, filters=strong),
        shown=read_result(snakemake.input.shown),
        syntax=read_result(syntax) if syntax else None,
        short_range=read_result(short_range) if short_range else None,
    )
    write_graph(graph, snakemake.output.graph)
