"""The strong connections as a graph, in GraphML."""

from lstm_units.console import job
from lstm_units.steps_connectivity_graph import write_connectivity_graph

with job(snakemake.log[0]):
    write_connectivity_graph(
        snakemake.input.afferents,
        snakemake.input.shown,
        snakemake.input.syntax or None,
        snakemake.input.short_range or None,
        snakemake.output[0],
    )
