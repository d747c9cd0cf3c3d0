"""How well the cell of each unit tells words inside the subject-verb dependency from others."""

import itertools

from lstm_units.activations.matched import read_dumped_items
from lstm_units.activations.reader import open_activations
from lstm_units.analyses.syntax_units.dependency_span import dependency_spans
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import read_each, write_result
from lstm_units.runtime.console import job

with job(snakemake.log[0]), or_not_run(snakemake.output):
    dumps = read_each(open_activations, snakemake.input.stimuli, snakemake.input.dumps)
    spans = dependency_spans(
        dumps=list(dumps.values()),
        items=list(itertools.starmap(read_dumped_items, dumps.items())),
        verb=snakemake.params.verb,
    )
    write_result(spans, snakemake.output.span)
