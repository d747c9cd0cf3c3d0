"""Read the context with each unit of a layer ablated alone."""

from lstm_units.interventions.ablate import context_states
from lstm_units.interventions.context_states import write_states
from lstm_units.interventions.model_inputs import Context, compute_from, loaded_model
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_result
from lstm_units.runtime.console import job

inputs, params = snakemake.input, snakemake.params
first, last = params.units
with job(snakemake.log[0]), or_not_run(snakemake.output):
    compute = compute_from(params.precision, snakemake.resources, snakemake.threads)
    with loaded_model(inputs.weights, compute) as model:
        states = context_states(
            model=model,
            context=Context(**params.context),
            mode=snakemake.wildcards.mode,
            units=range(first, last + 1),
            means=read_result(inputs.means) if inputs.means else None,
        )
        write_states(states, snakemake.output.states)
