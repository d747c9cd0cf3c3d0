"""Random streams."""

import hashlib

import numpy as np


def seed_stream(seed: int, *names: str) -> np.random.Generator:
    """Return the random generator of one purpose, independent of all others.

    Parameters
    ----------
    seed : int
        The user's seed, 0 or more.
    *names : str
        The purpose, for example a task and a condition.
    """
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest, dtype="<u4").tolist()])
