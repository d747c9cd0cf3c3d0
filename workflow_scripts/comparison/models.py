"""All models side by side."""

from lstm_units.claims.criteria import ClaimCriteria
from lstm_units.comparison.describe import ModelEntry, compare_models
from lstm_units.comparison.table import models_frame, models_page
from lstm_units.io.files import write_text
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import write_result
from lstm_units.io.table_formats import write_table
from lstm_units.runtime.console import job
from lstm_units.stimuli.congruence import read_conditions

with job(snakemake.log[0]):
    folder, files = snakemake.params.results, snakemake.input
    models = compare_models(
        entries=[
            ModelEntry(files=ResultFiles.among(f"{folder}/{entry['name']}", files), **entry)
            for entry in snakemake.params.models
        ],
        criteria=ClaimCriteria(**snakemake.params.criteria),
        labels=snakemake.params.labels,
    )
    conditions = read_conditions(ResultFiles.among(folder, files.stimuli))
    write_result(models, snakemake.output.json)
    write_table(models_frame(models, conditions), snakemake.output.csv)
    write_text(models_page(models, conditions), snakemake.output.markdown)
