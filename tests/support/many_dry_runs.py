"""Run Snakemake many times in one go: ``python many_dry_runs.py CALLS.json``.

Snakemake takes longer to import than to plan a small workflow, and so does parsing the modules of
the project for their fingerprints. So both are done once here, and each call runs in a fork of
this process. A call is ``{"directory", "arguments", "output"}``; what
it prints goes to its output file, and its exit code to the file with ``.code`` behind the name.
"""

import json
import os
import sys
from collections import Counter
from pathlib import Path

import snakemake.cli

from lstm_units.runtime.fingerprint import Code

AT_ONCE = 2


def run(call: dict) -> None:
    """Run one call in this process, to its end."""
    os.chdir(call["directory"])
    with Path(call["output"]).open("wb") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    code = 1
    try:
        snakemake.cli.main(call["arguments"])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        Path(f"{call['output']}.code").write_text(str(code))
        os._exit(0)


def parse_projects(calls: list[dict]) -> None:
    """Parse the projects of several calls; forks find their modules in memory."""
    uses = Counter(call["arguments"][call["arguments"].index("-s") + 1] for call in calls)
    for project in (Path(snakefile).parent for snakefile, n in uses.items() if n > 1):
        code = Code(project / "src" / "lstm_units")
        for script in (project / "workflow_scripts").rglob("*.py"):
            code.fingerprint(script)


def main(calls: list[dict]) -> None:
    """Run all calls, a few at a time."""
    parse_projects(calls)
    running = 0
    for call in calls:
        if running == AT_ONCE:
            os.wait()
            running -= 1
        if os.fork() == 0:
            run(call)
        running += 1
    while running:
        os.wait()
        running -= 1


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
