"""Predict depth from the activity of all units, and again with permuted depths."""

from lstm_units.console import job
from lstm_units.depth_regression import procedure_from
from lstm_units.steps_depth_regression import write_unit_regression

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
