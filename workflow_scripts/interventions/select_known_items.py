"""Keep the items whose verb forms a model knows."""

from lstm_units.interventions.known_items import known_items
from lstm_units.io.files import read_json
from lstm_units.io.not_run import or_not_run
from lstm_units.io.results import write_result
from lstm_units.models.vocabulary import read_vocabulary
from lstm_units.runtime.console import job
from lstm_units.stimuli.table import read_stimuli

inputs = snakemake.input
with job(snakemake.log[0]), or_not_run(snakemake.output):
    description = read_json(inputs.description)
    kept, report = known_items(
        stimuli=read_stimuli(inputs.stimuli),
        vocabulary=read_vocabulary(inputs.vocabulary, description["unk"], description["eos"]),
        checkpoint_sha256=description["sha256"],
        task=snakemake.wildcards.task,
        generated=snakemake.params.generated,
        on_unknown_form=snakemake.params.on_unknown_form,
    )
    write_result(kept, snakemake.output.stimuli)
    write_result(report, snakemake.output.report)
