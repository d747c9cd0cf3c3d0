"""Count the words of each condition, and refuse a generated task that is not balanced."""

from lstm_units.console import job
from lstm_units.steps_balance import write_balance

with job(snakemake.log[0]):
    write_balance(
        dict(zip(snakemake.params.tasks, snakemake.input.stimuli, strict=True)),
        snakemake.params.generated,
        snakemake.params.tolerance,
        snakemake.params.significance,
        snakemake.output[0],
    )
