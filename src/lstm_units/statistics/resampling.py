"""Halves of the stimuli for discovery and confirmation, and bootstraps over words.

Items that share words are not independent: a unit that fails on "boy" fails on every item with
"boy". So halves are drawn over lexical frames, and intervals resample the subject and the verb.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class BootstrapSums:
    """Resampled sums of per-item values.

    Parameters
    ----------
    sums : ndarray of shape (samples, columns)
        Sum of each column of values over each resampled set of items.
    resampled : {"subject and verb lemmas", "items"}
        What was drawn with replacement.
    """

    sums: np.ndarray
    resampled: str


def lexical_groups(stimuli_by_task: Mapping[str, pd.DataFrame]) -> np.ndarray:
    """Group the items of all tasks that must stay together when the stimuli are halved.

    Items belong together when they share a frame of their task, or the lemmas of subject,
    attractors and verb in any task. An item with neither stands alone.

    Parameters
    ----------
    stimuli_by_task : mapping of str to DataFrame
        Columns ``frame, subject_lemma, attractor_lemmas, verb_lemma``, one row per item.

    Returns
    -------
    str ndarray of shape (items of all tasks,)
        Name of each item's group, tasks laid end to end. It is made of the group's first words in
        alphabetical order (else of its frame, else of its item), so neither the order of the tasks
        nor a further task with other words changes it.
    """
    names: list[str] = []
    nodes: dict[tuple, int] = {}
    edges: list[tuple[int, int]] = []
    node_names: list[str] = []

    def node(key: tuple, name: str) -> int:
        if key not in nodes:
            nodes[key] = len(nodes)
            node_names.append(name)
        return nodes[key]

    for task, table in stimuli_by_task.items():
        rows = zip(
            table["frame"],
            table["subject_lemma"],
            table["attractor_lemmas"],
            table["verb_lemma"],
            strict=True,
        )
        for place, (frame, subject, attractors, verb) in enumerate(rows):
            item = len(names)
            names.append(f"3 {task} item {place}")
            if not pd.isna(frame):
                edges.append((item, node(("frame", task, frame), f"2 {task} frame {frame}")))
            if isinstance(subject, str) and isinstance(verb, str):
                others = tuple(attractors) if attractors is not None else ()
                words = (subject, *others, verb)
                edges.append((item, node(("words", *words), f"1 {' '.join(words)}")))
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names += node_names
    pairs = np.array(edges, dtype=np.int64).reshape(-1, 2)
    total = len(names) - len(nodes)
    graph = coo_array(
        (np.ones(len(pairs)), (pairs[:, 0], total + pairs[:, 1])), shape=(len(names), len(names))
    )
    _, label = connected_components(graph, directed=False)
    first: dict[int, str] = {}
    for number, name in zip(label.tolist(), names, strict=True):
        first[number] = min(name, first.get(number, name))
    return np.array([first[number] for number in label[:total].tolist()])


def choose_groups(group: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Choose a fraction of the groups at random, and say which items belong to them.

    Each group is chosen or not by a hash of the seed and its name. So about, not exactly, the
    fraction is chosen, and what happens to one group does not depend on which others there are: a
    further task moves no item of the present ones to the other half.

    Parameters
    ----------
    group : str ndarray of shape (items,)
        From `lexical_groups`.
    fraction : float
        Share of the groups to choose, above 0 and below 1.

    Returns
    -------
    bool ndarray of shape (items,)
    """
    names, place = np.unique(group, return_inverse=True)
    digests = (hashlib.sha256(f"{seed} {name}".encode()).digest() for name in names.tolist())
    share = np.array([int.from_bytes(digest[:8], "big") / 2**64 for digest in digests])
    return (share < fraction)[place.reshape(-1)]


def bootstrap_sums(
    values: np.ndarray,
    subject: np.ndarray,
    verb: np.ndarray,
    samples: int,
    rng: np.random.Generator,
) -> BootstrapSums:
    """Crossed bootstrap over subject and verb lemmas.

    Subject lemmas and verb lemmas are drawn with replacement, each as many as there are,
    independently of each other; an item counts as often as its subject was drawn times as often as
    its verb was (the "pigeonhole bootstrap" of Owen 2007, Annals of Applied Statistics 1(2), which
    is conservative for crossed random effects). Where a lemma is unknown, or a task has a single
    subject or verb lemma, items are drawn instead, and the result says so.

    Parameters
    ----------
    values : ndarray of shape (items, columns)
        Per-item values to sum.
    subject, verb : object ndarray of shape (items,)
        Lemmas; None where unknown.
    """
    values = np.asarray(values, dtype=float)
    known = all(isinstance(word, str) for word in (*subject, *verb))
    if known:
        subjects, row = np.unique(np.asarray(subject, dtype=str), return_inverse=True)
        verbs, column = np.unique(np.asarray(verb, dtype=str), return_inverse=True)
        known = min(len(subjects), len(verbs)) > 1
    if not known:
        # Items with equal values are exchangeable, so a draw of items is a draw of their counts.
        kinds, count = np.unique(values, axis=0, return_counts=True)
        drawn = rng.multinomial(len(values), count / len(values), size=samples)
        return BootstrapSums(drawn @ kinds, "items")
    from scipy.sparse import coo_array

    subject_weight = _multiplicities(len(subjects), samples, rng)
    verb_weight = _multiplicities(len(verbs), samples, rng)
    sums = np.empty((samples, values.shape[1]))
    for place in range(values.shape[1]):
        table = coo_array(
            (values[:, place], (row, column)), shape=(len(subjects), len(verbs))
        ).toarray()
        sums[:, place] = ((subject_weight @ table) * verb_weight).sum(axis=1)
    return BootstrapSums(sums, "subject and verb lemmas")


def percentile_interval(draws: np.ndarray, confidence: float) -> tuple[float, float]:
    """Percentile interval of bootstrap draws; draws that are not numbers are left out.

    Parameters
    ----------
    draws : ndarray of shape (draws,)
    confidence : float
        Level of the interval, such as 0.95.

    Returns
    -------
    low, high : float
        NaN when no draw is a number.
    """
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)


def _multiplicities(levels: int, samples: int, rng: np.random.Generator) -> np.ndarray:
    return rng.multinomial(levels, np.full(levels, 1 / levels), size=samples).astype(float)
