"""A small folder of results in the real schema, for tests of the report."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from support.configurations import shipped
from support.made_files import write_frame
from support.simulated_results import stimulus_numbers

from lstm_units.claims.catalogue import every_claim
from lstm_units.config.validate import validate_config
from lstm_units.io.files import make_metadata, write_json, write_parquet, write_text
from lstm_units.io.table_formats import write_table
from lstm_units.io.verdict import FAILS, HOLDS, NOT_TESTABLE, Measure, Verdict
from lstm_units.plots.style import new_figure, save_figure
from lstm_units.report.data import ReportModel, ReportSettings, Run
from lstm_units.report.page import report_page

LABELS = {"simple": "Simple", "nounpp": "nounPP <& friends>"}
SETTINGS = ReportSettings(LABELS)
MODELS = (ReportModel("first"), ReportModel("second", untrained_like="first"))
ACCURACY = {"simple": {"S": 1.0, "P": 0.9}, "nounpp": {"SS": 0.95, "SP": 0.6, "PS": 0.7, "PP": 1.0}}
SHA = {"first": "a" * 64, "second": "b" * 64}
N = 20


def default_config() -> dict:
    """The configuration of the project, with all defaults."""
    return validate_config(shipped())


def long_range(*units) -> dict:
    """``long_range.json`` with these units: (unit, layer, number, confirmed)."""
    return {
        "units": [
            {"unit": unit, "layer": layer, "subject_number": number, "confirmed": confirmed}
            for unit, layer, number, confirmed in units
        ],
        "summary": f"{len(units)} long-range units.",
        "criteria": {"relative_drop": 0.1, "maximum_q": 0.05},
    }


def write_verdicts(folder: Path, model: str, verdict_of) -> dict:
    """Write ``claims.json`` with verdicts by ``verdict_of(id)``, and return the counts."""
    verdicts = {}
    for id in every_claim():
        if id == "C24":
            continue
        verdict = verdict_of(id)
        verdicts[id] = Verdict(
            id,
            f"criterion of {id} < 0.05*",
            verdict,
            f"0.{int(id[1:]):02} [0.00, 0.99]",
            None if verdict == HOLDS else f"reason of {id}: `depth.run` & <b>",
            (
                Measure(f"value of {id}", int(id[1:]) / 100, 0.0, 0.99, "> 0", verdict == HOLDS),
                Measure(f"second value of {id}", None, note="not measured"),
            ),
            ("intact/nounpp.parquet", "stimuli/nounpp.parquet", "nowhere.json"),
        ).to_json()
    named = [entry["verdict"] for entry in verdicts.values()]
    counts = {verdict: named.count(verdict) for verdict in (HOLDS, FAILS, NOT_TESTABLE)}
    entry = {"model": model, "verdicts": verdicts, "summary": counts}
    config = {"criteria": {"syntax_p": 0.05, "sets_p": 0.01}}
    write_json(entry, folder / "claims.json", make_metadata(kind="claims", config=config))
    return counts


def write_intact(folder: Path, sha: str) -> None:
    """Write ``intact/{task}.parquet`` with exactly the accuracies of `ACCURACY`, and stimuli."""
    for task, conditions in ACCURACY.items():
        stimuli = folder.parent / "stimuli" / f"{task}.parquet"
        write_parquet(stimulus_numbers(conditions), stimuli, make_metadata())
        rows = [
            {"condition": condition, "right": place < round(share * N)}
            for condition, share in conditions.items()
            for place in range(N)
        ]
        table = pa.Table.from_pylist([{"item": item, **row} for item, row in enumerate(rows)])
        metadata = make_metadata(
            checkpoint_sha256=sha, stimuli_sha256=task * 4, config={"context_sha256": "c" * 8}
        )
        write_parquet(table, folder / f"intact/{task}.parquet", metadata)


def write_model(root: Path, name: str, *, everything: bool = True) -> None:
    """Write the results of one model; without `everything`, only its checkpoint and answers."""
    folder, sha = root / name, SHA[name]
    network = {
        "layer_sizes": [650, 650],
        "vocabulary_size": 24000,
        "sha256": sha,
        "tied": True,
        "verification": {"largest_log_probability_difference": 9.5e-6, "tokens": 24},
    }
    write_json(network, folder / "checkpoint/model.json", make_metadata(checkpoint_sha256=sha))
    write_intact(folder, sha)
    if not everything:
        return
    write_verdicts(folder, name, lambda id: (HOLDS, FAILS, NOT_TESTABLE)[int(id[1:]) % 3])
    for kind in ("csv", "md"):
        write_text("claims\n", folder / f"claims.{kind}")
    write_units(folder)
    write_numbers(folder)
    write_tables(folder)
    for stem in (
        "units",
        "fig2",
        "controls_syntax",
        "fig4a",
        "dynamics/nounpp/unit_7",
        "odd one #1",
    ):
        figure = new_figure(2, 1)
        figure.add_axes((0.2, 0.2, 0.7, 0.7)).plot([0, 1])
        for kind in ("png", "pdf"):
            save_figure(figure, folder / f"figures/{stem}.{kind}", make_metadata(kind=stem))
    write_cards(folder, name)


def write_units(folder: Path) -> None:
    """Write the lists of units."""
    write_json(
        long_range((776, 2, "plural", True), (988, 2, "singular", False)),
        folder / "units/long_range.json",
        make_metadata(),
    )
    short = {"units": [{"unit": 1097}], "criteria": {}, "summary": "1 short-range unit: 1097."}
    write_json(short, folder / "units/short_range.json", make_metadata())
    syntax = {
        "units": [{"unit": 1150, "spans": True}, {"unit": 23, "spans": False}],
        "summary": "2 syntax units; unit 1150 spans it.",
        "top": {"unit": 1150},
        "nearest": None,
        "criteria": {"threshold": 3.0, "minimum_folds": 4, "deviations_from": "zero"},
        "outliers": {
            "n_beyond": 4,
            "n_stable": 2,
            "permuted_99": 1,
            "p": 0.002,
            "n_permutations": 500,
        },
    }
    write_json(syntax, folder / "units/syntax.json", make_metadata())
    summary = {
        "summary": "Unit 1150 drives the gates.",
        "task": "nounpp",
        "top_syntax_unit": 1150,
        "units": [
            {"unit": 776, "kinds": ["long-range"]},
            {"unit": 988, "kinds": ["long-range"]},
        ],
    }
    write_json(summary, folder / "connectivity/summary.json", make_metadata())


def write_numbers(folder: Path) -> None:
    """Write the tables of numbers that summary and captions read."""
    accuracy = pd.DataFrame(
        [(unit, "nounpp", c, 40) for unit in range(1, 6) for c in ("SS", "SP")],
        columns=["unit", "task", "condition", "n"],
    )
    write_frame(
        accuracy,
        folder / "ablation/zero/accuracy.parquet",
        config={"correction": "benjamini_hochberg", "confidence": 0.95},
    )
    config = {
        "C": 1.0,
        "tolerance": 1e-5,
        "conditions": "incongruent",
        "label": "subject_number",
        "variable": "cell",
        "permutations": 17,
        "max_iterations": 10000,
    }
    write_frame(
        pd.DataFrame({"auc": [0.5]}),
        folder / "decoding/fig2_grouped.parquet",
        config=config,
        n_items=1234,
        n_lemmas=20,
        n_test_items=[44, 52, 36],
        n_not_converged=3,
        n_classifiers=380,
        seed=4711,
        task="nounpp",
        units_removed=[776, 988],
        untrained_sha256=["x", "y"],
    )
    scores = pd.DataFrame(
        [("units", "included", np.nan, 100, 0.75, 0.7, 0.8)],
        columns=["regressors", "covariate", "fold", "n", "r2", "ci_low", "ci_high"],
    )
    write_frame(scores, folder / "depth/scores.parquet")
    tests = pd.DataFrame(
        [("nounpp", "SP", 0.001, 0.002, True), ("nounpp", "PS", 0.4, 0.4, True)],
        columns=["task", "condition", "p", "p_holm", "adjusted"],
    )
    write_frame(
        tests,
        folder / "controls/tests/syntax.parquet",
        config={"n_sets": 321, "match": "layer", "minimum_intact": 0.55, "mode": "zero"},
        tested=[1150, 23],
        seed=99,
    )


def write_tables(folder: Path) -> None:
    """Write printed tables: accuracy with a hole, and controls with cells that are not repeated."""
    table2 = pd.DataFrame(
        {
            "task": [f"task {place}" for place in range(12)],
            "condition": "SP",
            "n": 600,
            "full": [float(place % 7) * 10 - 30 for place in range(11)] + ["-"],
            "paper_full": 87.2,
        }
    )
    controls = pd.DataFrame(
        {"units": ["2 syntax units", "", "3 others"], "task": ["a", "", "b"], "n": [3, 1, 2]}
    )
    for name, table in (("table2", table2), ("controls", controls)):
        for kind in ("csv", "md", "tex", "json"):
            write_table(
                table,
                folder / f"tables/{name}.{kind}",
                headers={"paper_full": "paper: full"},
                legend=["* marks <a thing> | with a bar."],
                metadata=make_metadata(kind=name),
            )


def write_cards(folder: Path, name: str) -> None:
    """Write two unit cards."""
    cards = [
        {
            "unit": unit,
            "layer": 2,
            "title": f"Unit {unit}: long-range",
            "lists": ["long-range"],
            "html": f'<p>All about {unit}.</p><h4 id="card-{name}-{unit}-ablation">Ablation</h4>'
            '<p class="files">From <code>units/long_range.json</code>, <code>gone.json</code>.</p>',
        }
        for unit in (776, 988)
    ]
    left_out = {"left_out": [5, 6], "note": "For their cards: `lstm-units card`."}
    write_json({"cards": cards, **left_out}, folder / "cards/notable.json", make_metadata())


def write_models_json(root: Path) -> None:
    """Write ``models.json`` over both models, and its tables."""
    models = []
    for model in MODELS:
        claims = root / model.name / "claims.json"
        audit = json.loads(claims.read_text()) if claims.exists() else None
        verdicts = audit["verdicts"] if audit else {}
        models.append(
            {
                "model": model.name,
                "layer_sizes": [650, 650],
                "vocabulary_size": 24000,
                "sha256": SHA[model.name],
                "training_run": None,
                "training_step": None,
                "untrained_like": model.untrained_like,
                "accuracy": [
                    {"task": t, "condition": c, "n": N, "accuracy": a, "ci_low": a, "ci_high": a}
                    for t, conditions in ACCURACY.items()
                    for c, a in conditions.items()
                ],
                "long_range": [{"unit": 776, "layer": 2}] if audit else None,
                "short_range": [],
                "syntax": None,
                "r2": {"value": 0.75, "low": 0.7, "high": 0.8} if audit else None,
                "verdicts": {id: entry["verdict"] for id, entry in verdicts.items()},
                "counts": audit["summary"] if audit else {},
            }
        )
    replication = Verdict(
        "C24", "in 3 networks*", NOT_TESTABLE, "1 network", "too few", (), ("models.json",)
    )
    write_json(
        {"models": models, "training_runs": {}, "replication": replication.to_json()},
        root / "models.json",
        make_metadata(),
    )
    for kind in ("csv", "md"):
        write_text("models\n", root / f"models.{kind}")


def write_benchmarks(root: Path) -> Path:
    """Write benchmark files, one of a job that was too short to be measured."""
    header = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    for name, cells in {
        "first/ablate_zero_noun_0001-0065": "30.0\t0:00:30\t900.5\t1\t1\t1\t1\t1\t45\t13.5",
        "first/ablate_zero_noun_0066-0130": "20.0\t0:00:20\t950.0\t1\t1\t1\t1\t1\t45\t10.0",
        "first/table2": "0.5\t0:00:00\t-\t-\t-\t-\t-\t-\tNA\tNA",
        "stimuli/nounpp": "1.5\t0:00:01\t100.0\t1\t1\t1\t1\t1\t45\t1.0",
        "report": "99.0\t0:01:39\t9999\t1\t1\t1\t1\t1\t45\t99",
        "left_over_model/table2": "99.0\t0:01:39\t9999\t1\t1\t1\t1\t1\t45\t99",
    }.items():
        write_text(f"{header}{cells}\n", root / f"benchmarks/{name}.tsv")
    return root / "benchmarks"


def write_results(root: Path) -> list[Path]:
    """Write two models, one complete and one with its answers only; return the run's files."""
    write_model(root, "first")
    write_model(root, "second", everything=False)
    write_models_json(root)
    write_benchmarks(root)
    return run_files(root)


def run_files(root: Path) -> list[Path]:
    """All result files in a folder."""
    return sorted(p for p in root.rglob("*") if p.is_file() and "benchmarks" not in p.parts)


def report_at(root: Path, page: Path, files=None, models=MODELS, config=None) -> str:
    """Make the report of the results under `root`, to lie at `page`."""
    run = Run(root, tuple(run_files(root) if files is None else files), page)
    return report_page(run, models, config or default_config(), SETTINGS, root / "benchmarks")
