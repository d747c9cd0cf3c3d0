"""Sample words so that depth does not correlate with position."""

from lstm_units.depth_corpus.positions import depth_positions
from lstm_units.io.results import read_result, write_result
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    positions, report = depth_positions(
        sentences=read_result(snakemake.input.sentences),
        positions=snakemake.params.positions,
        open_nodes=snakemake.params.open_nodes,
        per_cell=snakemake.params.per_cell,
        order=snakemake.params.order,
        seed=snakemake.params.seed,
    )
    write_result(positions, snakemake.output.positions)
    write_result(report, snakemake.output.report)
