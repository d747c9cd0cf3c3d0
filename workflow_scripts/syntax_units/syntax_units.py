"""Find the syntax units, and rank them by how they span the subject-verb dependency."""

from lstm_units.analyses.syntax_units.syntax_units import find_syntax_units
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result, write_result
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output):
    found = find_syntax_units(
        coefficients=read_result(snakemake.input.coefficients),
        permutations=read_result(snakemake.input.permutations),
        span=read_result(snakemake.input.span),
        long_range=read_result(snakemake.input.long_range),
        minimum_auc=snakemake.params.minimum_auc,
    )
    write_result(found, snakemake.output.syntax)
