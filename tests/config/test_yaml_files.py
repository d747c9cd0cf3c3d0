"""YAML read within bounds: aliases that expand, anchors that hold themselves, and other faults."""

import pytest
import yaml
from support.configurations import small

from lstm_units.config.validate import validate_config
from lstm_units.config.yaml_files import read_yaml
from lstm_units.errors import ConfigurationError

LEVELS = 25  # of ten aliases each: 10^25 values


def levels(first: str, level: str) -> str:
    """Anchors of which each holds ten aliases of the one before."""
    lines = [f"a0: &a0 {first}"]
    for number in range(1, LEVELS):
        aliases = [f"*a{number - 1}"] * 10
        parts = ", ".join(level.format(n, alias) for n, alias in enumerate(aliases))
        brackets = "[]" if level == "{1}" else "{}"
        lines.append(f"a{number}: &a{number} {brackets[0]}{parts}{brackets[1]}")
    return "\n".join(lines)


BOMBS = {
    "lists": (levels("[x, y]", "{1}"), "aliases .* add more than 100,000 values"),
    "mappings": (levels("{x: y}", "k{0}: {1}"), "aliases .* add more than 100,000 values"),
    "list in itself": ("tasks: &a [x, *a]", "never ends"),
    "mapping in itself": ("a: &a {b: {c: *a}}", "never ends"),
    "merge of itself": ("a: &a {<<: *a}", "never ends"),
}


@pytest.mark.parametrize("text, message", BOMBS.values(), ids=BOMBS)
def test_aliases_beyond_bounds_are_refused_in_a_file_and_in_what_snakemake_read(
    tmp_path, text, message
):
    path = tmp_path / "tasks.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=rf"tasks\.yaml has .*{message}") as caught:
        read_yaml(path)
    assert "\n" not in str(caught.value)
    if "<<" not in text:  # PyYAML merges as it reads
        with pytest.raises(ConfigurationError, match=message):
            validate_config({**small(), "further": yaml.safe_load(text)})


def test_aliases_within_bounds_and_merged_keys_are_read(tmp_path):
    path = tmp_path / "some.yaml"
    path.write_text("a: &a {x: 1, y: [2]}\nc: {<<: *a, x: 2}\nd: [*a, *a]")
    first = {"x": 1, "y": [2]}
    assert read_yaml(path) == {"a": first, "c": {"x": 2, "y": [2]}, "d": [first, first]}
    path.write_bytes("\ufeffa: [é]".encode("utf-16-le"))
    assert read_yaml(path) == {"a": ["é"]}


@pytest.mark.parametrize(
    "text, message",
    [
        ("a: " + "[" * 5000 + "]" * 5000, "to a depth that cannot be read"),
        ("a: {b: 1, c: 2, b: 3}", "line 1: the key 'b' stands twice"),
        ("a: 1\nb: [", "is not valid YAML: line 2"),
        ("a: *b", "undefined alias 'b'"),
        ('a: !!int ""', "is not valid YAML"),
        ("a: !!timestamp x", "is not valid YAML"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("a: \x00", "NUL"),
    ],
)
def test_other_faults_are_one_sentence(tmp_path, text, message):
    path = tmp_path / "some.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)
