"""What the project says of itself in two places is the same in both."""

import tomllib

import yaml


def test_conda_environment_asks_for_what_the_package_asks_for(project):
    with (project / "pyproject.toml").open("rb") as handle:
        package = tomllib.load(handle)["project"]
    environment = yaml.safe_load((project / "envs" / "lstm-units.yaml").read_text())
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert pip == package["dependencies"]
    assert f"python {package['requires-python']}" in environment["dependencies"]


def test_every_script_of_a_rule_exists_and_every_script_has_a_rule(project):
    rules = "".join(path.read_text() for path in sorted((project / "rules").glob("*.smk")))
    scripts = {path.name for path in (project / "workflow_scripts").glob("*.py")}
    named = {line.split("/")[-1].strip(' "') for line in rules.splitlines() if ".py" in line}
    assert scripts == {name for name in named if name.endswith(".py")}
