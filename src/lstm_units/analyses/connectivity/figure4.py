"""Figure 4: the connections between number and syntax units."""

from lstm_units.analyses.connectivity.figure4a import mutual_connections_figure
from lstm_units.analyses.connectivity.figure4b import afferents_figure
from lstm_units.analyses.connectivity.known_units import content_of, known_units, top_syntax_unit
from lstm_units.io.results import Result, made_from, require_same


def figure4(afferents: Result, shown: Result, syntax: Result | None) -> tuple[Result, Result]:
    """Draw Figure 4a (long-range units among each other) and 4b (what reaches their gates).

    Parameters
    ----------
    afferents : Result
        From `lstm_units.analyses.connectivity.afferents.afferents`; its threshold is drawn.
    shown : Result
        The shown units.
    syntax : Result or None
        The syntax units; None where they were not searched.

    Returns
    -------
    tuple of two Result
        Each holds a figure.

    Raises
    ------
    UserError
        If they were made from different checkpoints.
    """
    require_same(afferents, shown, *([] if syntax is None else [syntax]))
    table, config = afferents.frame, afferents.config
    units = known_units(content_of(shown), content_of(syntax))
    long_range = [known for known in units.values() if known.long_range]
    top = top_syntax_unit(content_of(syntax))
    metadata = made_from(afferents, kind="figure 4", config=config)
    mutual = mutual_connections_figure(table, long_range, config["layers"])
    gates = afferents_figure(table, units, top, config["threshold"], config["layers"])
    return Result(mutual, metadata), Result(gates, metadata)
