"""Decoder weights of the last layer to singular and plural verb forms."""

from lstm_units.analyses.efferents.verb_pairs import read_verb_pairs
from lstm_units.analyses.efferents.weights import efferents
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import write_result
from lstm_units.models.checkpoints import load_language_model
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output):
    weights, units = efferents(
        model=load_language_model(snakemake.input.weights),
        verb_pairs=read_verb_pairs(snakemake.input.verb_pairs),
        correction=snakemake.params.correction,
    )
    write_result(weights, snakemake.output.weights)
    write_result(units, snakemake.output.units)
