"""How well the cell of each unit tells words inside the subject-verb dependency from others."""

from lstm_units.activations.matched import read_dumped_items
from lstm_units.activations.reader import open_activations
from lstm_units.analyses.syntax_units.dependency_span import dependency_spans
from lstm_units.io.results import write_result
from lstm_units.runtime.console import job

with job(snakemake.log[0]):
    dumps = [open_activations(folder) for folder in snakemake.input.dumps]
    spans = dependency_spans(
        dumps=dumps,
        items=list(map(read_dumped_items, snakemake.input.stimuli, dumps)),
        verb=snakemake.params.verb,
    )
    write_result(spans, snakemake.output.span)
