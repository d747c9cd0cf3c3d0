"""AUC of the subject's number from each single unit at every word."""

from lstm_units.console import job
from lstm_units.steps_unit_decoding import write_unit_decoding

with job(snakemake.log[0]):
    write_unit_decoding(
        snakemake.input.dump,
        snakemake.input.stimuli,
        variable=snakemake.params.variable,
        label="subject_number",
        conditions=snakemake.params.conditions,
        confidence=snakemake.params.confidence,
        bootstrap_samples=snakemake.params.bootstrap_samples,
        seed=snakemake.params.seed,
        output=snakemake.output[0],
    )
