"""The words that each unit of the last layer raises and lowers most."""

from lstm_units.analyses.efferents.words import efferent_words
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result, write_result
from lstm_units.models.checkpoints import load_language_model
from lstm_units.runtime.console import job
from lstm_units.stimuli.aligned_items import read_aligned_items

with job(snakemake.log[0]), or_not_run(snakemake.output):
    items = read_aligned_items(snakemake.input.stimuli)
    before_verb = [("variable", "==", "hidden"), ("position", "==", items.verb_position - 1)]
    words = efferent_words(
        model=load_language_model(snakemake.input.weights),
        dynamics=read_result(snakemake.input.dynamics, filters=before_verb),
        items=items,
        n_words=snakemake.params.words,
    )
    write_result(words, snakemake.output.words)
