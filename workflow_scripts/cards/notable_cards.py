"""Cards of the notable units of a model, for the report."""

from lstm_units.cards.card import CardSettings
from lstm_units.cards.page import notable_cards
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import write_result
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    cards = notable_cards(
        files=ResultFiles.among(snakemake.params.folder, snakemake.input),
        settings=CardSettings(**snakemake.params.settings),
    )
    write_result(cards, snakemake.output.cards)
