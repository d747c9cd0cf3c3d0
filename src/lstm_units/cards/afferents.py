"""The strongest sources of the gates of any unit, for its card.

Lakretz et al. 2019, section 4.4, look at the afferents of a few units; the effective input is
defined in `lstm_units.analyses.connectivity.afferents`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lstm_units.analyses.connectivity.afferents import afferent_table
from lstm_units.models.language_model import LanguageModel
from lstm_units.models.variables import GATES

COLUMNS = (
    *("gate", "connection", "source", "source_layer", "weight", "activity_mean"),
    *("input_mean", "z_mean", "input_largest", "z_largest"),
)
_ACTIVITY = ("mean", "largest", "maximum")


def activity_of_sources(afferents: pd.DataFrame) -> pd.DataFrame:
    """Recover the activity of the sources from a table of connections to other targets.

    Parameters
    ----------
    afferents : DataFrame
        ``connectivity/afferents.parquet``. Each target has all units of a layer as sources, so a
        layer is there in full or not at all.

    Returns
    -------
    DataFrame
        ``layer, mean, largest, maximum`` by unit, 1-based, as
        `lstm_units.analyses.connectivity.afferents.source_activity` defines them.
    """
    first = afferents.drop_duplicates("source").sort_values("source")
    columns = {name: first[f"activity_{name}"].to_numpy(float) for name in _ACTIVITY}
    return pd.DataFrame(
        {"layer": first["source_layer"].to_numpy(int), **columns},
        index=pd.Index(first["source"].to_numpy(int), name="unit"),
    )


def activity_over_time(dynamics: pd.DataFrame, first: int, verb: int) -> pd.DataFrame:
    """Summarise the mean hidden state of every unit on the words before the verb.

    Parameters
    ----------
    dynamics : DataFrame
        From `lstm_units.analyses.dynamics.time_courses.dynamics_table`; only ``hidden`` counts.
    first, verb : int
        0-based positions of the subject and the verb.

    Returns
    -------
    DataFrame
        As from `activity_of_sources`. ``mean`` is over the items from the subject to the word
        before the verb, as there; ``largest`` and ``maximum`` are over the means of conditions at
        each word before the verb, so they are smaller in size than those over items. Units without
        any item are left out.
    """
    rows = dynamics[(dynamics["variable"].astype(str) == "hidden") & (dynamics["position"] < verb)]
    rows = rows[rows["n"] > 0].assign(mean=lambda table: table["mean"].astype(float))
    inside = rows[rows["position"] >= first]
    total = (inside["mean"] * inside["n"]).groupby(inside["unit"]).sum()
    by_size = rows.assign(size=rows["mean"].abs()).sort_values(["unit", "size"], kind="stable")
    last = by_size.drop_duplicates("unit", keep="last").set_index("unit")
    table = pd.DataFrame(
        {
            "layer": last["layer"].astype(int),
            "mean": total / inside.groupby("unit")["n"].sum(),
            "largest": last["mean"],
            "maximum": rows.groupby("unit")["mean"].max(),
        }
    )
    return table.dropna().rename_axis("unit").sort_index()


def afferents_of(
    unit: int,
    afferents: pd.DataFrame | None,
    model: LanguageModel | None,
    activity: pd.DataFrame | None,
) -> pd.DataFrame:
    """Return the connections to a unit: those on file, else from the weights.

    Parameters
    ----------
    unit : int
        1-based.
    afferents : DataFrame or None
        Rows of ``connectivity/afferents.parquet``.
    model : LanguageModel or None
        Not needed where `afferents` has the unit.
    activity : DataFrame or None
        From `activity_of_sources` or `activity_over_time`.

    Returns
    -------
    DataFrame
        With `COLUMNS`, one row per gate and source. Without the weights it is empty.
    """
    if afferents is not None:
        rows = afferents[afferents["target"] == unit]
        if len(rows):
            return rows[list(COLUMNS)].reset_index(drop=True)
    if model is None or activity is None:
        return pd.DataFrame(columns=list(COLUMNS))
    return afferent_table(model, activity, {unit: "unit"}, {})[list(COLUMNS)]


def strongest(afferents: pd.DataFrame, n: int, gates: Sequence[str] = GATES) -> pd.DataFrame:
    """Keep, for each gate, the sources of each layer whose input lies farthest from the others'.

    Parameters
    ----------
    afferents : DataFrame
        From `afferents_of`.
    n : int
        Sources per gate and connection, by the size of ``z_mean``; of equal ones the first unit.
    gates : sequence of str
        In the order of the result.

    Returns
    -------
    DataFrame
        The columns given; rows by gate, layer below before own layer, and size of ``z_mean``.
        Sources without a z (all inputs are equal) are left out. Negating any source with all its
        weights changes neither the choice nor any input.
    """
    rows = afferents[afferents["z_mean"].notna()]
    order = pd.DataFrame(
        {
            "gate": rows["gate"].astype(str).map({gate: k for k, gate in enumerate(gates)}),
            "connection": (rows["connection"].astype(str) == "recurrent").astype(int),
            "size": -np.abs(rows["z_mean"].astype(float)),
            "source": rows["source"].astype(int),
        }
    ).sort_values(["gate", "connection", "size", "source"])
    chosen = order.groupby(["gate", "connection"]).head(n).index
    return rows.loc[chosen].reset_index(drop=True)
