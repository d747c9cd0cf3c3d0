"""Which files a run makes and reads, told from the configuration alone."""

import re

import pytest
from support.configurations import merged, shipped

from lstm_units.config import run_files
from lstm_units.config.validate import validate_config
from lstm_units.errors import ConfigurationError

SHIPPED = shipped()
SIZES = (650, 650)
LINZEN = {"format": "linzen", "file": "a", "gold": "b", "sweep": False}


def config_with(**over):
    return validate_config(merged(SHIPPED, over))


def everything(config):
    return set(run_files.report_files(config, {model: SIZES for model in config["models"]}))


def test_a_figure_and_a_table_come_in_every_format():
    files = run_files.analysis_files(config_with(), "m")
    for suffix in ("pdf", "png"):
        assert f"<results>/m/figures/fig1d.{suffix}" in files
    for suffix in ("csv", "md", "tex", "json"):
        assert f"<results>/m/tables/efferents.{suffix}" in files


def test_no_file_is_listed_twice():
    config = config_with(tasks=[*SHIPPED["tasks"], "linzen"], task_definitions={"linzen": LINZEN})
    for files in (
        run_files.main_files("m"),
        run_files.analysis_files(config, "wikipedia650"),
        run_files.compared_files(config, "wikipedia650"),
        run_files.audited_files(config, "wikipedia650", SIZES),
        run_files.card_files(config, "wikipedia650", SIZES),
        run_files.all_shards(config, {"wikipedia650": SIZES}),
    ):
        assert files and len(files) == len(set(files))


@pytest.mark.parametrize(
    ("over", "gone"),
    [
        ({"dynamics": {"tasks": []}}, r"dynamics/|fig1[abc]|efferents/words|tables/efferents"),
        (
            {"efferents": {"verb_pairs": None}},
            r"efferents|fig1d|short_(and_long_)?range|contributions|figures/unit_decoding",
        ),
        ({"decoding": {"run": []}}, r"fig2|decoding/fig2"),
        (
            {"unit_decoding": {"task": None}},
            r"unit_decoding|decoding/units|short_(and_long_)?range|contributions",
        ),
        ({"contributions": {"tasks": []}}, r"contributions"),
        ({"depth": {"run": False}}, r"/depth|units/syntax|fig3|controls(_|/tests/)syntax"),
        (
            {"syntax_units": {"structures": []}},
            r"dependency_span|fig3|units/syntax|controls(_|/tests/)syntax|activations/.*(sub|adv)",
        ),
        ({"controls": {"run": []}}, r"controls_|tables/controls|controls/tests"),
        ({"connectivity": {"task": None}}, r"connectivity|fig4"),
    ],
)
def test_an_analysis_that_is_left_out_leaves_none_of_its_files(over, gone):
    all_files, fewer = everything(config_with()), everything(config_with(**over))
    lost = {path for path in all_files if re.search(gone, path)}
    assert lost == all_files - fewer
    assert fewer < all_files


def test_an_impossible_analysis_is_left_out_and_says_why():
    over = {"tasks": ["simple", "nounpp"], "discovery": {"tasks": ["nounpp"]}}
    config = config_with(**over, connectivity={"task": "adv"}, depth={"run": False})
    made = run_files.products(config, "m")
    assert [pair for products in made for pair in products.not_run] == [
        ("Connections", "`tasks` lacks adv, which `connectivity.task` names"),
        ("Random sets, syntax", "`depth.run` is false"),
        ("Depth", "`depth.run` is false"),
        ("Syntax units", "`depth.run` is false"),
    ]
    files = run_files.analysis_files(config, "m")
    assert not [path for path in files if re.search("connectivity|fig3|fig4|syntax|depth", path)]
    assert "<results>/m/figures/fig2.png" in files


@pytest.mark.parametrize(
    ("over", "why"),
    [
        ({"discovery": {"run": False}}, "`discovery.run` is false"),
        (
            {"discovery": {"tasks": ["adv"]}},
            "`tasks` lacks adv, which `discovery.tasks` names",
        ),
        (
            {"discovery": {"tasks": ["object_relative"]}, "tasks": ["simple", "object_relative"]},
            "`sweep: false` keeps object_relative out of the sweep",
        ),
        (
            {"discovery": {"tasks": ["nounpp"]}, "tasks": ["object_relative"]},
            "all of `tasks` have `sweep: false`",
        ),
    ],
)
def test_long_range_units_are_not_searched_without_their_tasks(over, why):
    config = config_with(**{"tasks": ["simple", "nounpp"], **over})
    not_run = [pair for made in run_files.products(config, "m") for pair in made.not_run]
    assert ("The search for long-range number units", why) in not_run
    swept = "simple" in config["tasks"]
    assert ("<results>/m/figures/units.png" in run_files.analysis_files(config, "m")) == swept
    assert "<results>/m/tables/table2.md" in run_files.analysis_files(config, "m")


