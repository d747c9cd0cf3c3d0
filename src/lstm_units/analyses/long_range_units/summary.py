"""What the discovery of long-range units came to, in one plain sentence, and its rounding."""

from collections.abc import Mapping
from typing import Any


def summary_sentence(result: Mapping[str, Any]) -> str:
    """Say in a sentence or two what `discover_long_range` found.

    Parameters
    ----------
    result : mapping
        Its result, without ``summary``.
    """
    criteria = result["criteria"]
    tasks = " and ".join(criteria["tasks"])
    swept = f"{result['n_units']:,} units ablated in mode {criteria['mode']}"
    if result["units"]:
        named = ", ".join(_describe(unit) for unit in result["units"])
        count = len(result["units"])
        text = f"{count} long-range number unit{'s' * (count > 1)} among {swept}: {named}."
        if result["too_many"]:
            text += (
                f" That is more than {criteria['maximum_units']}, so long-range number is not "
                "local in this model."
            )
        return text
    text = f"No long-range number unit among {swept}."
    best = result["best_unit"]
    if best is None:
        return (
            f"{text} None could be found: the intact model has no testable incongruent condition "
            f"of one subject number in each of {tasks}."
        )
    return (
        f"{text} Unit {best['unit']} (layer {best['layer']}) comes closest: with "
        f"{best['subject_number']} subjects its loss reaches {best['loss']:.2f} in each of {tasks} "
        f"where {criteria['minimum_loss']:.2f} is needed, at q = {best['q']:.2g} where less than "
        f"{criteria['maximum_q']:g} is needed."
    )


def _describe(unit: Mapping[str, Any]) -> str:
    number = unit["subject_number"] or "mixed subject numbers"
    state = "confirmed" if unit["confirmed"] else "not confirmed"
    return f"{unit['unit']} (layer {unit['layer']}, {number}, {state})"
