import copy
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from support.configurations import PROJECT, shipped, small

from lstm_units.config.schema import leaves, reference, schema, subschema
from lstm_units.config.validate import is_url, validate_config
from lstm_units.errors import ConfigurationError


def fault_of(config):
    with pytest.raises(ConfigurationError) as caught:
        validate_config(config)
    return str(caught.value)


# The shipped files


def test_schema_is_valid_and_every_key_has_a_description_and_a_default_or_is_needed():
    jsonschema.Draft202012Validator.check_schema(schema())
    needed = set()
    for path, at in leaves(schema(), ()):
        assert at.get("description"), path
        is_table = isinstance(at.get("additionalProperties"), dict)
        if "default" not in at and "default_text" not in at and not is_table:
            needed.add(".".join(path))
    assert needed == {
        "models",
        "tasks",
        "checkpoints.NAME.source",
        "checkpoints.NAME.vocabulary",
        "decoding.analyses.NAME.task",
        "training.corpora.NAME.files",
        "training.runs.NAME.corpus",
        "training.runs.NAME.steps",
    }


def test_every_default_and_example_of_the_schema_fits_the_schema():
    hashes = "THE 64 DIGITS"
    for path, at in leaves(schema(), ()):
        for value in [*at.get("examples", []), *([at["default"]] if "default" in at else [])]:
            if not (isinstance(value, str) and value.startswith(hashes)):
                jsonschema.validate(value, at), path


def stated(config, path=()):
    """Yield the path and value of every key that a configuration sets."""
    for key, value in config.items():
        if isinstance(value, dict):
            yield from stated(value, (*path, key))
        else:
            yield (*path, key), value


def test_shipped_configuration_repeats_no_default():
    keys = list(stated(shipped()))
    assert len(keys) > 30
    for path, value in keys:
        assert subschema(path).get("default", ...) != value, path


@pytest.mark.parametrize("preset", [None, "quick", "paper", "training", "replication"])
def test_shipped_configurations_pass_and_validation_is_idempotent(preset):
    once = validate_config(shipped(*([f"{preset}.yaml"] if preset else [])))
    assert validate_config(once) == once


def test_quick_preset_selects_less_and_writes_elsewhere():
    config = validate_config(shipped("quick.yaml"))
    assert config["tasks"] == ["simple", "nounpp"]
    assert config["pathvars"]["results"] == "results/quick"
    assert config["pathvars"]["logs"] == "<results>/logs"


def test_paper_preset_is_the_published_experiment():
    config = validate_config(shipped("paper.yaml"))
    assert config["models"] == ["gulordava"]
    swept = [name for name in config["tasks"] if config["task_definitions"][name]["sweep"]]
    assert len(swept) == 7
    for name in swept:
        task = config["task_definitions"][name]
        assert task["format"] == "released"
        assert Path(task["file"]).name == f"{name}.txt"
    others = {name: config["task_definitions"][name] for name in config["tasks"]}
    others = {name: task for name, task in others.items() if name not in swept}
    assert list(others) == config["syntax_units"]["structures"]
    assert all(task["format"] == "generated" for task in others.values())
    assert config["depth"]["procedure"] == "paper"
    assert config["depth"]["sentences"]["format"] == "released"
    assert config["controls"]["match"] == "all"
    assert config["syntax_units"]["deviations_from"] == "mean"
    assert config["context"]["case"] == "paper"
    assert config["ablation"]["modes"] == ["zero", "legacy"]
    assert config["stimuli"]["matched"] is False
    groups = {n: config["task_definitions"][n]["group"] for n in ("simple", "namepp", "nounpp")}
    assert groups == {"simple": "short", "namepp": "name", "nounpp": "noun"}


def test_commented_entries_of_the_shipped_configuration_are_ready_to_use():
    lines = (PROJECT / "config.yaml").read_text().splitlines()
    entry = ("gulordava:", "linzen:", "nounpp_2019:", "my_pairs:")
    taken_in, inside = [], False
    for line in lines:
        bare = line.lstrip()
        if bare.startswith("# ") and line.startswith("  #"):
            text = bare[2:]
            inside = text.startswith(entry) or (inside and text.startswith("  "))
            taken_in.append(f"  {text}" if inside else "")
        else:
            inside = False
            taken_in.append(line)
    config = yaml.safe_load("\n".join(taken_in))
    assert {"gulordava"} < set(config["checkpoints"])
    assert {"linzen", "nounpp_2019", "my_pairs"} < set(config["task_definitions"])
    config["tasks"] += ["linzen", "nounpp_2019", "my_pairs"]
    config["models"] += ["gulordava"]
    checked = validate_config(config)
    assert checked["task_definitions"]["linzen"]["sweep"] is False


