"""What the project says of itself in two places is the same in both; conda and containers."""

import fnmatch
import json
import os
import re
import shlex
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from support.workflow_fixture import PROJECT, copy_project, make_workspace

ENVIRONMENTS = ("cpu", "cuda", "auto")
# Where conda-forge and bioconda call a package otherwise, or have a smaller one that is enough.
CONDA_NAMES = {
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",
    "mne": "mne-base",
    "snakemake": "snakemake-minimal",
}
WORKFLOW = {
    *("Snakefile", "config.yaml", "rules", "workflow_scripts", "profiles", "presets", "envs"),
    *("src", "stimuli", "models/wikipedia650", "pyproject.toml", "README.md", "LICENSE"),
}
INSTALLED = "/opt/lstm-units"


def package():
    with (PROJECT / "pyproject.toml").open("rb") as handle:
        return tomllib.load(handle)["project"]


# Conda


def wanted_packages(build):
    wanted = {"python": (SpecifierSet(package()["requires-python"]), None)}
    for text in package()["dependencies"]:
        requirement = Requirement(text)
        name = CONDA_NAMES.get(requirement.name, requirement.name)
        wanted[name] = (requirement.specifier, build if requirement.name == "torch" else None)
    return wanted


@pytest.mark.parametrize(("name", "build"), [("cpu", "cpu*"), ("cuda", "cuda*"), ("auto", None)])
def test_conda_environments_ask_for_what_the_package_asks_for(name, build):
    environment = yaml.safe_load((PROJECT / "envs" / f"{name}.yaml").read_text())
    assert environment["channels"] == ["conda-forge", "bioconda", "nodefaults"]
    found = {}
    for entry in environment["dependencies"]:
        package_name, versions, *builds = entry.split()
        found[package_name] = (SpecifierSet(versions), builds[0] if builds else None)
    assert found == wanted_packages(build)
    assert len(found) == len(environment["dependencies"])


def test_there_is_an_environment_for_each_kind_of_device():
    assert {path.stem for path in (PROJECT / "envs").glob("*.yaml")} == set(ENVIRONMENTS)


def test_rules_that_run_a_model_have_the_environment_of_its_device():
    numbers = {"device": 0, "cpu": 0}
    for path in sorted((PROJECT / "rules").glob("*.smk")):
        for rule in re.split(r"^(?:rule|checkpoint) \w+:\n", path.read_text(), flags=re.M)[1:]:
            environment = re.search(r"^    conda:\n        (.*)$", rule, re.M)
            device = re.search(r'^        device=.*"(ablation|training)"', rule, re.M)
            if environment is None:
                assert "script:" not in rule
            elif device is None:
                assert environment[1] == '"../envs/cpu.yaml"'
                numbers["cpu"] += 1
            else:
                assert environment[1] == f'device_environment("{device[1]}")'
                numbers["device"] += 1
    assert min(numbers.values()) > 5


# Stands in for conda. Its environments are virtual ones that see the packages of this Python by
# their folders, so no editable installation.
CONDA = """#!/bin/bash
here="$(dirname "$0")"
case "$1 $2" in
    "info --json") cat "$here/info.json" ;;
    "--version ") echo "conda 25.1.0" ;;
    "config --get") echo '{{"get": {{"channel_priority": "strict"}}}}' ;;
    "env create")
        while [ "$1" != --prefix ]; do shift; done
        {python} -m venv --without-pip "$2" && cp "$here/all.pth" "$2"/lib/python3*/site-packages
        ;;
    "clean -y") ;;
    *) exit 1 ;;
esac
"""


@pytest.fixture
def workspace_with_conda(tmp_path, monkeypatch):
    """A working directory, a stand-in for conda, and another `lstm_units` installed everywhere."""
    prefix = tmp_path / "conda"
    programs = prefix / "bin"
    programs.mkdir(parents=True)
    (programs / "activate").write_text('export PATH="$1/bin:$PATH"\n')
    (programs / "conda").write_text(CONDA.format(python=shlex.quote(sys.executable)))
    (programs / "conda").chmod(0o755)
    information = {"conda_prefix": str(prefix), "platform": "linux-64"}
    (programs / "info.json").write_text(json.dumps(information))
    other = tmp_path / "other" / "lstm_units"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("raise ImportError('this is not the library')\n")
    remember = f"Path({str(prefix / 'used.txt')!r}).open('a').write(sys.prefix + chr(10))"
    folders = [str(other.parent), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    lines = [*folders, f"import sys; from pathlib import Path; {remember}"]
    (programs / "all.pth").write_text("\n".join(lines) + "\n")
    workspace = make_workspace(tmp_path / "work", copy_project(tmp_path / "a project"))
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(other.parent),
    }
    monkeypatch.setattr(type(workspace), "environment", lambda self: environment)
    return workspace, prefix


