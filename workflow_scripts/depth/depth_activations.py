"""Dump the activations that depth is read from."""

from lstm_units.activations.dump import dump_activations
from lstm_units.analyses.depth.activations import sampled_sentences, unknown_share
from lstm_units.depth_corpus.sample import read_depth_sample
from lstm_units.interventions.model_inputs import Context, compute_from, loaded_model
from lstm_units.io.not_run import or_not_run
from lstm_units.runtime.console import job

params, resources = snakemake.params, snakemake.resources
with job(snakemake.log[0]), or_not_run(snakemake.output):
    sample = read_depth_sample(snakemake.input.sentences, snakemake.input.positions)
    compute = compute_from("float32", resources, snakemake.threads)
    with loaded_model(snakemake.input.weights, compute) as model:
        dump_activations(
            model=model,
            sentences=sampled_sentences(sample),
            context=Context(**params.context),
            folder=snakemake.output.dump,
            variables=[params.variable],
            layers=params.layers,
            memory=compute.memory,
            unknown_share=unknown_share(sample, model.vocabulary, params.maximum_unknown),
        )