def test_reference_of_the_keys_is_up_to_date():
    written = (PROJECT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert written == reference(), (
        "run: python -m lstm_units.config.validate > docs/configuration.md"
    )


def test_reference_lists_every_key_once():
    text = reference()
    for path, at in leaves(schema(), ()):
        if "properties" not in at and not isinstance(at.get("additionalProperties"), dict):
            assert text.count(f"| `{'.'.join(path)}` |") == 1, path


def test_import_stays_light():
    """Standard library, yaml and jsonschema: every job of a cluster parses the Snakefile again."""
    names = [path.stem for path in (PROJECT / "src/lstm_units/config").glob("*.py")]
    modules = [*(f"lstm_units.config.{name}" for name in names), "lstm_units.runtime.fingerprint"]
    heavy = {"numpy", "pandas", "pyarrow", "torch", "scipy", "sklearn", "statsmodels", "tqdm"}
    code = (
        f"import sys, {', '.join(modules)}; lstm_units.config.rooms.rooms()\n"
        f"print({heavy | {'matplotlib'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# Defaults


def test_defaults_are_filled_in_and_the_input_is_left_alone():
    config = small()
    before = copy.deepcopy(config)
    checked = validate_config(config)
    assert config == before
    assert checked["ablation"]["shard_size"] == 130
    assert checked["ablation"]["layers"] == {"zero": "all", "legacy": "all", "mean": "all"}
    assert checked["checkpoints"]["m"]["stand_ins"] == ["model.RNNModel"]
    checked["checkpoints"]["m"]["stand_ins"].append("x.Y")
    assert validate_config(config)["checkpoints"]["m"]["stand_ins"] == ["model.RNNModel"]


def test_task_defaults_come_from_its_name_and_the_language():
    task = validate_config(small(stimuli={"language": "mine"}))["task_definitions"]["nounpp"]
    assert (task["group"], task["template"], task["language"]) == ("nounpp", "nounpp", "mine")


def test_a_task_keeps_only_the_keys_that_its_format_uses():
    imported = {"format": "minimal_pairs", "file": "a.tsv", "items_per_condition": 5}
    task = validate_config(small(task_definitions={"nounpp": imported}))["task_definitions"]
    assert task["nounpp"] == {
        "format": "minimal_pairs",
        "file": "a.tsv",
        "group": "nounpp",
        "sweep": True,
        "label": None,
        "origin": None,
    }


def test_an_empty_section_means_its_defaults():
    config = small()
    config["ablation"] = None
    config["context"] = {}
    assert validate_config(config) == validate_config(small())


def test_case_true_may_be_written_without_quotes():
    assert validate_config(small(context={"case": True}))["context"]["case"] == "true"


FOLLOWERS = [(path, at["follows"]) for path, at in leaves(schema(), ()) if "follows" in at]


@pytest.mark.parametrize(("path", "followed"), FOLLOWERS, ids=lambda value: str(value))
def test_a_section_takes_the_value_at_the_top_unless_it_has_its_own(path, followed):
    def found(**over):
        at = validate_config(small(**over))
        for key in path:
            at = at[key]
        return at

    values = {"seed": (5, 7), "bootstrap_samples": (150, 300), "device": ("cpu", "cuda:1")}
    top, own = values[followed]
    over = own
    for key in reversed(path):
        over = {key: over}
    assert found() == subschema((followed,))["default"]
    assert found(**{followed: top}) == top
    assert found(**{followed: top}, **over) == own


def test_the_order_of_keys_changes_nothing():
    def backwards(value):
        if isinstance(value, dict):
            return {key: backwards(value[key]) for key in reversed(value)}
        return value

    config = shipped()
    names = ("checkpoints", "task_definitions")  # tables of names keep theirs
    turned = backwards(config) | {name: config[name] for name in names}
    assert json.dumps(validate_config(turned)) == json.dumps(validate_config(config))


def test_whole_numbers_written_with_a_dot_become_integers():
    seed = validate_config(small(stimuli={"seed": 7.0}))["stimuli"]["seed"]
    assert seed == 7 and type(seed) is int


# Faults


@pytest.mark.parametrize(
    ("over", "parts"),
    [
        ({"ablation": {"shardsize": 3}}, ["ablation.shardsize", "ablation.shard_size?", "130"]),
        ({"shard_size": 3}, ["shard_size: unknown key here", "ablation.shard_size?"]),
        ({"zzz": 3}, ["zzz: unknown key", "checkpoints, stimuli"]),
        (
            {"ablation": {"modes": ["zero", "average"]}},
            ['ablation.modes[1]: found "average"', '"legacy"', "modes: [zero, legacy]"],
        ),
        ({"ablation": {"modes": []}}, ["ablation.modes: found []", "a list of zero, legacy, mean"]),
        ({"ablation": {"modes": ["zero", "zero"]}}, ['lists "zero" twice']),
        (
            {"ablation": {"layers": {"zero": [0]}}},
            ["ablation.layers.zero", "layers counted from 1"],
        ),
        ({"ablation": {"units": ["9-5"]}}, ["ablation.units: found '9-5'", "1-100"]),
        ({"ablation": {"units": "some"}}, ['ablation.units: found "some"', "all, or a list"]),
        ({"ablation": {"units": [0]}}, ["ablation.units"]),
        ({"ablation": {"shard_size": 2.5}}, ["found 2.5, expected a whole number at least 1"]),
        ({"ablation": {"shard_size": True}}, ["found true, expected a whole number"]),
        ({"ablation": {"shard_size": "1.5"}}, ['found "1.5", expected a whole number']),
        ({"ablation": {"device": "gpu"}}, ['found "gpu", expected auto, cpu, cuda']),
        ({"stimuli": {"seed": -1}}, ["found -1, expected a whole number at least 0", "seed: 2019"]),
        ({"ablation": {"memory": float("inf")}}, ["memory: found inf", "finite"]),
        ({"statistics": {"near_tie": float("nan")}}, ["near_tie: found nan", "finite"]),
        ({"discovery": {"maximum_q": "1,5"}}, ['found "1,5", expected a number above 0']),
        ({"discovery": {"maximum_q": 2}}, ["found 2, expected a number above 0 and at most 1"]),
        ({"statistics": 5}, ["statistics: found 5, expected keys with values"]),
        ({"checkpoints": {"a b": {"source": "a", "vocabulary": "b"}}}, ["checkpoints.a b"]),
        ({"checkpoints": {"n": {"vocabulary": "b"}}}, ["checkpoints.n.source: missing", "source:"]),
        ({"checkpoints": {"m": {"source": None}}}, ["checkpoints.m.source: found nothing (null)"]),
        (
            {"checkpoints": {"logs": {"source": "a", "vocabulary": "b"}}},
            ["checkpoints.logs", "folder of the results"],
        ),
        (
            {"checkpoints": {"m": {"source": "https://a.org/m.pt"}}},
            ["checkpoints.m.source_sha256: missing", "URL"],
        ),
        (
            {"checkpoints": {"m": {"vocabulary": "https://a.org/v.txt"}}},
            ["checkpoints.m.vocabulary_sha256: missing"],
        ),
        ({"checkpoints": {"m": {"source": "s3://a/m.pt"}}}, ["kind s3", "http, https or file"]),
        ({"checkpoints": {"m": {"source_sha256": "ABC"}}}, ["source_sha256", "64 hexadecimal"]),
        ({"checkpoints": {"m": {"identity": "me"}}}, ['"gulordava", nothing (null)']),
        ({"checkpoints": {"m": {"training_run": "a"}}}, ["m.training_step: missing"]),
        ({"checkpoints": {"m": {"training_step": 3}}}, ["m.training_run: missing"]),
        ({"models": ["n"]}, ['models[0]: found "n"', "It has m", "models: [m]"]),
        # discovery.tasks and mean_reference lean on tasks; only the misspelt task is at fault.
        (
            {"tasks": ["nounp"], "ablation": {"modes": ["zero", "mean"]}},
            ["tasks[0]", "Did you mean nounpp?", "tasks: [nounpp]"],
        ),
        (
            {
                "tasks": ["simple", "nounpp"],
                "task_definitions": {
                    "simple": {"group": "noun", "sweep": False},
                    "nounpp": {"group": "noun"},
                },
            },
            ["shares its group", "group: nounpp"],
        ),
        ({"task_definitions": {"nounpp": {"format": "released"}}}, ["nounpp.file: missing"]),
        (
            {"task_definitions": {"nounpp": {"format": "linzen", "file": "a"}}},
            ["task_definitions.nounpp.gold: missing"],
        ),
        (
            {"task_definitions": {"nounpp": {"file": "a"}}},
            ["nounpp.file: given, but the format is generated", "format: released"],
        ),
        (
            {"task_definitions": {"nounpp": {"format": "released", "file": "a", "gold": "b"}}},
            ["nounpp.gold: given", "format: linzen"],
        ),
        (
            {"ablation": {"modes": ["mean", "zero"], "mean_reference": "simple"}},
            ["ablation.mean_reference", "one of tasks", "mean_reference: nounpp"],
        ),
        (
            {"ablation": {"modes": ["legacy"]}},
            ["discovery.mode", "ablation.modes: legacy", "modes: [zero, legacy]"],
        ),
        # Which leaves the last layer out.
        (
            {"ablation": {"modes": ["zero", "legacy"]}, "discovery": {"mode": "legacy"}},
            ["discovery.mode", '"zero", "mean"'],
        ),
        # With none of its tasks, discovery is not run; with some, it would search for other units.
        ({"discovery": {"tasks": ["nounpp", "simple"]}}, ["discovery.tasks[1]", "tasks: [nounpp]"]),
        (
            {
                "tasks": ["nounpp", "simple"],
                "task_definitions": {"simple": {"sweep": False}},
                "discovery": {"tasks": ["nounpp", "simple"]},
            },
            ["discovery.tasks[1]", "sweep: false"],
        ),
        ({"discovery": {"tasks": ["nounp"]}}, ["discovery.tasks[0]", "Did you mean nounpp?"]),
        ({"pathvars": {"results": "a/{model}"}}, ["pathvars.results"]),
        ({"task_definitions": {True: {}}}, ["task_definitions.True: found the key true", "quotes"]),
    ],
)
def test_a_fault_names_key_finding_expectation_and_cure(over, parts):
    message = fault_of(small(**over))
    assert "1 fault " in message, message
    for part in parts:
        assert part in message, message


def test_mean_reference_is_free_when_the_mode_is_not_selected():
    checked = validate_config(small(ablation={"mean_reference": "elsewhere"}))
    assert checked["ablation"]["mean_reference"] == "elsewhere"


def test_all_faults_are_listed_at_once():
    config = small(
        ablation={"modes": ["zap"], "units": ["3-2"], "device": "tpu"},
        tasks=["simple", "nounpp", "nothing"],
        discovery={"seed": -1},
        checkpoints={"m": {"source": "https://a.org/b"}},
    )
    config["statistic"] = {}
    message = fault_of(config)
    assert "7 faults" in message
    for key in (
        "ablation.modes[0]",
        "ablation.units",
        "ablation.device",
        "tasks[2]",
        "discovery.seed",
        "checkpoints.m.source_sha256",
        "statistic: unknown key",
    ):
        assert key in message, message


def test_missing_sections_and_foreign_types_are_faults_not_crashes():
    message = fault_of({})
    for key in ("models", "tasks", "checkpoints", "task_definitions"):
        assert f"{key}: missing" in message
    for odd in (None, [], "text", 3):
        with pytest.raises(ConfigurationError, match="expected keys with values"):
            validate_config(odd)
    for section in set(schema()["properties"]) - {"seed"}:  # of which 3 is one
        for odd in (3, "text", [3], {"x": {"y": [None]}}, [None], {3: 4}):
            config = small()
            config[section] = odd
            assert section in fault_of(config)


@pytest.mark.parametrize("text", ["https://a.org/x", "file:///x", "HTTP://a"])
def test_urls_are_told_from_paths(text):
    assert is_url(text)
    assert not is_url(text.replace("://", "/"))


# Untrained networks and training runs


def untrained(**over):
    return small(checkpoints={"new": {"untrained_like": "m", **over}})


def test_untrained_network_needs_neither_weights_nor_vocabulary():
    entry = validate_config(untrained())["checkpoints"]["new"]
    assert "source" not in entry
    assert entry["untrained_seed"] == 2019


@pytest.mark.parametrize("key", ["source", "vocabulary"])
def test_trained_network_needs_weights_and_vocabulary(key):
    config = small()
    del config["checkpoints"]["m"][key]
    message = fault_of(config)
    assert f"checkpoints.m.{key}: missing; expected a path or a URL" in message


@pytest.mark.parametrize("like", ["new", "other", "nobody"])
def test_untrained_network_is_like_another_trained_one(like):
    config = untrained(untrained_like=like)
    config["checkpoints"]["other"] = {"untrained_like": "m"}
    message = fault_of(config)
    assert f'checkpoints.new.untrained_like: found "{like}"' in message
    assert "untrained_like: m" in message


@pytest.mark.parametrize(
    "key", ["source", "vocabulary", "identity", "source_sha256", "training_run"]
)
def test_untrained_network_refuses_what_only_a_trained_one_has(key):
    given = {"identity": "gulordava", "source_sha256": "0" * 64}.get(key, "a")
    message = fault_of(untrained(**{key: given}))
    assert f"checkpoints.new.{key}: given" in message
    assert "checkpoints.new.untrained_like" in message


@pytest.mark.parametrize(
    ("section", "key", "given", "read"),
    [
        ("ablation", "shard_size", "130", 130),
        ("ablation", "memory", "1e-1", 0.1),
        ("ablation", "gpu_memory", "4", 4.0),
        ("ablation", "units", ["3", "5-7"], [3, "5-7"]),
        ("stimuli", "matched", "true", True),
    ],
)
def test_values_of_the_command_line_are_read_though_it_hands_them_on_as_text(
    section, key, given, read
):
    found = validate_config(small(**{section: {key: given}}))[section][key]
    assert repr(found) == repr(read)