@pytest.mark.extended
def test_jobs_run_the_sources_of_the_project_with_conda_and_without(workspace_with_conda):
    workspace, prefix = workspace_with_conda
    run = workspace.run("results/stimuli/simple.parquet")
    assert run.code == 0, run.output
    assert not (prefix / "used.txt").exists()
    run = workspace.run("--sdm", "conda", "--", "results/stimuli/nounpp.parquet")
    assert run.code == 0, run.output
    used = {Path(line) for line in (prefix / "used.txt").read_text().splitlines()}
    (environment,) = (workspace.directory / ".snakemake" / "conda").glob("*.env_setup_done")
    assert used == {environment.with_suffix("")}
    (file,) = (workspace.directory / ".snakemake" / "conda").glob("*.yaml")
    assert file.read_bytes() == (PROJECT / "envs" / "cpu.yaml").read_bytes()


@pytest.mark.parametrize(
    ("device", "environments"),
    [("cpu", {"cpu"}), ("cuda:1", {"cpu", "cuda"}), ("auto", {"cpu", "auto"})],
)
@pytest.mark.extended
def test_conda_makes_no_environment_that_the_device_does_not_need(
    workspace_with_conda, device, environments
):
    workspace, _ = workspace_with_conda
    config = workspace.changed(ablation={"device": device})
    run = workspace.dry_run(
        "--sdm", "conda", "--", "results/tiny/intact/simple.parquet", config=config
    )
    made = re.findall(r"Conda environment .*envs/(\w+)\.yaml will be created", run.output)
    assert set(made) == environments


# Containers


def docker_instructions():
    text = (PROJECT / "envs" / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(None, 1)) for line in lines]


def docker_copies():
    """Where each file or folder of the project goes in the Docker image."""
    copies = {}
    for instruction, rest in docker_instructions():
        if instruction == "COPY":
            *sources, target = rest.split()
            copies |= {s: f"{target}{s}" if target.endswith("/") else target for s in sources}
    return {source: os.path.normpath(f"{INSTALLED}/{t}") for source, t in copies.items()}


def apptainer_section(name):
    text = (PROJECT / "envs" / "apptainer.def").read_text()
    section = re.search(rf"^%{name}\n((?:    .*\n|\n)*)", text, re.M)[1]
    lines = [line.strip() for line in section.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def test_images_hold_all_that_the_workflow_consists_of():
    for copies in (docker_copies(), dict(line.split() for line in apptainer_section("files"))):
        assert set(copies) == WORKFLOW
        assert copies == {source: f"{INSTALLED}/{source}" for source in WORKFLOW}
        assert all((PROJECT / source).exists() for source in copies)


def test_the_images_are_made_in_the_same_way():
    docker = [rest for instruction, rest in docker_instructions() if instruction == "FROM"]
    apptainer = re.findall(r"^From: (.*)$", (PROJECT / "envs" / "apptainer.def").read_text(), re.M)
    assert docker == apptainer
    version = re.fullmatch(r"python:(\d+\.\d+)-slim", docker[0])[1]
    assert version in SpecifierSet(package()["requires-python"])
    assert ("WORKDIR", INSTALLED) in docker_instructions()
    run = " ".join(rest for instruction, rest in docker_instructions() if instruction == "RUN")
    assert re.search(r"pip install .*\$\{PIP_ARGUMENTS\} --editable \.", run)
    assert apptainer_section("post") == [
        f"pip install --no-cache-dir {{{{ PIP_ARGUMENTS }}}} --editable {INSTALLED}"
    ]
    start = f"snakemake --snakefile {INSTALLED}/Snakefile"
    assert apptainer_section("runscript") == [f'exec {start} "$@"']
    (entry,) = (rest for instruction, rest in docker_instructions() if instruction == "ENTRYPOINT")
    assert yaml.safe_load(entry) == start.split()


def left_out_of_images(path):
    """Whether .dockerignore names the path or a folder that it is in: the last line decides."""
    ignored = False
    for line in (PROJECT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!")
            parts = Path(path).parts
            prefixes = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
            if pattern.startswith("**/"):
                matches = any(fnmatch.fnmatchcase(part, pattern[3:]) for part in parts)
            else:
                depth = pattern.count("/")
                same = [prefix for prefix in prefixes if prefix.count("/") == depth]
                matches = any(fnmatch.fnmatchcase(prefix, pattern) for prefix in same)
            ignored = (not line.startswith("!")) if matches else ignored
    return ignored


def test_results_environments_and_models_of_others_stay_out_of_images():
    for path in (
        *("results/report.html", ".venv/bin/python", ".git/config", ".snakemake/locks/0.lock"),
        *("models/gulordava/vocab.txt", "data/lakretz2019/nounpp.txt"),
        "src/lstm_units/__pycache__/errors.cpython-311.pyc",
    ):
        assert left_out_of_images(path), path
    for source in WORKFLOW:
        assert not left_out_of_images(source), source
    for path in (
        "models/wikipedia650/model.safetensors",
        "src/lstm_units/config/config_schema.json",
    ):
        assert not left_out_of_images(path), path


def test_every_script_of_a_rule_exists_and_every_script_has_a_rule(project):
    rules = "".join(path.read_text() for path in sorted((project / "rules").glob("*.smk")))
    scripts = {path.name for path in (project / "workflow_scripts").rglob("*.py")}
    named = {line.split("/")[-1].strip(' "') for line in rules.splitlines() if ".py" in line}
    assert scripts == {name for name in named if name.endswith(".py")}
