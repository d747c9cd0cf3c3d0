"""Ablate sets of units, each set together, on a group of tasks."""

from lstm_units.interventions.ablate import set_margins, write_margins
from lstm_units.interventions.model_inputs import Context, compute_from, group_items, loaded_model
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_each, read_result
from lstm_units.runtime.console import job
from lstm_units.stimuli.table import read_stimuli

inputs, params = snakemake.input, snakemake.params
first, last = params.numbers
with job(snakemake.log[0]), or_not_run(snakemake.output):
    compute = compute_from(params.precision, snakemake.resources, snakemake.threads)
    stimuli = read_each(read_stimuli, params.tasks, inputs.stimuli)
    with loaded_model(inputs.weights, compute) as model:
        margins = set_margins(
            model=model,
            group=group_items(stimuli, model.vocabulary),
            sets=read_result(inputs.sets, ["set", "unit"]),
            numbers=range(first, last + 1),
            context=Context(**params.context),
            mode=snakemake.wildcards.mode,
            compute=compute,
            means=read_result(inputs.means) if inputs.means else None,
        )
    write_margins(margins, snakemake.output.margins)
