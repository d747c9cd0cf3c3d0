"""Generalisation across time: train a classifier at one word, test it at every word."""

from lstm_units.activations.matched import read_dumped_items
from lstm_units.activations.reader import open_activations
from lstm_units.analyses.decoding.over_time import decoding_over_time
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result, write_result
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output):
    dump = open_activations(snakemake.input.dump)
    untrained = [open_activations(folder) for folder in snakemake.input.untrained]
    decoding = decoding_over_time(
        dump=dump,
        untrained=untrained,
        items=read_dumped_items(snakemake.input.stimuli, dump, *untrained),
        long_range=read_result(snakemake.input.long_range),
        shown=read_result(snakemake.input.shown),
        cross_validation=snakemake.wildcards.cross_validation,
        **snakemake.params.analysis,
        **snakemake.params.settings,
    )
    write_result(decoding, snakemake.output.decoding)
