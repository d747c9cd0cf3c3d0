"""C24: whether the findings replicate over trained networks and their sizes.

Lakretz et al. 2019, footnote 2, says that they do, without counts. What counts as replication here
is our reading.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lstm_units.claims.criteria import ClaimCriteria
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE, Measure, Verdict, judge, not_testable

REPLICATED = ("C4", "C5", "C6", "C14", "C15")
_DATA = ("claims.json", "checkpoint/model.json")


def replicates(models: Sequence[Mapping[str, Any]], criteria: ClaimCriteria) -> Verdict:
    """C24: the central claims hold in several trained networks of several sizes.

    Parameters
    ----------
    models : sequence of mapping
        Entries of ``models.json``: ``model, layer_sizes, sha256, training_run, training_step,
        untrained_like, verdicts``.
    criteria : ClaimCriteria
        ``networks`` and ``sizes``.

    Returns
    -------
    Verdict
        Each of C4, C5, C6, C14 and C15 has to hold in enough networks of enough sizes. It fails if
        one of them cannot, even if it held wherever it could not be tested. The measures count the
        networks in which each holds.
    """
    needed, sizes = criteria.networks, criteria.sizes
    criterion = (
        f"each of {', '.join(REPLICATED)} holds in at least {needed} trained networks of at least "
        f"{sizes} sizes*; of a training run the last step counts"
    )
    networks = distinct_networks(models)
    known_sizes = {_size(model) for model in networks}
    if len(networks) < needed or len(known_sizes) < sizes:
        reason = (
            f"{_counted(len(networks), 'trained network')} of "
            f"{_counted(len(known_sizes), 'size')}, at least {needed} of {sizes} are needed: add "
            "others under `checkpoints` and name them under `models`"
        )
        measures = [_measure(id, networks, None, None) for id in REPLICATED] if networks else []
        return not_testable("C24", criterion, reason, measures, _DATA, _words(networks))
    measures = [
        _measure(
            id,
            networks,
            f">= {needed} networks of >= {sizes} sizes*",
            _met(id, networks, needed, sizes),
        )
        for id in REPLICATED
    ]
    verdict = judge(measure.met for measure in measures)
    reason = None
    if verdict != HOLDS:
        wrong = False if verdict == FAILS else None
        names = [id for id, m in zip(REPLICATED, measures, strict=True) if m.met is wrong]
        reason = (
            f"{', '.join(names)} cannot hold in {needed} networks of {sizes} sizes"
            if verdict == FAILS
            else f"not testable in enough networks: {', '.join(names)}"
        )
    return Verdict("C24", criterion, verdict, _words(networks), reason, tuple(measures), _DATA)


def distinct_networks(models: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the trained networks: each checkpoint once, and of a training run its last step.

    Parameters
    ----------
    models : sequence of mapping
        Entries of ``models.json``.
    """
    trained = [model for model in models if model["untrained_like"] is None]
    last: dict[str, int] = {}
    for model in trained:
        run = model["training_run"]
        if run is not None:
            last[run] = max(model["training_step"], last.get(run, model["training_step"]))
    found: dict[str, Mapping[str, Any]] = {}
    for model in trained:
        run = model["training_run"]
        if run is None or model["training_step"] == last[run]:
            found.setdefault(model["sha256"], model)
    return list(found.values())


def size_name(layer_sizes: Sequence[int]) -> str:
    """Return the sizes of the layers in words: ``2 x 650``, or ``400, 650`` where they differ."""
    if len(set(layer_sizes)) == 1:
        return f"{len(layer_sizes)} x {layer_sizes[0]}"
    return ", ".join(map(str, layer_sizes))


def _size(model: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(model["layer_sizes"])


def _with(verdict: str, id: str, networks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [model for model in networks if model["verdicts"].get(id, NOT_TESTABLE) == verdict]


def _met(id: str, networks: Sequence[Mapping[str, Any]], needed: int, sizes: int) -> bool | None:
    """None if it would be met should the claim hold wherever it is not testable."""
    held = _with(HOLDS, id, networks)
    possible = [*held, *_with(NOT_TESTABLE, id, networks)]
    for some, outcome in ((held, True), (possible, None)):
        if len(some) >= needed and len({_size(model) for model in some}) >= sizes:
            return outcome
    return False


def _measure(
    id: str, networks: Sequence[Mapping[str, Any]], expected: str | None, met: bool | None
) -> Measure:
    held = _with(HOLDS, id, networks)
    parts = [
        f"{verdict} in {len(some)}"
        + (f" ({', '.join(model['model'] for model in some)})" * bool(some))
        for verdict in (HOLDS, FAILS, NOT_TESTABLE)
        for some in [_with(verdict, id, networks)]
    ]
    sizes = sorted({_size(model) for model in held})
    if sizes:
        parts.append(f"sizes in which it holds: {'; '.join(size_name(size) for size in sizes)}")
    name = f"{id}: networks in which it holds"
    return Measure(name, len(held), expected=expected, met=met, note="; ".join(parts))


def _words(networks: Sequence[Mapping[str, Any]]) -> str:
    if not networks:
        return ""
    counts = [
        f"{id} {'/'.join(str(len(_with(v, id, networks))) for v in (HOLDS, FAILS, NOT_TESTABLE))}"
        for id in REPLICATED
    ]
    sizes = len({_size(model) for model in networks})
    return (
        f"{_counted(len(networks), 'network')} of {_counted(sizes, 'size')}; holds/fails/not "
        f"testable: {', '.join(counts)}"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
