"""Result files of the connected network for unit cards, with planted tables beside them."""

import numpy as np
import pandas as pd
from support.connected_network import (
    LAYER_SIZES,
    NUMBER_UNITS,
    SINGULAR,
    SYNTAX,
    connected_network,
    shown_entry,
    unit_entry,
    write_files,
)
from support.made_files import write_frame, write_intact
from support.scripts import run_script

from lstm_units.analyses.syntax_units.dependency_span import SIDES
from lstm_units.cards.card import CardSettings, with_recorded_settings
from lstm_units.cards.reader import AFFERENTS, CardReader
from lstm_units.interventions.model_inputs import Compute, Context
from lstm_units.io.files import read_metadata, write_json
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import write_result

N_UNITS = sum(LAYER_SIZES)
VARIABLES = ("hidden", "cell", "input_gate", "forget_gate", "output_gate", "candidate")
LOWER = 7  # a unit of the first layer that no list names
PLAIN = 99  # such a unit of the last layer
TASKS = ("nounpp", "nounpp_adv")
CONDITIONS = [(task, name) for task in TASKS for name in ("SS", "SP", "PS", "PP")]
FULL, EFFECT = 0.9, 0.5  # intact accuracy; drop of the singular unit in SP
CRITERIA = {"tasks": list(TASKS), "mode": "zero", "relative_drop": 0.2}
CRITERIA |= {"maximum_q": 0.01, "minimum_loss": 0.6666}


def accuracy_rows(units=range(1, N_UNITS + 1)) -> pd.DataFrame:
    """Accuracy in which the singular unit loses SP and no other unit changes anything."""
    rows = []
    for unit in units:
        for task, condition in CONDITIONS:
            drop = EFFECT if unit == SINGULAR and condition == "SP" else 0.0
            rows.append(
                {
                    "unit": unit,
                    "layer": 1 if unit <= LAYER_SIZES[0] else 2,
                    "task": task,
                    "condition": condition,
                    "n": 100,
                    "accuracy": FULL - drop,
                    "full_accuracy": FULL,
                    "drop": drop,
                    "relative_drop": drop / FULL,
                    "ci_low": FULL - drop - 0.08,
                    "ci_high": FULL - drop + 0.05,
                    "p": 1e-9 if drop else 1.0,
                    "q": 1e-7 if drop else 1.0,
                    "n_near_ties": 0,
                }
            )
    return pd.DataFrame(rows)


def long_range_list() -> dict:
    def conditions(letter):
        numbers = {"S": "singular", "P": "plural"}
        return [
            {
                "task": task,
                "condition": name,
                "subject_number": numbers[name[0]],
                "incongruent": name[0] != name[1],
                "testable": True,
                "loss": 1.25 if name in ("SP", "PS") and name[0] == letter else 0.0,
            }
            for task, name in CONDITIONS
        ]

    units = [
        unit_entry(
            unit,
            subject_number=number,
            subject_number_reason=None,
            found_for=[number],
            discovery={"conditions": conditions(number[0].upper())},
            confirmed=unit == SINGULAR,
        )
        for unit, number in NUMBER_UNITS.items()
    ]
    return {"units": units, "criteria": CRITERIA}


def syntax_list() -> dict:
    entry = unit_entry(SYNTAX, deviation=-4.0, folds_beyond=5, score=0.97)
    return {
        "units": [entry],
        "top": entry,
        "nearest": None,
        "criteria": {"threshold": 2.5, "minimum_folds": 3, "deviations_from": "zero"},
        "n_folds": 5,
        "outliers": {"n_stable": 1, "permuted_99": 0},
    }


