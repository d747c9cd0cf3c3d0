"""Numbers of the 2019 paper to compare with."""

from importlib.resources import files

import pandas as pd

# Tasks of the paper in its order, and what it calls them.
PAPER_LABELS = {
    "simple": "Simple",
    "adv": "Adv",
    "adv_adv": "2Adv",
    "adv_conjunction": "CoAdv",
    "namepp": "namePP",
    "nounpp": "nounPP",
    "nounpp_adv": "nounPPAdv",
    "linzen": "Linzen",
}
PAPER_TASKS = tuple(PAPER_LABELS)


def task_rank(task: str) -> tuple[int, str]:
    """Sort key that puts the paper's tasks first, in its order, then others by name."""
    return (PAPER_TASKS.index(task) if task in PAPER_TASKS else len(PAPER_TASKS)), task


def paper_table2() -> pd.DataFrame:
    """Table 2 of Lakretz et al. 2019 (NAACL): accuracy in percent.

    Returns
    -------
    DataFrame
        ``task, condition, paper_full, paper_776, paper_988``. A missing value stands where the
        paper prints "-": ablated accuracy at least 90 % of the full model's. Units are those of
        the published network (Gulordava et al. 2018); no other network shares their numbers.
    """
    path = files("lstm_units.io") / "published" / "table2_lakretz_2019.csv"
    with path.open(encoding="utf-8") as handle:
        return pd.read_csv(handle, comment="#", dtype={"task": str, "condition": str})
