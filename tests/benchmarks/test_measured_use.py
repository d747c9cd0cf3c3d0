"""What the jobs of each rule took is read from benchmark files, and the profiles leave room."""

import csv
import re

import pytest
import yaml
from support.configurations import shipped
from support.workflow_fixture import DRY_RUN, PROJECT

from lstm_units.benchmarks.measured_use import Use, main, measured_use, table
from lstm_units.config.validate import validate_config
from lstm_units.errors import UserError

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tcpu_time\n"
PROFILES = PROJECT / "profiles"


def write(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{seconds}\t0:00:01\t{memory}\t9000.0\t1.0\n" for seconds, memory in rows]
    path.write_text(HEAD + "".join(lines))


def test_jobs_are_gathered_by_rule(tmp_path):
    folder = tmp_path / "benchmarks"
    write(folder / "gpt" / "ablate_zero_noun_0001-0130.tsv", (10.5, 900.25))
    write(folder / "gpt" / "ablate_zero_noun_0131-0260.tsv", (12.0, 800))
    write(folder / "gpt" / "decode_nounpp.tsv", (30, 500), (20, 510))  # tried twice
    write(folder / "stimuli" / "balance.tsv", (0.1, "NA"))
    found = measured_use(folder)
    assert found == [
        Use("decode", 2, 30, 50, 510),
        Use("ablate_units", 2, 12, 22.5, 900.25),
        Use("check_balance", 1, 0.1, 0.1, 0.0),
    ]
    assert table(found).splitlines()[:2] == [
        "rule\tjobs\tlongest_seconds\ttotal_seconds\tmemory_mb",
        "decode\t2\t30\t50\t510",
    ]


def test_the_table_is_printed_or_it_is_said_why_not(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    assert "holds no benchmark file" in capsys.readouterr().err
    write(tmp_path / "benchmarks" / "gpt" / "accuracy_zero.tsv", (3, 200))
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "accuracy\t1\t3\t3\t200"


@pytest.mark.parametrize("text", ["", "s\tmax_rss\n", "seconds\n1\n", "s\tmax_rss\nlong\t1\n"])
def test_a_spoilt_file_is_named(tmp_path, text):
    path = tmp_path / "benchmarks" / "gpt" / "accuracy_zero.tsv"
    write(path, (3, 200))
    path.write_text(text)
    with pytest.raises(UserError, match=r"accuracy_zero\.tsv"):
        measured_use(tmp_path / "benchmarks")


# The profiles


def rules_of_the_project():
    """Text of each rule by its name."""
    texts = [path.read_text() for path in sorted((PROJECT / "rules").glob("*.smk"))]
    parts = re.split(r"^(?:rule|checkpoint) (\w+):\n", "\n".join(texts), flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def profile(name):
    return yaml.safe_load((PROFILES / name / "profile.yaml").read_text())


def local_rules():
    texts = rules_of_the_project()
    return {name for name, text in texts.items() if "\n    localrule: True\n" in text}


def test_profiles_name_rules_that_exist():
    rules = set(rules_of_the_project())
    assert local_rules() <= rules
    assert len(local_rules()) > 20
    for name in ("gpu", "slurm", "slurm_gpu"):
        named = {*profile(name)["set-resources"], *profile(name).get("set-threads", {})}
        assert named <= rules, name
        assert not named & local_rules()
    arrays = set(profile("slurm")["slurm-array-jobs"].split(","))
    assert arrays == {"ablate_units", "ablate_sets"}
    # Jobs that run a model are the ones with a device; each of them asks for a GPU.
    with_device = {name for name, text in rules_of_the_project().items() if "device=" in text}
    assert not with_device & local_rules()
    for name in ("gpu", "slurm_gpu"):
        asked = {rule for rule, of in profile(name)["set-resources"].items() if "gpu" in of}
        assert asked == with_device, name
    assert not any("gpu" in of for of in profile("slurm")["set-resources"].values())


def measured():
    """Seconds and MB of each rule in a run of the included model, two jobs at once on two cores."""
    text = (PROFILES / "measured_use.tsv").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {
        rule: (float(row["longest_seconds"]), float(row["memory_mb"]))
        for row in csv.DictReader(lines, delimiter="\t")
        for rule in row["rule"].split(", ")  # some write benchmarks of one name
    }


def test_what_was_measured_covers_the_rules_that_are_submitted():
    rules = set(rules_of_the_project())
    assert set(measured()) <= rules
    submitted = rules - local_rules() - {"all", "train"}
    # Of these the included model has no use.
    assert submitted - set(measured()) == UNMEASURED
    for rule in local_rules() & set(measured()):
        seconds, memory = measured()[rule]
        assert seconds < 30 and memory < 700, rule


UNMEASURED = {
    *("check_identity", "untrained_checkpoint", "mean_values", "unit_card"),
    *("tokenise_text", "training_corpus", "train_network", "perplexity"),
}


@pytest.mark.extended
@pytest.mark.parametrize("name", ["slurm", "slurm_gpu"])
def test_profiles_leave_room_beyond_what_was_measured(finished_copy, name):
    """Twice the time and memory at least, in the jobs that Snakemake would submit."""
    config = validate_config(shipped())
    rules = sorted(set(measured()) - {"convert_checkpoint"})
    text = finished_copy.run(
        *DRY_RUN,
        *("--workflow-profile", str(finished_copy.project / "profiles" / name)),
        *("--executor", "local", "--forcerun", *rules),
        config=finished_copy.changed(ablation={"memory": config["ablation"]["memory"]}),
    ).output
    asked = {}
    for block in re.split(r"\n(?=(?:local)?(?:rule|checkpoint) \w+:\n)", text)[1:]:
        rule = re.match(r"(?:local)?(?:rule|checkpoint) (\w+):", block)[1]
        resources = re.search(r"^    resources: (.*)$", block, re.M)
        if resources:
            pairs = dict(part.split("=", 1) for part in resources[1].split(", "))
            asked[rule] = (60 * int(pairs["runtime"]), int(pairs["mem_mb"]))
    compared = set(measured()) & set(asked) - local_rules()
    assert len(compared) > 15
    assert {"ablate_units", "decode", "depth_units"} <= compared
    for rule in compared:
        seconds, memory = measured()[rule]
        assert asked[rule][0] >= 2 * seconds, (rule, asked[rule], measured()[rule])
        assert asked[rule][1] >= 2 * memory, (rule, asked[rule], measured()[rule])
