"""The card of one unit, as a page of its own."""

from pathlib import Path

from lstm_units.cards.write_cards import CardSettings, write_card
from lstm_units.io.result_files import ResultFiles
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    files = ResultFiles.among(Path(snakemake.output[0]).parents[1], snakemake.input)
    write_card(
        files,
        int(snakemake.wildcards.unit),
        CardSettings(**snakemake.params.settings),
        snakemake.output[0],
    )
