"""Predict depth from the activity of all units, and again with permuted depths."""

from lstm_units.analyses.depth.regression import procedure_from
from lstm_units.analyses.depth.write_regression import write_unit_regression
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    write_unit_regression(
        snakemake.input.dump,
        snakemake.input.positions,
        snakemake.input.sentences,
        snakemake.input.word_counts,
        procedure=procedure_from(**snakemake.params.validation),
        permutations=snakemake.params.permutations,
        predictions=snakemake.output.predictions,
        coefficients=snakemake.output.coefficients,
        permuted=snakemake.output.permuted,
    )
