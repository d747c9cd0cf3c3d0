"""Predict depth from something simpler than all units."""

from pathlib import Path

from lstm_units.analyses.depth.regression import procedure_from
from lstm_units.analyses.depth.write_baselines import write_baseline_regression
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    weights = snakemake.input.checkpoint
    write_baseline_regression(
        snakemake.wildcards.regressors,
        snakemake.input.positions,
        snakemake.input.sentences,
        snakemake.input.word_counts or None,
        procedure=procedure_from(**snakemake.params.validation),
        output=snakemake.output[0],
        dump=snakemake.input.dump or None,
        checkpoint=Path(weights).parent if weights else None,
    )
