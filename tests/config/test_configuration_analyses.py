"""Faults between the keys of the analyses over time, and which analyses are asked for."""

import pytest
import yaml
from support.configurations import merged, small

from lstm_units.config.analysis_plan import (
    analyses,
    chosen_tasks,
    claim_criteria,
    finds_short_range,
    model_entries,
    named_units,
    paper_tasks,
    syntax_unit,
    time_course_task,
    unit_decoding_task,
)
from lstm_units.config.validate import validate_config
from lstm_units.errors import ConfigurationError

SMALL = small(
    dynamics={"tasks": ["nounpp"]},
    decoding={"run": ["fig2"], "analyses": {"fig2": {"task": "nounpp"}}},
    unit_decoding={"task": "nounpp"},
    contributions={"tasks": ["nounpp"]},
)


FAULTS = [
    ({"activations": {"tasks": ["nounp"]}}, ["activations.tasks[0]", "Did you mean nounpp?"]),
    ({"contributions": {"tasks": ["nounp"]}}, ["contributions.tasks[0]", "Did you mean nounpp?"]),
    ({"dynamics": {"tasks": ["nounp"]}}, ["dynamics.tasks[0]", "Did you mean nounpp?"]),
    (
        {"activations": {"variables": ["hidden", "cell"]}},
        ["dynamics.tasks", "needs the variable candidate", "variables: [hidden, cell, candidate]"],
    ),
    (
        {
            "activations": {
                "variables": ["cell", "input_gate", "forget_gate", "output_gate", "candidate"]
            }
        },
        ["efferents.verb_pairs", "needs the variable hidden"],
    ),
    ({"decoding": {"run": ["fig_2"]}}, ["decoding.run[0]", "Did you mean fig2?"]),
    (
        {"decoding": {"analyses": {"fig2": {"task": "adv"}}}},
        ["decoding.analyses.fig2.task", "no entry of task_definitions", "task: nounpp"],
    ),
    (
        {"decoding": {"analyses": {"fig2": {"label": "verb_number"}}}},
        ["decoding.analyses.fig2.label", "subject_number, attractor_number"],
    ),
    (
        {"decoding": {"analyses": {"units": {"task": "nounpp"}}}},
        ["decoding.analyses.units", "another figure is called units"],
    ),
    ({"decoding": {"analyses": {"Fig": {"task": "nounpp"}}}}, ["decoding.analyses.Fig"]),
    ({"decoding": {"analyses": {"fig2": {"conditions": []}}}}, ["fig2.conditions"]),
    (
        {"unit_decoding": {"task": "adv"}},
        ["unit_decoding.task", "It has nounpp, simple", "task: nounpp"],
    ),
    ({"short_range": {"maximum_attractor_auc": 0.7}}, ["maximum_attractor_auc", "at most 0.5"]),
    ({"shown_units": {"named": [0]}}, ["shown_units.named"]),
    ({"shown_units": {"named": {"n": [1]}}}, ["shown_units.named.n", "no entry of checkpoints"]),
    ({"shown_units": {"syntax": "last"}}, ["shown_units.syntax", "a unit number from 1"]),
]


@pytest.mark.parametrize(("over", "parts"), FAULTS)
def test_a_fault_names_key_finding_and_cure(over, parts):
    with pytest.raises(ConfigurationError) as caught:
        validate_config(merged(SMALL, over))
    for part in parts:
        assert part in str(caught.value)


def test_a_variable_that_nobody_dumps_is_refused_only_where_it_is_needed():
    over = {"activations": {"variables": ["cell"]}, "dynamics": {"tasks": []}}
    assert validate_config(merged(SMALL, over))["activations"]["variables"] == ["cell"]
    over["unit_decoding"] = {"variable": "hidden"}
    with pytest.raises(ConfigurationError, match=r"unit_decoding\.variable: needs .* hidden"):
        validate_config(merged(SMALL, over))


