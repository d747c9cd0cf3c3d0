"""Predict depth from the activity of all units, and again with permuted depths."""

from lstm_units.activations.reader import open_activations
from lstm_units.analyses.depth.nested_ridge import procedure_from
from lstm_units.analyses.depth.regression import regress_units
from lstm_units.analyses.depth.regressors import read_word_frequencies
from lstm_units.depth_corpus.sample import read_depth_sample
from lstm_units.errors import WordCountsError
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import write_result
from lstm_units.runtime.console import concerning, job

with (
    job(snakemake.log[0]),
    or_not_run(snakemake.output),
    concerning(snakemake.params.counts_key, WordCountsError),
):
    predictions, coefficients, permuted = regress_units(
        sample=read_depth_sample(snakemake.input.sentences, snakemake.input.positions),
        dump=open_activations(snakemake.input.dump),
        word_counts=read_word_frequencies(snakemake.input.word_counts),
        procedure=procedure_from(**snakemake.params.validation),
        permutations=snakemake.params.permutations,
    )
    write_result(predictions, snakemake.output.predictions)
    write_result(coefficients, snakemake.output.coefficients)
    write_result(permuted, snakemake.output.permuted)
