"""The tables of docs/reruns.md, compared with dry runs on a finished experiment."""

import ast
import re
import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from support.workflow_fixture import CONFIG, PROJECT, Run, Workspace, many_dry_runs

# A dry run cannot know these before the checkpoint is converted.
AFTER_CONVERSION = {
    *("context_states", "mean_values", "ablate_units", "accuracy"),
    *("depth_baseline", "depth_untrained"),
}
SHA = "0" * 64
NO_CONCLUSION = "*no conclusion*"


def _checkpoint(**over: Any) -> dict[str, Any]:
    return {"checkpoints": {"tiny": over}}


def _task(name: str, **over: Any) -> dict[str, Any]:
    return {"task_definitions": {name: over}}


def _depth(**over: Any) -> dict[str, Any]:
    return {"depth": over}


def _analysis(**over: Any) -> dict[str, Any]:
    return {"decoding": {"analyses": {"fig2": over}}}


_CLAIMS = {
    **{"easy_accuracy": 0.9, "chance_q": 0.01, "input_gate_ratio": 3.0, "forget_gate": 0.7},
    **{"cell_difference": 2.0, "efferent_share": 0.1, "long_range_auc": 0.9, "rest_auc": 0.1},
    **{"sets_p": 0.05, "depth_r2": 0.8, "syntax_p": 0.01, "syntax_conditions": 3},
    **{"right_share": 0.8, "frequency_r2": 0.02, "unsegregated_percentile": 90.0},
    **{"networks": 4, "sizes": 3, "bootstrap_samples": 300, "seed": 1},
}
_FORMAT = "task_definitions.NAME.format with sweep: false"
KEYS: dict[str, dict[str, Any]] = {
    "seed": {"seed": 1},
    "bootstrap_samples": {"bootstrap_samples": 110},
    "device": {"device": "cpu"},
    "models": {
        "models": ["tiny", "second"],
        "checkpoints": {"second": CONFIG["checkpoints"]["tiny"]},
    },
    "pathvars.results": {"pathvars": {"results": "elsewhere"}},
    "pathvars.logs": {"pathvars": {"logs": "logs"}},
    "pathvars.benchmarks": {"pathvars": {"benchmarks": "benchmarks"}},
    "checkpoints.NAME.source": _checkpoint(source="other/model.safetensors"),
    "checkpoints.NAME.vocabulary": _checkpoint(vocabulary="other/vocab.txt"),
    "checkpoints.NAME.format": _checkpoint(format="safetensors"),
    "checkpoints.NAME.stand_ins": _checkpoint(stand_ins=["my.Model"]),
    "checkpoints.NAME.unk": _checkpoint(unk="the"),
    "checkpoints.NAME.eos": _checkpoint(eos="."),
    "checkpoints.NAME.part": _checkpoint(part="rnn"),
    "checkpoints.NAME.embedding": _checkpoint(embedding="encoder"),
    "checkpoints.NAME.decoder": _checkpoint(decoder="decoder"),
    "checkpoints.NAME.layers": _checkpoint(layers=["rnn"]),
    "checkpoints.NAME.padding_rows": _checkpoint(padding_rows="end"),
    "checkpoints.NAME.source_sha256": _checkpoint(source_sha256=SHA),
    "checkpoints.NAME.vocabulary_sha256": _checkpoint(vocabulary_sha256=SHA),
    "checkpoints.NAME.identity": _checkpoint(identity="gulordava"),
    "checkpoints.NAME.golden_log_probabilities": _checkpoint(
        identity="gulordava", golden_log_probabilities="data/pairs.tsv"
    ),
    "checkpoints.NAME.golden_context": _checkpoint(
        identity="gulordava",
        golden_log_probabilities="data/pairs.tsv",
        golden_context="other/context.txt",
    ),
    **{
        f"checkpoints.NAME.{key}": {
            "models": ["tiny", "second"],
            "checkpoints": {"second": {"untrained_like": "tiny"}},
        }
        for key in ("untrained_like", "untrained_seed")
    },
    **{
        f"checkpoints.NAME.{key}": _checkpoint(training_run="run", training_step=1)
        for key in ("training_run", "training_step")
    },
    "checkpoints.NAME.origin": _checkpoint(origin="a friend"),
    "stimuli.language": {"stimuli": {"language": "other"}},
    "stimuli.seed": {"stimuli": {"seed": 1}},
    "stimuli.matched": {"stimuli": {"matched": False}},
    "stimuli.balance_tolerance": {"stimuli": {"balance_tolerance": 0.2}},
    "stimuli.balance_significance": {"stimuli": {"balance_significance": 0.02}},
    "stimuli.on_duplicate": {"stimuli": {"on_duplicate": "drop"}},
    "stimuli.on_unknown_form": {"stimuli": {"on_unknown_form": "error"}},
    "tasks: one more": {
        "tasks": [*CONFIG["tasks"], "adv"],
        **_task("adv", items_per_condition=20),
    },
    "tasks: one less": {"tasks": [t for t in CONFIG["tasks"] if t != "nounpp_2019"]},
    "tasks: another order": {"tasks": ["nounpp_2019", "nounpp", "simple", "pairs", "linzen"]},
    "task_definitions.NAME.items_per_condition": _task("simple", items_per_condition=21),
    "task_definitions.NAME.template": _task("simple", template="adv"),
    "task_definitions.NAME.file": _task("nounpp_2019", file="other/released.txt"),
    "task_definitions.NAME.language": _task("nounpp_2019", language="other"),
    "task_definitions.NAME.file with sweep: false": _task("linzen", file="other/linzen.text"),
    "task_definitions.NAME.gold with sweep: false": _task("linzen", gold="other/linzen.gold"),
    _FORMAT: _task("pairs", format="released", file="other/released.txt"),
    "task_definitions.NAME.group": _task("nounpp_2019", group="another"),
    "task_definitions.NAME.sweep": _task("nounpp_2019", group="imported", sweep=False),
    "task_definitions.NAME.label": _task("nounpp", label="prepositions"),
    "task_definitions.NAME.origin": _task("linzen", origin="a friend"),
    "context.file": {"context": {"file": "other/context.txt"}},
    "context.case": {"context": {"case": "lower"}},
    "context.origin": {"context": {"origin": "a friend"}},
    "ablation.modes: one less": {"ablation": {"modes": ["zero", "mean"]}},
    "ablation.layers.MODE: one more": {"ablation": {"layers": {"mean": [1, 2]}}},
    "ablation.units: more": {"ablation": {"units": "all"}},
    "ablation.shard_size": {"ablation": {"shard_size": 2}},
    "ablation.mean_reference": {"ablation": {"mean_reference": "simple"}},
    "ablation.precision": {"ablation": {"precision": "float64"}},
    "ablation.memory": {"ablation": {"memory": 0.2}},
    "ablation.gpu_memory": {"ablation": {"gpu_memory": 2.0}},
    "ablation.device": {"ablation": {"device": "cpu"}},
    "statistics.confidence": {"statistics": {"confidence": 0.9}},
    "statistics.correction": {"statistics": {"correction": "benjamini_yekutieli"}},
    "statistics.near_tie": {"statistics": {"near_tie": 0.01}},
    "discovery.run": {"discovery": {"run": False}},
    "discovery.tasks": {"discovery": {"tasks": ["nounpp_2019"]}},
    "discovery.mode": {"discovery": {"mode": "mean"}},
    "discovery.seed": {"discovery": {"seed": 1}},
    "discovery.discovery_fraction": {"discovery": {"discovery_fraction": 0.4}},
    "discovery.maximum_q": {"discovery": {"maximum_q": 0.01}},
    "discovery.minimum_loss": {"discovery": {"minimum_loss": 0.5}},
    "discovery.relative_drop": {"discovery": {"relative_drop": 0.2}},
    "discovery.maximum_units": {"discovery": {"maximum_units": 1}},
    "discovery.minimum_intact": {"discovery": {"minimum_intact": 0.6}},
    "discovery.bootstrap_samples": {"discovery": {"bootstrap_samples": 300}},
    "activations.tasks: one more": {"activations": {"tasks": ["simple", "pairs"]}},
    "activations.variables": {
        "activations": {
            "variables": [
                *("cell", "hidden", "input_gate"),
                *("forget_gate", "output_gate", "candidate"),
            ]
        }
    },
    "activations.layers": {"activations": {"layers": [1, 2]}},
    "activations.float_type": {"activations": {"float_type": "float64"}},
    "shown_units.named": {"shown_units": {"named": [2, 3]}},
    "shown_units.syntax": {"shown_units": {"syntax": 6}},
    "shown_units.arbitrary": {"shown_units": {"arbitrary": 1}},
    "shown_units.seed": {"shown_units": {"seed": 1}},
    "dynamics.tasks: one more": {"dynamics": {"tasks": ["nounpp", "simple"]}},
    "dynamics.items": {"dynamics": {"items": "all"}},
    "efferents.verb_pairs": {"efferents": {"verb_pairs": "other/verb_pairs.tsv"}},
    "efferents.words": {"efferents": {"words": 5}},
    "decoding.run: one more": {"decoding": {"run": ["fig2", "second"]}},
    "decoding.analyses.NAME.task": _analysis(task="simple", conditions="all"),
    "decoding.analyses.NAME.variable": _analysis(variable="hidden"),
    "decoding.analyses.NAME.label": _analysis(label="attractor_number"),
    "decoding.analyses.NAME.conditions": _analysis(conditions="all"),
    "decoding.analyses.NAME.train_at": _analysis(train_at=2),
    "decoding.splits": {"decoding": {"splits": 3}},
    "decoding.test_fraction": {"decoding": {"test_fraction": 0.3}},
    "decoding.regularization": {"decoding": {"regularization": 0.5}},
    "decoding.tolerance": {"decoding": {"tolerance": 0.001}},
    "decoding.permutations": {"decoding": {"permutations": 3}},
    "decoding.untrained: one more": {"decoding": {"untrained": 2}},
    "decoding.seed": {"decoding": {"seed": 1}},
    "unit_decoding.task": {"unit_decoding": {"task": "simple"}},
    "unit_decoding.variable": {"unit_decoding": {"variable": "hidden"}},
    "unit_decoding.conditions": {"unit_decoding": {"conditions": ["SP", "PS"]}},
    "unit_decoding.bootstrap_samples": {"unit_decoding": {"bootstrap_samples": 120}},
    "unit_decoding.seed": {"unit_decoding": {"seed": 1}},
    "short_range.minimum_efferent_auc": {"short_range": {"minimum_efferent_auc": 0.8}},
    "short_range.minimum_subject_auc": {"short_range": {"minimum_subject_auc": 0.8}},
    "short_range.maximum_attractor_auc": {"short_range": {"maximum_attractor_auc": 0.2}},
    "contributions.tasks: one more": {"contributions": {"tasks": ["nounpp", "simple"]}},
    "contributions.bootstrap_samples": {"contributions": {"bootstrap_samples": 60}},
    "contributions.seed": {"contributions": {"seed": 1}},
    "checkpoints.NAME.word_counts": _checkpoint(word_counts="other/counts.tsv"),
    "depth.run: false": _depth(run=False),
    "depth.sentences.format": _depth(sentences={"format": "released"}),
    "depth.sentences.file": _depth(sentences={"file": "other/depth_grammar.txt"}),
    "depth.sentences.per_length": _depth(sentences={"per_length": 21}),
    "depth.sentences.lengths": _depth(sentences={"lengths": [6, 13]}),
    "depth.sentences.seed": _depth(sentences={"seed": 1}),
    "depth.sentences.origin": _depth(sentences={"origin": "a friend"}),
    "depth.positions": _depth(positions=[3, 6]),
    "depth.open_nodes": _depth(open_nodes=[2, 3]),
    "depth.per_cell": _depth(per_cell=1),
    "depth.order": _depth(order="file"),
    "depth.maximum_unknown": _depth(maximum_unknown=0.9),
    "depth.variable": _depth(variable="cell"),
    "depth.layers": _depth(layers=[1, 2]),
    "depth.word_counts": _depth(word_counts="other/counts.tsv"),
    "depth.procedure": _depth(procedure="paper"),
    "depth.folds": _depth(folds=3),
    "depth.inner_folds": _depth(inner_folds=3),
    "depth.alphas.minimum": _depth(alphas={"minimum": 1.0e-4}),
    "depth.alphas.maximum": _depth(alphas={"maximum": 1.0e4}),
    "depth.alphas.number": _depth(alphas={"number": 4}),
    "depth.permutations": _depth(permutations=4),
    "depth.untrained: one more": _depth(untrained=2),
    "depth.bootstrap_samples": _depth(bootstrap_samples=110),
    "depth.seed": _depth(seed=1),
    "syntax_units.threshold": {"syntax_units": {"threshold": 1.1}},
    "syntax_units.minimum_folds": {"syntax_units": {"minimum_folds": 2}},
    "syntax_units.deviations_from": {"syntax_units": {"deviations_from": "mean"}},
    "syntax_units.verb": {"syntax_units": {"verb": "inside"}},
    "syntax_units.minimum_auc": {"syntax_units": {"minimum_auc": 0.8}},
    "syntax_units.structures: one more": {"syntax_units": {"structures": ["nounpp", "simple"]}},
    "controls.run: one less": {"controls": {"run": ["syntax", "short_range"]}},
    "controls.tasks.syntax: one more": {"controls": {"tasks": {"syntax": ["nounpp", "simple"]}}},
    "controls.tasks.short_range: one more": {
        "controls": {"tasks": {"short_range": ["nounpp", "simple"]}}
    },
    "controls.tasks.short_and_long_range: one more": {
        "controls": {"tasks": {"short_and_long_range": ["nounpp", "simple"]}}
    },
    "controls.sets": {"controls": {"sets": 6}},
    "controls.match": {"controls": {"match": "all"}},
    "controls.exclude_long_range": {"controls": {"exclude_long_range": False}},
    "controls.shard_size": {"controls": {"shard_size": 2}},
    "controls.seed": {"controls": {"seed": 1}},
    "connectivity.task": {"connectivity": {"task": "simple"}},
    "connectivity.threshold": {"connectivity": {"threshold": 1.1}},
    **{f"claims.{key}": {"claims": {key: value}} for key, value in _CLAIMS.items()},
}


