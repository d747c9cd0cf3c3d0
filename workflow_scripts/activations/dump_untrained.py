"""Dump the activations of an untrained network of the model's shape on a task."""

from lstm_units.activations.dump import dump_activations, precision_for, sentences_of
from lstm_units.interventions.model_inputs import Context, compute_from, loaded_model
from lstm_units.io.not_run import or_not_run
from lstm_units.models.untrained import untrained_like
from lstm_units.runtime.console import job
from lstm_units.stimuli.table import read_stimuli

params, resources = snakemake.params, snakemake.resources
with job(snakemake.log[0]), or_not_run(snakemake.output):
    compute = compute_from(precision_for(params.float_type), resources, snakemake.threads)
    stimuli = read_stimuli(snakemake.input.stimuli)
    with loaded_model(snakemake.input.weights, compute) as model:
        dump_activations(
            model=untrained_like(model, params.seed),
            sentences=sentences_of(stimuli, snakemake.wildcards.task, model.vocabulary),
            context=Context(**params.context),
            folder=snakemake.output.dump,
            variables=params.variables,
            layers=params.layers,
            float_type=params.float_type,
            memory=compute.memory,
        )
