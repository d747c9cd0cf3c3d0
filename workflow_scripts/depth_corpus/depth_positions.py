"""Sample words so that depth does not correlate with position."""

from lstm_units.depth_corpus.write_corpus import write_depth_positions
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_depth_positions(
        snakemake.input[0],
        snakemake.params.positions,
        snakemake.params.open_nodes,
        snakemake.params.per_cell,
        snakemake.params.order,
        snakemake.params.seed,
        snakemake.output.positions,
        snakemake.output.report,
    )