def _replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(directory: Path) -> None:
        path = directory / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return edit


def _remove(name: str) -> Callable[[Path], None]:
    return lambda directory: (directory / name).unlink()


def _other_weights(directory: Path) -> None:
    path = directory / "model" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _touch(directory: Path) -> None:
    for name in ("data/english/lexicon.tsv", "results/tiny/stimuli/simple.parquet"):
        (directory / name).touch()


_SHARD = "results/tiny/ablation/zero/noun/units_0006-0008.parquet"
FILES: dict[str, Callable[[Path], None]] = {
    "weights": _other_weights,
    "context": _replace("data/english/context.txt", "river", "street"),
    "lexicon.tsv or tasks.yaml": _replace("data/english/lexicon.tsv", "boy", "lad"),
    "imported test set with sweep: false": _replace("data/pairs.tsv", "near", "beside"),
    "table of verb forms": _replace("data/english/verb_pairs.tsv", "greets\tgreet\n", ""),
    "grammar of the depth corpus": _replace("data/english/depth_grammar.txt", "aunt", "nun"),
    "table of word counts": _replace("data/counts.tsv", "the\t", "thee\t"),
    "a file that was only touched": _touch,
    "a lost shard": _remove(_SHARD),
    "a lost file of context_states": _remove(
        "results/tiny/ablation/zero/context/units_0006-0008.safetensors"
    ),
    "a lost folder of activations": lambda directory: shutil.rmtree(
        directory / "results/tiny/activations/nounpp"
    ),
    "a lost table": _remove("results/tiny/tables/table2.csv"),
    "a lost figure": _remove("results/tiny/figures/units.png"),
}


