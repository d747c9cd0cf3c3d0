"""The items of a task that activations were dumped of."""

from pathlib import Path

import numpy as np

from lstm_units.activations.reader import ActivationDump
from lstm_units.errors import UserError
from lstm_units.io.results import Result, require_same
from lstm_units.stimuli.aligned_items import AlignedItems, align_items
from lstm_units.stimuli.table import read_stimuli, scored_sha256


def read_dumped_items(stimuli: str | Path, *dumps: ActivationDump) -> AlignedItems:
    """Read the items of a task for analyses over time of their activations.

    Parameters
    ----------
    stimuli : path
        The stem names the task.
    *dumps : ActivationDump
        Of these items, of one model or of several.

    Raises
    ------
    StimuliError
        If the items cannot be read, or cannot be compared word by word.
    UserError
        If a dump was made from others.
    """
    task, table = Path(stimuli).stem, read_stimuli(stimuli)
    known = Result(table, {"stimuli_sha256": scored_sha256({task: table})}, str(stimuli))
    for dump in dumps:
        require_same(known, dump, checkpoint=False, stimuli_sha256="version of the stimuli")
    return align_items(table, task)


def require_items(dump: ActivationDump, items: AlignedItems) -> None:
    """Refuse items that are not all those of a dump, in its order.

    Raises
    ------
    UserError
        If they are others, or of other conditions.
    """
    same = np.array_equal(items.item, dump.item) and np.array_equal(
        items.condition.astype(str), np.asarray(dump.condition).astype(str)
    )
    if not same:
        raise UserError(
            f"{dump.source} holds other items of {dump.task} than its stimuli: the two come from "
            f"different runs. Delete {dump.source} and run the workflow again"
        )
