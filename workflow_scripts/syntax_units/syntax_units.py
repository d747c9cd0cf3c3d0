"""Find the syntax units, and rank them by how they span the subject-verb dependency."""

from lstm_units.analyses.syntax_units.write_syntax_units import write_syntax_units
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_syntax_units(
        snakemake.input.coefficients,
        snakemake.input.permutations,
        snakemake.input.span,
        snakemake.input.long_range,
        **snakemake.params.outliers,
        output=snakemake.output[0],
        minimum_auc=snakemake.params.minimum_auc,
    )
