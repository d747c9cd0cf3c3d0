"""Predict depth from something simpler than all units; baselines differ in the inputs they have."""

from lstm_units.activations.reader import open_activations
from lstm_units.analyses.depth.nested_ridge import procedure_from
from lstm_units.analyses.depth.regression import regress_baseline
from lstm_units.analyses.depth.regressors import read_word_frequencies
from lstm_units.depth_corpus.sample import read_depth_sample
from lstm_units.errors import WordCountsError
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import write_result
from lstm_units.runtime.console import concerning, job


def load_model(path):  # torch takes a second to import, and most baselines need no network
    from lstm_units.models.checkpoints import load_language_model

    return load_language_model(path)


READERS = {"dump": open_activations, "model": load_model, "word_counts": read_word_frequencies}
files, key = snakemake.input, snakemake.params.counts_key

with job(snakemake.log[0]), or_not_run(snakemake.output), concerning(key, WordCountsError):
    predictions = regress_baseline(
        snakemake.wildcards.regressors,
        sample=read_depth_sample(files.sentences, files.positions),
        procedure=procedure_from(**snakemake.params.validation),
        **{name: read(files[name]) for name, read in READERS.items() if files[name]},
    )
    write_result(predictions, snakemake.output.predictions)
