"""The time course that theory asks of a unit that carries the subject's number to the verb."""

import numpy as np
import pandas as pd

from lstm_units.config.analysis_faults import DRAWN_VARIABLES


def ideal_time_course(
    number: str, subject_position: int, verb_position: int, n_positions: int
) -> pd.DataFrame:
    """Return what theory asks of a unit that carries the subject's number to the verb.

    Fig. 1c of Lakretz et al. 2019 is a drawing; this is our reading of the text beside it. The
    subject's number enters at the subject: input gate 1 there and 0 elsewhere, forget gate 0 there,
    so that nothing older is kept, and candidate +1 for the unit's own number and -1 for the other.
    From then to the word before the verb the cell keeps that value: forget gate 1. At the word
    before the verb the number must be read out: output gate 1. Where a value does not matter there
    is none. All of it holds as well with the signs of candidate and cell turned around.

    Parameters
    ----------
    number : {"singular", "plural"}
        The number that the unit stores as +1.
    subject_position, verb_position : int
        0-based.

    Returns
    -------
    DataFrame
        ``variable, number`` (of the subject), ``position, value`` (NaN where it does not matter).
    """
    before_verb = verb_position - 1
    position = np.arange(n_positions)
    rows = []
    for subject_number in ("singular", "plural"):
        sign = 1.0 if subject_number == number else -1.0
        carried = (position >= subject_position) & (position <= before_verb)
        at_subject = position == subject_position
        courses = {
            "candidate": np.where(at_subject, sign, np.nan),
            "input_gate": np.where(at_subject, 1.0, 0.0),
            "forget_gate": np.where(at_subject, 0.0, np.where(carried, 1.0, np.nan)),
            "cell": np.where(carried, sign, np.nan),
            "output_gate": np.where(position == before_verb, 1.0, np.nan),
        }
        for variable in DRAWN_VARIABLES:
            rows.append(
                pd.DataFrame(
                    {
                        "variable": variable,
                        "number": subject_number,
                        "position": position,
                        "value": courses[variable],
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)
