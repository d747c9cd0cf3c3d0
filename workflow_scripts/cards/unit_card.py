"""The card of one unit, as a page of its own."""

from lstm_units.cards.card import CardSettings
from lstm_units.cards.page import unit_page
from lstm_units.io.files import write_text
from lstm_units.io.result_files import ResultFiles
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    page = unit_page(
        files=ResultFiles.among(snakemake.params.folder, snakemake.input),
        unit=int(snakemake.wildcards.unit),
        settings=CardSettings(**snakemake.params.settings),
    )
    write_text(page, snakemake.output.page)
