"""Ablate each unit of a shard alone, on a group of tasks."""

from lstm_units.interventions.ablate import unit_margins, write_margins
from lstm_units.interventions.context_states import read_states
from lstm_units.interventions.model_inputs import compute_from, group_items, loaded_model
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_each, read_result
from lstm_units.runtime.console import job
from lstm_units.stimuli.table import read_stimuli

inputs, params = snakemake.input, snakemake.params
first, last = params.units
with job(snakemake.log[0]), or_not_run(snakemake.output):
    compute = compute_from(params.precision, snakemake.resources, snakemake.threads)
    stimuli = read_each(read_stimuli, params.tasks, inputs.stimuli)
    with loaded_model(inputs.weights, compute) as model:
        margins = unit_margins(
            model=model,
            group=group_items(stimuli, model.vocabulary),
            states=read_states(inputs.states),
            units=range(first, last + 1),
            compute=compute,
            means=read_result(inputs.means) if inputs.means else None,
        )
    write_margins(margins, snakemake.output.margins)
