"""The strong connections as a graph, in GraphML."""

from lstm_units.analyses.connectivity.write_graph import write_connectivity_graph
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_connectivity_graph(
        snakemake.input.afferents,
        snakemake.input.shown,
        snakemake.input.syntax or None,
        snakemake.input.short_range or None,
        snakemake.output[0],
    )
