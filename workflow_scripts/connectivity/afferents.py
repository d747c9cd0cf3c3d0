"""Weights and effective inputs from all units to the gates of the number and syntax units."""

from lstm_units.activations.reader import open_activations
from lstm_units.analyses.connectivity.afferents import afferents
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_if_run, read_result, write_result
from lstm_units.models.checkpoints import load_language_model
from lstm_units.runtime.console import job
from lstm_units.stimuli.aligned_items import read_aligned_items

with job(snakemake.log[0]), or_not_run(snakemake.output):
    found = afferents(
        model=load_language_model(snakemake.input.weights),
        dump=open_activations(snakemake.input.dump),
        items=read_aligned_items(snakemake.input.stimuli),
        shown=read_result(snakemake.input.shown),
        syntax=read_if_run(snakemake.input.syntax),
        short_range=read_if_run(snakemake.input.short_range),
        threshold=snakemake.params.threshold,
    )
    write_result(found, snakemake.output.afferents)
