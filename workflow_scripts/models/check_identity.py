"""Compare a converted checkpoint with the published weights and log-probabilities."""

from lstm_units.io.files import write_text
from lstm_units.io.table_formats import format_csv
from lstm_units.models.checkpoints import load_language_model
from lstm_units.models.identity import compare_with_published
from lstm_units.runtime.console import concerning, job
from lstm_units.stimuli.table import read_context_words

CHECKPOINT = f"checkpoints.{snakemake.wildcards.model} in config.yaml"

with job(snakemake.log[0]), concerning(CHECKPOINT):
    model = load_language_model(snakemake.input.weights)
    golden = snakemake.input.get("golden")
    table = compare_with_published(
        model,
        snakemake.params.name,
        context=read_context_words(snakemake.input.context, "true", eos=model.vocabulary.eos)
        if golden
        else (),
        golden=golden or None,
    )
    write_text(format_csv(table), snakemake.output.table)