LIBRARY = "src/lstm_units"
_PUBLISHED = "io/published/table2_lakretz_2019.csv"


def _definition(name: str) -> Callable[[Path], None]:
    """Add a statement that does nothing to a function or class, behind its docstring."""
    module, _, definition = name.rpartition(".")

    def edit(project: Path) -> None:
        path = project / LIBRARY / f"{module.replace('.', '/')}.py"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        body = ast.parse("".join(lines)).body
        (node,) = (node for node in body if getattr(node, "name", None) == definition)
        docstring = node.body[0]
        lines.insert(docstring.end_lineno, " " * docstring.col_offset + "edited = True\n")
        path.write_text("".join(lines), encoding="utf-8")

    return edit


def _everywhere(folders: tuple[str, ...], old: str, new: str) -> Callable[[Path], None]:
    """Replace what a pattern matches in the Python files of folders."""

    def edit(project: Path) -> None:
        edited = 0
        for path in (path for folder in folders for path in (project / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            changed, n = re.subn(old, new, text, flags=re.MULTILINE)
            if n:
                path.write_text(changed, encoding="utf-8")
                edited += n
        assert edited

    return edit


def _move_a_module(project: Path) -> None:
    folder = project / LIBRARY / "interventions"
    (folder / "trie").mkdir()
    (folder / "prefix_trie.py").rename(folder / "trie" / "build.py")
    (folder / "trie" / "__init__.py").write_text('"""Tries."""\n', encoding="utf-8")
    _everywhere((LIBRARY,), r"interventions\.prefix_trie", "interventions.trie.build")(project)


def _comment(project: Path) -> None:
    for path in (*project.glob(f"{LIBRARY}/**/*.py"), *project.glob("workflow_scripts/*/*.py")):
        text = path.read_text(encoding="utf-8")
        text = text.replace('"""', '"""Another docstring. ', 1) + "\n\n# Another comment.\n"
        path.write_text(text, encoding="utf-8")


_SOURCES = (LIBRARY, "workflow_scripts")
DEFINITIONS: dict[str, Callable[[Path], None]] = {
    "any: only comments or docstrings": _comment,
    "a module in another folder": _move_a_module,
    "a function with another name": _everywhere(_SOURCES, r"\bbuild_trie\b", "make_trie"),
    "other words of errors": _everywhere((LIBRARY,), r"Delete it and run", "Remove it and run"),
    "other words of messages": _everywhere((LIBRARY,), r"(\b_?log\w*\.info\(\s*f?\")", r"\1So: "),
    "other words of progress": _everywhere((LIBRARY,), r"description=\"", 'description="now: '),
    "a function that no script reaches": _everywhere(
        (f"{LIBRARY}/interventions",), r"\Z", "\n\ndef unused():\n    return 1\n"
    ),
    **{
        name: _definition(name)
        for name in (
            *("interventions.sweep.sweep", "interventions.interventions.single_units"),
            *("models.cell.update_scaled", "models.weights.canonical_weights"),
            *("checkpoint_files.unpickling.load_pickled", "models.checkpoints.load_language_model"),
            *("stimuli.generation.generate", "stimuli.language_tables.read_language"),
            *("stimuli.formats.read_released", "stimuli.balance.balance_table"),
            *("statistics.agreement.accuracy_table", "io.table_formats.write_table"),
            "analyses.long_range_units.discovery.discover_long_range",
            *(
                "analyses.long_range_units.table2.table2",
                "analyses.long_range_units.captions.units",
            ),
            *("analyses.long_range_units.figure.units_figure", "activations.dump.dump_activations"),
            "analyses.dynamics.time_courses.dynamics_table",
            *("analyses.dynamics.figure.dynamics_figure", "analyses.efferents.weights.efferents"),
            *("analyses.decoding.over_time.decode", "analyses.decoding.figure2.figure2"),
            "analyses.decoding.single_units.unit_decoding",
            "analyses.decoding.short_range_units.discover_short_range",
            "analyses.contributions.parts.split_margins",
            "analyses.contributions.summary.summarise_contributions",
            *("depth_corpus.generation.draw_sentences", "analyses.depth.nested_ridge.nested_ridge"),
            *("analyses.depth.figure.depth_figure", "analyses.depth.scores.overall_r2"),
            "analyses.syntax_units.dependency_span.dependency_span",
            *(
                "analyses.controls.random_sets.draw_sets",
                "analyses.controls.set_tests.control_tests",
            ),
            "analyses.connectivity.afferents.afferent_table",
            *("claims.accuracy.distance_is_hard", "comparison.table.models_frame"),
            *("cards.card.UnitCard", "report.page.render"),
            *("runtime.console.progress", "runtime.folder_lock.hold_folder"),
            *("interventions.sweep_reference.sweep_ref", "api.models.load_checkpoint"),
        )
    },
    _PUBLISHED: _replace(f"{LIBRARY}/{_PUBLISHED}", "0", "1"),
}


@lru_cache
def documented(section: str) -> dict[str, set[str]]:
    """The rules that a table of the page lists for each change."""
    page = (PROJECT / "docs" / "reruns.md").read_text(encoding="utf-8")
    names: dict[str, set[str]] = {}
    follows: dict[str, set[str]] = {}

    def rules(cell: str) -> set[str]:
        concluded = NO_CONCLUSION not in cell
        cell = cell.replace(NO_CONCLUSION, "")
        found = set(re.findall(r"`([a-z0-9_]+)`", cell)) - {"mean"}
        found = found.union(*(names[name] for name in re.findall(r"\*([a-z ]+)\*", cell)))
        for follower, sources in follows.items() if concluded else ():
            found |= {follower} if found & sources else set()
        return found

    def rows(text: str) -> list[list[str]]:
        lines = re.findall(r"^\| (.*) \|$", text, re.MULTILINE)
        return [line.split(" | ") for line in lines][1:]

    for name, cell in rows(page.partition("\n## ")[0]):
        names[name.strip("*")] = rules(cell)
    for cell, sources in rows(page.partition("## What follows\n")[2].partition("\n## ")[0]):
        follows |= dict.fromkeys(re.findall(r"`(\w+)`", cell), rules(sources + NO_CONCLUSION))
    text = page.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return {
        change.replace("`", ""): rules(cell)
        for changes, cell in rows(text)
        for change in changes.split(", ")
    }


def expected(rules: set[str]) -> set[str]:
    """What a dry run can know of some rules."""
    return rules - AFTER_CONVERSION if "convert_checkpoint" in rules else rules


def reported(rules: set[str]) -> set[str]:
    """The same with the report, which follows everything."""
    return expected(rules) | ({"report"} if rules else set())


@pytest.fixture(scope="module")
def other_files(finished: Workspace) -> Workspace:
    """The finished run with a folder of further files that no result was made from."""
    folder = finished.directory / "other"
    if not folder.exists():
        shutil.copytree(finished.directory / "model", folder)
        shutil.copytree(finished.directory / "data", folder, dirs_exist_ok=True)
        shutil.copytree(finished.directory / "data" / "english", folder, dirs_exist_ok=True)
    return finished


@pytest.fixture(scope="module")
def dry_runs(other_files: Workspace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A dry run after each change of a key, a file or a definition."""
    folder = tmp_path_factory.mktemp("changed")
    changes = {key: (other_files, other_files.changed(**over)) for key, over in KEYS.items()}
    for number, (name, edit) in enumerate(FILES.items()):
        copy = other_files.copy(folder / f"files_{number}")
        edit(copy.directory)
        changes[name] = (copy, None)
    for number, (name, edit) in enumerate(DEFINITIONS.items()):
        project = shutil.copytree(other_files.project, folder / f"project_{number}")
        edit(project)
        changes[name] = (Workspace(project, other_files.directory, other_files.config), None)
    return many_dry_runs(changes, folder)


def test_a_finished_run_has_nothing_to_do(finished):
    assert not finished.dry_run().jobs()


def test_every_key_of_the_configuration_is_documented(project):
    reference = (project / "docs" / "configuration.md").read_text(encoding="utf-8")
    keys = set(re.findall(r"^\| `([\w.]+)` \|", reference, re.MULTILINE))
    keys = {re.sub(r"(ablation\.layers)\.\w+", r"\1.MODE", key) for key in keys}
    keys = {key for key in keys if not key.startswith("training.")}  # test_training_workflow.py
    listed = {re.split(r":| with ", name)[0] for name in documented("A changed configuration")}
    assert keys == listed


@pytest.mark.parametrize(
    ("section", "edits"),
    [
        ("A changed configuration", KEYS),
        ("A changed file", FILES),
        ("Changed code", DEFINITIONS),
    ],
)
def test_every_row_of_the_page_has_its_edit(section, edits):
    assert set(documented(section)) == set(edits)


@pytest.mark.parametrize("key", KEYS)
def test_a_changed_key_reruns_what_the_page_says(dry_runs, key):
    rules = documented("A changed configuration")[key]
    jobs = _jobs(dry_runs[key])
    if "second" in KEYS[key].get("checkpoints", {}):
        assert "convert_checkpoint" in jobs
        assert ("untrained_checkpoint" in jobs) == ("untrained" in key)
        # Of the model that stays, only what compares it with the new one.
        rules = {"models", "claims_table"}
        jobs = {r: o for r, o in jobs.items() if any("/second/" not in part for part in o.split())}
    if key == "tasks: one more":  # the page names both ways to make a task
        rules = rules - {"import_stimuli"}
    assert jobs.pop("report", None), "the report shows the configuration"
    assert set(jobs) == expected(rules)


@pytest.mark.parametrize("file", FILES)
def test_a_changed_file_reruns_what_the_page_says(dry_runs, file):
    assert set(_jobs(dry_runs[file])) == reported(documented("A changed file")[file])


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_a_changed_definition_reruns_what_the_page_says(dry_runs, definition):
    assert set(_jobs(dry_runs[definition])) == reported(documented("Changed code")[definition])


@pytest.mark.parametrize(
    ("change", "rule", "there", "not_there"),
    [
        ("task_definitions.NAME.items_per_condition", "ablate_units", "/short/", "/noun/"),
        ("task_definitions.NAME.items_per_condition", "score_intact", "/simple.", "/nounpp"),
        ("task_definitions.NAME.file", "ablate_units", "/noun/", "/short/"),
        ("tasks: one less", "ablate_units", "/noun/", "/short/"),
        ("tasks: one more", "ablate_units", "/short/", "/noun/"),
        ("stimuli.on_unknown_form", "score_intact", "/nounpp_2019.", "/simple."),
        ("ablation.units: more", "ablate_units", "units_0005-0005", "units_0001-0004"),
        ("ablation.units: more", "ablate_units", "units_0005-0005", "units_0006-0008"),
        ("ablation.layers.MODE: one more", "ablate_units", "/mean/", "/zero/"),
        ("ablation.mean_reference", "context_states", "/mean/", "/zero/"),
        ("a lost shard", "ablate_units", "zero/noun/units_0006-0008", "units_0001-0004"),
        ("a lost shard", "accuracy", "/zero/", "/mean/"),
        ("models", "ablate_sets", "/second/", "/tiny/"),
    ],
)
def test_a_rule_reruns_only_where_the_change_is(dry_runs, change, rule, there, not_there):
    outputs = _jobs(dry_runs[change])[rule]
    assert there in outputs
    assert not_there not in outputs


def _jobs(run: Run) -> dict[str, str]:
    """All outputs of each rule that would run."""
    assert run.code == 0, run.output
    jobs: dict[str, str] = {}
    for rule, outputs in run.jobs():
        jobs[rule] = " ".join([jobs.get(rule, ""), *outputs])
    return jobs
