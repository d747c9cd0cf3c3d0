"""The step of an experiment that keeps the items whose words a model knows.

It stands apart from those that make stimuli, which depend on no model.
"""

from pathlib import Path

from lstm_units.interventions.known_items import select_known_items
from lstm_units.io.files import read_json, write_json
from lstm_units.models.checkpoints import read_vocabulary
from lstm_units.stimuli.table import read_stimuli, write_stimuli
from lstm_units.stimuli.write_generated import stimuli_metadata


def write_known_items(
    stimuli: str | Path,
    checkpoint: str | Path,
    generated: bool,
    on_unknown_form: str,
    output: str | Path,
    report: str | Path,
) -> None:
    """Keep the items of a task whose forms a model knows, and report the words it does not know.

    Parameters
    ----------
    stimuli : path
        Stimuli of one task.
    checkpoint : path
        Folder of a converted checkpoint.
    generated, on_unknown_form
        As in `lstm_units.interventions.known_items.select_known_items`.
    output : path
        Parquet; its stem names the task.
    report : path
        JSON, see `lstm_units.interventions.known_items.select_known_items`.
    """
    description = read_json(Path(checkpoint) / "model.json")
    vocabulary = read_vocabulary(
        Path(checkpoint) / "vocab.txt", description["unk"], description["eos"]
    )
    task = Path(output).stem
    table, found = select_known_items(
        read_stimuli(stimuli), vocabulary, task, generated, on_unknown_form
    )
    metadata = stimuli_metadata(
        "known items",
        output,
        table,
        config={"on_unknown_form": on_unknown_form},
        checkpoint_sha256=description["sha256"],
    )
    write_stimuli(table, output, metadata)
    write_json(found, report, metadata)
