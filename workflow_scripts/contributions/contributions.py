"""Split the verb margins of a task into the contributions of kinds of units."""

from lstm_units.analyses.contributions.parts import contributions
from lstm_units.interventions.model_inputs import Context, compute_from, group_items, loaded_model
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result, write_result
from lstm_units.runtime.console import job
from lstm_units.stimuli.table import read_stimuli

with job(snakemake.log[0]), or_not_run(snakemake.output):
    compute = compute_from(snakemake.params.precision, snakemake.resources, snakemake.threads)
    stimuli = read_stimuli(snakemake.input.stimuli)
    with loaded_model(snakemake.input.weights, compute) as model:
        result = contributions(
            model=model,
            group=group_items({snakemake.wildcards.task: stimuli}, model.vocabulary),
            stimuli=stimuli,
            context=Context(**snakemake.params.context),
            intact=read_result(snakemake.input.intact, ["item", "right", "margin"]),
            long_range=read_result(snakemake.input.long_range),
            short_range=read_result(snakemake.input.short_range),
            compute=compute,
        )
    write_result(result, snakemake.output.contributions)
