"""Count the words of each condition, and refuse a generated task that is not balanced."""

from lstm_units.io.files import write_text
from lstm_units.runtime.console import job
from lstm_units.stimuli.balance import balance_of_tasks
from lstm_units.stimuli.table import read_stimuli

params = snakemake.params
with job(snakemake.log[0]):
    paths = zip(params.tasks, snakemake.input.stimuli, strict=True)
    counts = balance_of_tasks(
        stimuli={task: read_stimuli(path) for task, path in paths},
        generated=params.generated,
        tolerance=params.tolerance,
        significance=params.significance,
    )
    text = counts.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    write_text(text, snakemake.output.counts)