def test_what_an_analysis_reads_is_dumped_and_what_is_asked_for_beside_it():
    over = {
        **{"dynamics": {"tasks": ["adv"]}, "unit_decoding": {"task": "namepp"}},
        **{"decoding": {"analyses": {"fig2": {"task": "adv_adv"}}}},
        **{"connectivity": {"task": "simple"}, "syntax_units": {"structures": ["nounpp"]}},
    }
    config = config_with(**over, activations={"tasks": []})
    read = ["simple", "adv", "adv_adv", "namepp", "nounpp"]
    assert run_files.dumped_tasks(config, "wikipedia650") == read
    config = config_with(**over, activations={"tasks": ["nounpp_adv", "nounpp"]})
    assert run_files.dumped_tasks(config, "wikipedia650") == [*read, "nounpp_adv"]
    assert "<results>/m/activations/nounpp_adv" in run_files.analysis_files(config, "m")
    # Of tasks that are not run nothing is dumped.
    config = config_with(tasks=["simple", "nounpp"], discovery={"tasks": ["nounpp"]})
    assert run_files.dumped_tasks(config, "m") == ["nounpp"]


def test_named_units_get_figures_of_their_own():
    config = config_with(shown_units={"named": {"wikipedia650": [7]}})
    files = run_files.analysis_files(config, "wikipedia650")
    assert "<results>/wikipedia650/figures/dynamics/nounpp/unit_7.png" in files
    assert "<results>/wikipedia650/figures/dependency/unit_7.png" in files
    assert not [path for path in run_files.analysis_files(config, "untrained") if "unit_7" in path]


def test_a_named_syntax_unit_takes_the_place_of_the_top_one_of_the_list():
    shown = run_files.top_syntax_list(config_with(), "m")
    assert shown == "<results>/m/units/syntax.json"
    assert run_files.top_syntax_list(config_with(shown_units={"syntax": 3}), "m") is None
    assert run_files.top_syntax_list(config_with(depth={"run": False}), "m") is None


def test_the_audit_reads_modes_that_ablate_units_and_natural_text():
    config = config_with(
        tasks=[*SHIPPED["tasks"], "linzen"],
        task_definitions={"linzen": {**LINZEN, "group": "natural"}},
    )
    files = run_files.audited_files(config, "wikipedia650", SIZES)
    folder = "<results>/wikipedia650"
    assert f"{folder}/ablation/legacy/accuracy.parquet" in files
    assert f"{folder}/ablation_sets/zero/natural/long_range_0001-1000.parquet" in files
    assert f"{folder}/ablation_sets/zero/relative/long_range_0001-1000.parquet" not in files
    # Legacy is the same as zero in the last layer, so a network of one layer has no units for it.
    files = run_files.audited_files(config, "wikipedia650", SIZES[:1])
    assert f"{folder}/ablation/legacy/accuracy.parquet" not in files


def test_cards_show_discovered_units_on_every_group_without_a_sweep():
    folder = "<results>/wikipedia650"
    files = run_files.card_files(config_with(), "wikipedia650", SIZES)
    assert f"{folder}/intact/object_relative.parquet" in files
    assert f"{folder}/ablation_sets/zero/relative/long_range_0001-1000.parquet" in files
    assert f"{folder}/controls/sets/long_range.parquet" in files
    swept = config_with(tasks=SHIPPED["tasks"][:7])
    assert not [p for p in run_files.card_files(swept, "wikipedia650", SIZES) if "_sets" in p]


def test_shards_of_a_mode_stand_group_by_group():
    config = config_with(
        tasks=["simple", "nounpp"],
        discovery={"tasks": ["nounpp"]},
        ablation={"units": ["1-3", 5], "shard_size": 3},
    )
    files = run_files.shard_files(config, "m", SIZES, "zero")
    assert files == [
        f"<results>/m/ablation/zero/{group}/units_{units}.parquet"
        for group in ("short", "noun")
        for units in ("0001-0003", "0005-0005")
    ]
    both = run_files.all_shards(config, {"m": SIZES, "n": SIZES[:1]})
    assert len(both) == 3 * len(files)  # the network of one layer has no units for legacy


