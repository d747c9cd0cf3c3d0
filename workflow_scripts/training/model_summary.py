"""What there is to say of a trained network: its model card."""

from pathlib import Path

from lstm_units.io.files import read_json, write_text
from lstm_units.io.results import read_result
from lstm_units.runtime.console import job
from lstm_units.training.model_summary import summarise_model

with job(snakemake.log[0]):
    text = summarise_model(
        name=snakemake.wildcards.run,
        run=snakemake.params.run,
        corpus=snakemake.params.corpus,
        statistics=read_json(snakemake.input.statistics),
        perplexity=read_json(snakemake.input.perplexity),
        weights=Path(snakemake.input.checkpoints, snakemake.params.weights),
        scores={
            Path(path).stem: read_result(path, ["condition", "right"])
            for path in snakemake.input.intact
        },
        labels=snakemake.params.labels,
    )
    write_text(text, snakemake.output.summary)
