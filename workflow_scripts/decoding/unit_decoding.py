"""AUC of the subject's number from each single unit at every word."""

from lstm_units.activations.matched import read_dumped_items
from lstm_units.activations.reader import open_activations
from lstm_units.analyses.decoding.single_units import unit_decoding
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import write_result
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output):
    dump = open_activations(snakemake.input.dump)
    decoding = unit_decoding(
        dump=dump,
        items=read_dumped_items(snakemake.input.stimuli, dump),
        variable=snakemake.params.variable,
        label="subject_number",
        conditions=snakemake.params.conditions,
        confidence=snakemake.params.confidence,
        bootstrap_samples=snakemake.params.bootstrap_samples,
        seed=snakemake.params.seed,
    )
    write_result(decoding, snakemake.output.units)
