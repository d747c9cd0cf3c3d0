"""A task of a job array gets the command of its own job."""

import base64
import json
import shlex
import zlib

import pytest

from lstm_units.runtime.array_tasks import ARRAY_OPTION, own_command


def command(unit, *further):
    return [
        *("/usr/bin/python", "-m", "snakemake", "--snakefile", "/a folder/Snakefile"),
        *("--target-jobs", f"ablate_units:model=gpt,first={unit:04d}", "--allowed-rules"),
        *("ablate_units", "--cores", "all", "--wait-for-files", "tmp.1", f"states {unit}"),
        *("--force", "--config", "a=1", *further),
    ]


def array(units, encode=lambda commands: base64.b64encode(json.dumps(commands).encode()).decode()):
    """The command of the first unit's job with those of the others, as the plugin writes it."""
    others = {
        str(task): zlib.compress(shlex.join(command(unit)).encode()).hex()
        for task, unit in enumerate(units[1:], start=2)
    }
    option = f"{ARRAY_OPTION}={encode(others)}"
    return command(units[0], option, "--jobs", "1", "--mode", "remote")


@pytest.mark.parametrize("encode", [None, repr])
def test_each_task_but_the_first_gets_its_own_target(encode):
    started = array([1, 14, 27], *([encode] if encode else []))
    for task, unit in (("2", 14), ("3", 27)):
        found = own_command(started, {"SLURM_ARRAY_TASK_ID": task})
        assert found == command(unit, "--jobs", "1", "--mode", "remote")
        assert own_command(found, {"SLURM_ARRAY_TASK_ID": task}) is None  # it starts only once


def test_other_jobs_keep_their_command():
    started = array([1, 14, 27])
    assert own_command(started, {}) is None
    for task in ("1", "4"):  # the first, and one that the plugin does not know
        assert own_command(started, {"SLURM_ARRAY_TASK_ID": task}) is None
    assert own_command(command(1), {"SLURM_ARRAY_TASK_ID": "2"}) is None


@pytest.mark.parametrize(
    "value", ["", "{", "[]", "{2: 'ab'}", "{'2': 'zz'}", base64.b64encode(b'{"2": "00"}').decode()]
)
def test_what_cannot_be_read_is_left_to_the_plugin(value):
    started = command(1, f"{ARRAY_OPTION}={value}")
    assert own_command(started, {"SLURM_ARRAY_TASK_ID": "2"}) is None


@pytest.mark.parametrize("option", ["--target-jobs", "--wait-for-files"])
def test_a_command_without_what_is_replaced_is_left_alone(option):
    started = [f"{value}-not" if value == option else value for value in array([1, 14])]
    assert own_command(started, {"SLURM_ARRAY_TASK_ID": "2"}) is None