MENDED = [
    {"ablation": {"units": ["9-5"]}},
    {"ablation": {"modes": ["nil"]}},
    {"tasks": ["nounp"]},
    {"discovery": {"mode": "mean"}},
    {"discovery": {"tasks": ["simple"]}},
    {"discovery": {"maximum_q": "none"}},
    {"ablation": {"layers": {"legacy": "last"}}},
    {"context": {"case": "upper"}},
    {"task_definitions": {"nounpp": {"items_per_condition": 0}}},
    *(over for over, _ in FAULTS[3:7]),
]


@pytest.mark.parametrize("over", MENDED)
def test_what_the_message_tells_to_write_mends_the_fault_or_leads_to_the_next(over):
    config = merged(SMALL, over)
    for _ in range(5):
        try:
            validate_config(config)
            return
        except ConfigurationError as error:
            lines = str(error).splitlines()
            start = lines.index("   Write, for example:") + 1
            cure = [line for line in lines[start:] if line.startswith("    ")]
            mended = merged(config, yaml.safe_load("\n".join(cure)))
            assert mended != config, error
            config = mended
    pytest.fail("the cures lead nowhere")


def test_the_list_of_tasks_decides_and_the_others_choose_from_it():
    config = validate_config(merged(SMALL, {"tasks": ["nounpp"]}))
    assert chosen_tasks(config, "dynamics") == chosen_tasks(config, "contributions") == ["nounpp"]
    assert list(analyses(config)) == ["fig2"]
    assert unit_decoding_task(config) == "nounpp" and finds_short_range(config)
    config = validate_config(
        merged(SMALL, {"tasks": ["simple"], "discovery": {"tasks": ["simple"]}})
    )
    assert chosen_tasks(config, "dynamics") == chosen_tasks(config, "contributions") == []
    assert not analyses(config) and unit_decoding_task(config) is None
    assert not finds_short_range(config)


def test_the_audit_reads_the_time_courses_of_the_papers_task_under_any_name():
    over = {
        "tasks": ["nounpp", "simple", "mine"],
        "task_definitions": {"mine": {"template": "nounpp"}, "nounpp": {"template": "adv"}},
        "dynamics": {"tasks": ["simple", "mine"]},
        "decoding": {"run": []},
        "unit_decoding": {"task": None},
    }
    config = validate_config(merged(SMALL, over))
    assert paper_tasks(config) == {"nounpp": "adv", "simple": "simple", "mine": "nounpp"}
    assert time_course_task(config) == "mine"
    over["dynamics"] = {"tasks": ["simple"]}
    assert time_course_task(validate_config(merged(SMALL, over))) == "simple"


def test_units_are_named_for_all_models_or_for_each():
    config = validate_config(merged(SMALL, {"shown_units": {"named": [3], "syntax": 4}}))
    assert named_units(config, "m") == [3] and syntax_unit(config, "m") == 4
    over = {"shown_units": {"named": {"m": [3, 5]}, "syntax": {"m": 6}}}
    config = validate_config(merged(SMALL, over))
    assert named_units(config, "m") == [3, 5] and syntax_unit(config, "m") == 6
    assert named_units(config, "n") == [] and syntax_unit(config, "n") is None


def test_without_verb_pairs_no_short_range_unit_is_searched():
    config = validate_config(merged(SMALL, {"efferents": {"verb_pairs": None}}))
    assert unit_decoding_task(config) == "nounpp" and not finds_short_range(config)


def test_the_audit_takes_thresholds_from_the_sections_that_used_them():
    config = validate_config(merged(SMALL, {"discovery": {"maximum_q": 0.01}}))
    criteria = claim_criteria(config)
    assert criteria["maximum_q"] == 0.01
    assert criteria["spanning_auc"] == config["syntax_units"]["minimum_auc"]
    assert config["claims"].items() <= criteria.items()


def test_a_model_of_the_comparison_says_where_it_stands_in_its_training():
    (entry,) = model_entries(validate_config(SMALL))
    assert entry == {
        **{"name": SMALL["models"][0], "training_run": None},
        **{"training_step": None, "untrained_like": None},
    }
