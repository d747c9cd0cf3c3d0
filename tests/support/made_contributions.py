"""Contributions to verb margins whose means and shares are known."""

import numpy as np
import pandas as pd

SUM = ["long_range", "short_range", "rest", "bias"]
UNITS = {
    "long_range": [7],
    "short_range": [8, 9],
    "long_range_in_lower_layers": [],
    "short_range_in_lower_layers": [],
    "both": [],
    "short_range_against": [],
    "n_rest": 4,
    "last_layer": 2,
}


def made_contributions(conditions=("SS", "SP", "PS", "PP"), n=30, seed=0) -> pd.DataFrame:
    """Long-range units are right (+1) but in every tenth item; the rest decides the answer."""
    rng = np.random.default_rng(seed)
    item = np.arange(n)
    parts = []
    for condition in conditions:
        right = item % 3 > 0
        parts.append(
            pd.DataFrame(
                {
                    "condition": condition,
                    "subject_number": "singular" if condition[0] == "S" else "plural",
                    "right": right,
                    "long_range": np.where(item % 10 == 0, -0.5, 1.0),
                    "short_range": np.where(right, 0.3, -0.3),
                    "rest": np.where(right, 1, -1) * (2 + rng.normal(0, 0.2, n)),
                    "bias": 0.1,
                    "subject_lemma": [f"noun {place % 6}" for place in item],
                    "verb_lemma": [f"verb {place // 6}" for place in item],
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)
    table.insert(0, "item", np.arange(len(table)))
    table["margin"] = table[SUM].sum(axis=1)
    return table