def test_sets_of_a_control_are_numbered_from_the_tested_one_to_the_last():
    config = config_with(controls={"sets": 5, "shard_size": 4})
    files = run_files.set_files(config, "m", "syntax")
    assert files == [
        f"<results>/m/ablation_sets/zero/noun/syntax_{numbers}.parquet"
        for numbers in ("0000-0004", "0005-0005")
    ]


def test_sets_are_ablated_on_the_tasks_of_their_control():
    config = config_with(controls={"tasks": {"short_range": ["simple", "nounpp", "adv"]}})
    assert run_files.tasks_of_sets(config, "short_range", "short") == ["adv", "simple"]
    assert run_files.tasks_of_sets(config, "short_range", "noun") == ["nounpp"]
    with pytest.raises(ConfigurationError, match="syntax has no task of the group short"):
        run_files.tasks_of_sets(config, "syntax", "short")
    # Single units run on whole groups, those without a sweep too.
    assert run_files.tasks_of_sets(config, "long_range", "noun") == ["nounpp", "nounpp_adv"]
    assert "object_relative" in run_files.tasks_of_sets(config, "long_range", "relative")


def test_states_after_the_context_belong_to_a_layer():
    assert run_files.states_file("m", "zero", SIZES, 651).endswith("units_0651-1300.safetensors")
    assert run_files.states_file("m", "zero", SIZES, 650).endswith("units_0001-0650.safetensors")


@pytest.mark.parametrize(
    ("regressors", "folder"),
    [("layer_2", "m/depth"), ("untrained_3", "m/untrained/3/depth"), ("words", None)],
)
def test_a_regression_on_units_reads_activations(regressors, folder):
    dump = run_files.depth_dump("m", regressors)
    assert dump == (folder and f"<results>/{folder}/activations")


def test_depth_is_predicted_from_every_layer_and_baseline():
    files = run_files.depth_predictions(config_with(depth={"untrained": 2}), "m", 2)
    names = [path.rpartition("/")[2].removesuffix(".parquet") for path in files]
    assert names == [
        *("units", "layer_1", "layer_2", "untrained_1", "untrained_2"),
        *("position_frequency", "words", "embeddings"),
    ]


# Training


TRAINING = {
    "corpora": {"text": {"files": ["a.txt"]}},
    "runs": {"net": {"corpus": "text", "steps": 9, "checkpoints": 1, "initial": "wikipedia650"}},
}


def test_training_figures_stand_for_runs_with_several_checkpoints():
    config = config_with(training=TRAINING, models=["net*"])
    assert run_files.training_figures(config) == [
        f"<results>/training/net.{suffix}" for suffix in ("pdf", "png")
    ]
    assert not run_files.training_figures(config_with(training=TRAINING, models=["net"]))


def test_a_run_reads_its_corpus_and_the_network_that_it_goes_on_from():
    inputs = run_files.training_inputs(config_with(training=TRAINING), "net")
    assert inputs["ids"] == "<results>/corpora/text/corpus.safetensors"
    assert inputs["initial"] == [
        f"<results>/wikipedia650/checkpoint/{name}"
        for name in ("model.json", "model.safetensors", "vocab.txt")
    ]


def test_words_of_the_stimuli_are_asked_for_unless_the_corpus_declines():
    files = run_files.stimulus_word_files(config_with(training=TRAINING), "text")
    assert "<results>/stimuli/simple.parquet" in files
    assert "<results>/stimuli/depth/sentences.parquet" in files
    corpora = {"text": {"stimulus_words": False}}
    training = merged(TRAINING, {"corpora": corpora})
    assert not run_files.stimulus_word_files(config_with(training=training), "text")


def test_training_without_a_run_is_refused():
    assert len(run_files.trained_network_files(config_with(training=TRAINING))) == 3
    with pytest.raises(ConfigurationError, match=r"training\.runs .* is empty"):
        run_files.trained_network_files(config_with())


def test_places_name_what_a_run_may_have_made():
    places = run_files.places_of_results(config_with(training=TRAINING))
    assert places == {
        "Model card of net": "training/net/model_card.md",
        "Table 2 of wikipedia650": "wikipedia650/tables/table2.md",
        "Report": "report.html",
    }
