"""Count the words of each condition, and refuse a generated task that is not balanced."""

from lstm_units.runtime.console import job
from lstm_units.stimuli.write_balance import write_balance

with job(snakemake.log[0]):
    write_balance(
        dict(zip(snakemake.params.tasks, snakemake.input.stimuli, strict=True)),
        snakemake.params.generated,
        snakemake.params.tolerance,
        snakemake.params.significance,
        snakemake.output[0],
    )
