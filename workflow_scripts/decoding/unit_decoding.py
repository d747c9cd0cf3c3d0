"""AUC of the subject's number from each single unit at every word."""

from lstm_units.analyses.decoding.write_single_units import write_unit_decoding
from lstm_units.runtime.console import job

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