def coefficient_rows(seed=0) -> pd.DataFrame:
    """Coefficients of depth: that of the syntax unit stands out in every fold."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, (N_UNITS, 5))
    values[SYNTAX - 1] = -9
    unit = np.repeat(np.arange(1, N_UNITS + 1), 5)
    return pd.DataFrame(
        {
            "unit": unit,
            "layer": np.where(unit <= LAYER_SIZES[0], 1, 2),
            "fold": np.tile(np.arange(1, 6), N_UNITS),
            "coefficient": values.ravel(),
        }
    )


def span_rows() -> pd.DataFrame:
    rows = [
        {
            "unit": unit,
            "layer": 1 if unit <= LAYER_SIZES[0] else 2,
            "task": task,
            **dict.fromkeys(SIDES, 0.03 if unit == SYNTAX else 0.5),
            "score": 0.97 if unit == SYNTAX else 0.5,
            "sign": -1 if unit == SYNTAX else 1,
        }
        for unit in range(1, N_UNITS + 1)
        for task in ("nounpp", "subject_relative")
    ]
    return pd.DataFrame(rows)


def write_model_results(folder, project, model=None) -> ResultFiles:
    """Results of the connected network: real steps where they are quick, else planted tables."""
    language = project / "stimuli" / "english"
    model = model or connected_network(language)
    shown = [shown_entry(unit, "long-range", number) for unit, number in NUMBER_UNITS.items()]
    shown += [shown_entry(SYNTAX, "syntax"), shown_entry(50, "arbitrary")]
    made = write_files(
        folder, model, language, shown=shown, syntax=syntax_list(), variables=VARIABLES
    )
    sha256 = read_metadata(made.shown)["checkpoint_sha256"]
    write_json(
        long_range_list(), folder / "units" / "long_range.json", {"checkpoint_sha256": sha256}
    )
    made.short_range.unlink()
    intact = folder / "intact" / "nounpp.parquet"
    compute = Compute("float64", "cpu")
    write_intact(
        made.checkpoint, made.stimuli, Context(str(folder / "context.txt")), compute, intact
    )
    dynamics = folder / "dynamics" / "nounpp.parquet"
    run_script(
        "dynamics/dynamics",
        input={"dump": made.dump, "stimuli": made.stimuli, "intact": intact},
        params={"answers": "all"},
        output={"dynamics": dynamics},
    )
    write_result(made.afferents(), folder / AFFERENTS)
    efferents = {name: folder / f"efferents/{name}.parquet" for name in ("weights", "units")}
    weights = {"weights": made.checkpoint / "model.safetensors"}
    run_script(
        "efferents/efferents",
        input={**weights, "verb_pairs": language / "verb_pairs.tsv"},
        params={"correction": "benjamini_hochberg"},
        output=efferents,
    )
    run_script(
        "efferents/efferent_words",
        input={**weights, "dynamics": dynamics, "stimuli": made.stimuli},
        params={"words": 4},
        output={"words": folder / "efferents" / "words.parquet"},
    )
    run_script(
        "decoding/unit_decoding",
        input={"dump": made.dump, "stimuli": made.stimuli},
        params={
            **{"variable": "cell", "conditions": "incongruent", "confidence": 0.95},
            **{"bootstrap_samples": 100, "seed": 1},
        },
        output={"units": folder / "decoding" / "units.parquet"},
    )
    lower = accuracy_rows(range(1, LAYER_SIZES[0] + 1))
    made = {"checkpoint_sha256": sha256, "config": {"confidence": 0.95}}
    write_frame(accuracy_rows(), folder / "ablation/zero/accuracy.parquet", **made)
    write_frame(lower, folder / "ablation/legacy/accuracy.parquet", **made)
    for table, name in (
        (coefficient_rows(), "depth/coefficients"),
        (span_rows(), "dependency_span"),
    ):
        write_frame(table, folder / f"{name}.parquet", checkpoint_sha256=sha256)
    return ResultFiles(folder)


# Files without which a block has nothing to show
MISSING = {
    "ablation": ("ablation/zero", "ablation/legacy"),
    "dynamics": ("dynamics",),
    "efferents": ("efferents/units.parquet",),
    "words": ("efferents/words.parquet",),
    "decoding": ("decoding",),
    "depth": ("depth",),
    "span": ("dependency_span.parquet",),
    "afferents": (AFFERENTS, "dynamics"),
}


def read_card(files, unit, settings=None):
    """Read one card alone."""
    settings = settings or with_recorded_settings(CardSettings(), files)
    return CardReader(files, settings, (unit,)).card(unit)


def without(files: ResultFiles, *names: str) -> ResultFiles:
    """The same results as if these files or folders were not there."""
    gone = [files.folder / name for name in names]
    paths = [path for path in files.folder.rglob("*") if path.is_file()]
    kept = [path for path in paths if not any(path == g or g in path.parents for g in gone)]
    return ResultFiles.among(files.folder, kept)
