"""The efferents of the planted network: what the scripts find, print, draw and record."""

import itertools
import logging

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.made_files import write_stimuli
from support.planted_network import LAYER_SIZES, PLURAL_UNIT, write_planted_network
from support.scripts import run_script

from lstm_units.analyses.efferents.table import efferents_table
from lstm_units.analyses.efferents.verb_pairs import VerbPair, read_verb_pairs
from lstm_units.analyses.efferents.weights import efferents
from lstm_units.io.files import make_metadata, read_metadata, write_json, write_parquet
from lstm_units.io.results import Result, read_result
from lstm_units.models.checkpoints import CheckpointSource, convert_checkpoint, load_language_model
from lstm_units.stimuli.generation import generate
from lstm_units.stimuli.language_tables import read_language

AUC = 0.5 * 3 * 3 / 18**2  # the unit speaks against 15 singular forms, and not at all to 3
SHOWN = [
    {"unit": 7, "layer": 2, "role": "long-range", "number": "plural", "found": True},
    {"unit": 6, "layer": 2, "role": "nearest", "number": "singular", "found": False},
    {"unit": 2, "layer": 1, "role": "named", "number": None, "found": False},
]


def dynamics_rows():
    """Hidden states of the last layer, in which the planted unit is active for plurals."""
    active = {7: {"SS": 0.01, "PP": 0.9}, 6: {"SS": 0.1, "PP": 0.2}, 8: {"SS": -0.1, "PP": 0.0}}
    rows = [
        (unit, 2, variable, position, condition, 3, mean + 10 * (position != 4), 0.1)
        for unit, means in active.items()
        for condition, mean in means.items()
        for variable, position in itertools.product(("hidden", "cell"), (3, 4))
    ]
    names = ("unit", "layer", "variable", "position", "condition", "n", "mean", "sd")
    return pa.Table.from_pandas(pd.DataFrame(rows, columns=names), preserve_index=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory, project):
    """The folder of the planted network, after all scripts."""
    folder = tmp_path_factory.mktemp("planted")
    language = project / "stimuli" / "english"
    (folder / "context.txt").write_text("The boy greets .\n", encoding="utf-8")
    write_planted_network(folder / "source", language, folder / "context.txt")
    convert_checkpoint(CheckpointSource(folder / "source"), folder / "checkpoint")
    stimuli = generate(read_language(language), "nounpp", 5, True, 1)
    write_stimuli(stimuli, folder / "nounpp.parquet", make_metadata(stimuli_sha256="s"))
    sha256 = load_language_model(folder / "checkpoint").sha256
    metadata = make_metadata(checkpoint_sha256=sha256, stimuli_sha256="s")
    dynamics = folder / "dynamics" / "nounpp.parquet"
    write_parquet(dynamics_rows(), dynamics, {**metadata, "config": {"items": "right"}})
    write_json({"units": SHOWN}, folder / "shown.json", metadata)

    checkpoint = folder / "checkpoint" / "model.safetensors"
    results = {name: folder / f"{name}.parquet" for name in ("weights", "units", "words")}
    shown = {"shown": folder / "shown.json"}
    run_script(
        "efferents/efferents",
        input={"weights": checkpoint, "verb_pairs": language / "verb_pairs.tsv"},
        params={"correction": "benjamini_hochberg"},
        output={name: results[name] for name in ("weights", "units")},
    )
    run_script(
        "efferents/efferent_words",
        input={"weights": checkpoint, "dynamics": dynamics, "stimuli": folder / "nounpp.parquet"},
        params={"words": 20},
        output={"words": results["words"]},
    )
    run_script(
        "efferents/efferents_table",
        input={"units": results["units"], "words": results["words"], **shown},
        output={"table": [folder / f"efferents.{suffix}" for suffix in ("csv", "md", "tex")]},
    )
    run_script(
        "efferents/figure1d",
        input={"weights": results["weights"], "units": results["units"], **shown},
        output={"figure": [folder / "fig1d.pdf", folder / "fig1d.png"]},
    )
    return folder


def test_the_planted_number_unit_stands_apart_from_the_others(made):
    units = pd.read_parquet(made / "units.parquet").set_index("unit")
    assert list(units.columns) == [
        *("layer", "n_pairs", "mean_singular", "mean_plural", "sd_singular", "sd_plural"),
        *("separability", "percentile", "auc", "statistic", "p", "q"),
    ]
    assert list(units.index) == [6, 7, 8]
    assert units["separability"].idxmax() == PLURAL_UNIT
    assert units.loc[PLURAL_UNIT, "auc"] == pytest.approx(AUC)
    assert units.loc[PLURAL_UNIT, "percentile"] == 100
    assert units.loc[PLURAL_UNIT, "q"] < 0.001
    assert (units.drop(index=PLURAL_UNIT)["q"] > 0.05).all()
    weights = pq.read_table(made / "weights.parquet")
    assert weights.num_rows == 18 * LAYER_SIZES[-1]
    assert weights.schema.field("unit").type == pa.int16()


def test_the_planted_unit_raises_plural_verbs_and_lowers_singular_ones(made, project):
    words = pd.read_parquet(made / "words.parquet")
    pairs = read_verb_pairs(project / "stimuli" / "english" / "verb_pairs.tsv").content
    own = words[words["unit"] == PLURAL_UNIT].set_index("direction")
    assert set(own.loc["raised", "word"][:15]) <= {pair.plural for pair in pairs}
    assert set(own.loc["lowered", "word"][:15]) <= {pair.singular for pair in pairs}
    assert (own["condition"] == "PP").all()
    metadata = read_metadata(made / "words.parquet")
    assert metadata["config"] == {"task": "nounpp", "n_words": 20, "items": "right"}
    assert metadata["stimuli_sha256"] == "s"


def test_the_table_folds_the_auc_and_says_what_is_no_long_range_unit(made):
    csv = pd.read_csv(made / "efferents.csv")
    assert list(csv["unit"]) == [7, 6, 2]
    assert csv.loc[0, "auc_folded"] == pytest.approx(1 - AUC)
    assert csv.loc[2, ["separability", "q", "raised"]].isna().all()
    assert len(csv.loc[0, "raised"].split()) == 5
    text = (made / "efferents.md").read_text(encoding="utf-8")
    for part in ("| nearest*", "18 verbs", "on the pairs (exact)", "it is not a long-range unit"):
        assert part in text
    assert "Units below the last layer have no weights to words" in text
    assert "None of these units" not in text
    assert b"checkpoint_sha256" in (made / "fig1d.png").read_bytes()


@pytest.mark.parametrize("shown", [[], [{**SHOWN[1], "role": "arbitrary"}]])
def test_a_table_without_any_long_range_unit_says_so(made, shown):
    units, words = (read_result(made / f"{name}.parquet") for name in ("units", "words"))
    table = efferents_table(units, words, Result({"units": shown}))
    assert "None of these units is a long-range unit of this model." in table.legend


def test_dropped_pairs_are_logged_and_recorded(made, caplog):
    pairs = (("admires", "admire"), ("knows", "know"), ("zzz", "zz"), ("greets", "greet"))
    table = Result(tuple(VerbPair(*pair) for pair in pairs), {"stimuli_sha256": "s"})
    model = load_language_model(made / "checkpoint")
    with caplog.at_level(logging.WARNING):
        results = efferents(model, table, correction="benjamini_hochberg")
    assert "zzz/zz" in caplog.text
    assert [made.metadata["dropped_pairs"] for made in results] == [[["zzz", "zz"]]] * 2
    assert set(results[1].frame["n_pairs"]) == {3}
