"""Weights and effective inputs from all units to the gates of the number and syntax units."""

from lstm_units.activations.reader import open_activations
from lstm_units.analyses.connectivity.afferents import afferents
from lstm_units.io.results import read_result, write_result
from lstm_units.models.checkpoints import load_language_model
from lstm_units.runtime.console import job
from lstm_units.stimuli.aligned_items import read_aligned_items

with job(snakemake.log[0]):
    syntax, short_range = snakemake.input.syntax, snakemake.input.short_range
    found = afferents(
        model=load_language_model(snakemake.input.weights),
        dump=open_activations(snakemake.input.dump),
        items=read_aligned_items(snakemake.input.stimuli),
        shown=read_result(snakemake.input.shown),
        syntax=read_result(syntax) if syntax else None,
        short_range=read_result(short_range) if short_range else None,
        threshold=snakemake.params.threshold,
    )
    write_result(found, snakemake.output.afferents)
