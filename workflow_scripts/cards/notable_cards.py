"""Cards of the notable units of a model, for the report."""

from pathlib import Path

from lstm_units.cards.write_cards import CardSettings, write_notable_cards
from lstm_units.io.result_files import ResultFiles
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    model = Path(snakemake.output[0]).parents[1]
    files = ResultFiles.among(model, snakemake.input)
    write_notable_cards(files, CardSettings(**snakemake.params.settings), snakemake.output[0])
