"""Figure 4: connections among the long-range units, and what reaches their gates."""

from lstm_units.analyses.connectivity.write_figure4 import write_figure4
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_figure4(
        snakemake.input.afferents,
        snakemake.input.shown,
        snakemake.input.syntax or None,
        list(snakemake.output.a),
        list(snakemake.output.b),
    )
