"""A task of a SLURM job array, run as the job that it is.

The plugin (2.6 to 2.8) starts each task of an array with the command of the first one, has the
task's own job done inside, and then waits for the outputs of the first. Where that one fails or
takes longer, the others are called failed although their jobs are done, and their outputs are
removed (the plugin's issue 447). The command here is that of the task's own job, as it would be
without an array.
"""

import ast
import base64
import json
import os
import shlex
import sys
import zlib
from collections.abc import Mapping, Sequence

ARRAY_OPTION = "--slurm-jobstep-array-execs"
OWN_OPTIONS = ("--target-jobs", "--wait-for-files")


def own_command(command: Sequence[str], variables: Mapping[str, str]) -> list[str] | None:
    """Return the command of a task's own job in place of that of the array's first.

    Parameters
    ----------
    command : sequence of str
        The command with which Snakemake was started, interpreter first.
    variables : mapping
        Environment variables; SLURM sets ``SLURM_ARRAY_TASK_ID``.

    Returns
    -------
    list of str or None
        None where the command is that of the own job already: outside an array, for its first
        task, or where the plugin does otherwise.
    """
    task = variables.get("SLURM_ARRAY_TASK_ID")
    others = [value for value in command if value.startswith(f"{ARRAY_OPTION}=")]
    if task is None or len(others) != 1:
        return None
    own = _decoded(others[0].partition("=")[2], task)
    if own is None:
        return None
    result = [value for value in command if value not in others]
    for option in OWN_OPTIONS:
        at, end = _place(result, option)
        own_at, own_end = _place(own, option)
        if at == end or own_at == own_end:
            return None
        result[at:end] = own[own_at:own_end]
    return result


def start_own_job() -> None:
    """Replace this process by one with `own_command`, where there is such a command."""
    command = own_command(sys.orig_argv, os.environ)
    if command is not None:
        print("a task of a job array: its own job follows", flush=True)
        os.execv(sys.executable, command)


def _decoded(text: str, task: str) -> list[str] | None:
    """Read the command of a task from what the plugin hands to all of them."""
    try:
        commands = json.loads(base64.b64decode(text))
    except ValueError:
        try:
            commands = ast.literal_eval(text)
        except (SyntaxError, ValueError):
            return None
    try:
        return shlex.split(zlib.decompress(bytes.fromhex(commands[task])).decode())
    except (AttributeError, LookupError, TypeError, ValueError, zlib.error):
        return None


def _place(command: Sequence[str], option: str) -> tuple[int, int]:
    """From where to where an option and its values stand; nowhere is an empty place."""
    if option not in command:
        return 0, 0
    at = end = list(command).index(option)
    end += 1
    while end < len(command) and not command[end].startswith("--"):
        end += 1
    return at, end
