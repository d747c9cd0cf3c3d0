"""Score a task with the intact model."""

from lstm_units.interventions.intact import intact_scores
from lstm_units.interventions.model_inputs import Context, compute_from, group_items, loaded_model
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import write_result
from lstm_units.runtime.console import job
from lstm_units.stimuli.table import read_stimuli

params = snakemake.params
with job(snakemake.log[0]), or_not_run(snakemake.output):
    compute = compute_from(params.precision, snakemake.resources, snakemake.threads)
    stimuli = {snakemake.wildcards.task: read_stimuli(snakemake.input.stimuli)}
    with loaded_model(snakemake.input.weights, compute) as model:
        scores = intact_scores(
            model=model,
            group=group_items(stimuli, model.vocabulary),
            context=Context(**params.context),
            compute=compute,
        )
    write_result(scores, snakemake.output.scores)
