"""The documentation against what it describes: links, settings, paths, messages, modules, rules."""

import ast
import os
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import support.pickle_fixtures as px
import torch
import yaml
from torch import nn

from lstm_units.config.schema import leaves, schema
from lstm_units.config.validate import validate_config
from lstm_units.errors import UserError
from lstm_units.io.files import sha256_file
from lstm_units.models.checkpoints import CheckpointSource, convert_checkpoint
from lstm_units.models.download import download
from lstm_units.runtime import folder_lock

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [PROJECT / "README.md", PROJECT / "results" / "README.md"]
PAGES += sorted((PROJECT / "docs").rglob("*.md"))
FILE_SUFFIXES = ("yaml", "txt", "md", "tsv", "csv", "json", "parquet", "html", "py")
KEYS = [path for path, _ in leaves(schema(), ())]


def text_of(*parts):
    return PROJECT.joinpath(*parts).read_text(encoding="utf-8")


def blocks(page, language):
    """Return the code blocks of a page that are of one language and have no file name."""
    pattern = rf"^( *)```{language}\n(.*?)^\1```$"
    found = re.findall(pattern, page, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", body, flags=re.MULTILINE) for indent, body in found]


def without_code(page):
    return re.sub(r"^( *)```.*?^\1```$", "", page, flags=re.MULTILINE | re.DOTALL)


def lay_over(base, over):
    """Lay one configuration over another as Snakemake does: mappings merge, all else replaces."""
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            lay_over(base[key], value)
        else:
            base[key] = value
    return base


def one_line(text):
    return " ".join(text.split())


# Links


def anchor(heading):
    """Return the anchor that GitHub gives a heading."""
    words = re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower())
    return words.replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_relative_links_lead_to_files_and_headings(page):
    text = without_code(page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, heading = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        if heading:
            headings = re.findall(r"^#+ (.*)$", without_code(file.read_text()), re.MULTILINE)
            assert heading in map(anchor, headings), f"{page.name}: {target}"


def test_every_page_is_linked_from_the_readme():
    readme = text_of("README.md")
    for page in sorted((PROJECT / "docs").glob("*.md")):
        assert f"(docs/{page.name}" in readme, page.name


# Configuration


def settings():
    top = set(schema()["properties"])
    for page in PAGES:
        for number, block in enumerate(blocks(page.read_text(encoding="utf-8"), "yaml")):
            value = yaml.safe_load(block)
            if set(value) & top:
                yield pytest.param(value, id=f"{page.stem}-{number}")


@pytest.mark.parametrize("over", list(settings()))
def test_yaml_blocks_are_valid_when_laid_over_the_shipped_configuration(over):
    validate_config(lay_over(yaml.safe_load(text_of("config.yaml")), over))


def test_the_yaml_blocks_of_all_pages_on_settings_are_seen():
    pages = {parameter.id.rpartition("-")[0] for parameter in settings()}
    assert {"quick-start", "your-own-checkpoint", "your-own-stimuli"} <= pages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_dotted_keys_in_backticks_exist(page):
    top = set(schema()["properties"])
    known = {tuple(key[:length]) for key in KEYS for length in range(1, len(key) + 1)}
    for name in re.findall(r"`([a-z_]+(?:\.[A-Za-z_0-9]+)+)(?:: [^`]*)?`", page.read_text()):
        parts = name.split(".")
        module = PROJECT / "src" / "lstm_units" / parts[0] / f"{parts[1]}.py"
        if parts[0] not in top or parts[-1] in FILE_SUFFIXES or module.is_file():
            continue
        patterns = [list(parts), [parts[0], "NAME", *parts[2:]]]
        if "MODE" in parts:
            patterns.append([part if part != "MODE" else "zero" for part in parts])
        assert any(tuple(pattern) in known for pattern in patterns), f"{page.name}: {name}"


# Paths of results


def outputs():
    """Return the patterns of the outputs of all rules, relative to the results."""
    patterns = set()
    for file in sorted((PROJECT / "rules").glob("*.smk")):
        for section in re.findall(
            r"^    output:\n((?:        .*\n)+)", file.read_text(), re.MULTILINE
        ):
            patterns |= {
                t.replace("<results>/", "") for t in re.findall(r'"(<results>/[^"]+)"', section)
            }
            made = re.findall(r'\b(table|figure)\(\s*"([^"]+)"', section)
            for kind, name in made:
                suffixes = {"table": ("csv", "md", "tex", "json"), "figure": ("pdf", "png")}[kind]
                patterns |= {f"{{model}}/{kind}s/{name}.{suffix}" for suffix in suffixes}
    return patterns


def alternatives(path):
    """Expand ``{csv,md,tex}``; wildcards have no comma."""
    pieces = re.split(r"(\{[a-z]+(?:,[a-z]+)+\})", path)
    choices = [p[1:-1].split(",") if re.match(r"\{.*,", p) else [p] for p in pieces]
    return {"".join(choice) for choice in product(*choices)}


def test_results_readme_lists_the_outputs_of_all_rules_and_nothing_else():
    rows = re.findall(r"^\| `([^`]+)` \|", text_of("results", "README.md"), re.MULTILINE)
    listed = {path for row in rows for path in alternatives(row)}
    folders = validate_config(yaml.safe_load(text_of("config.yaml")))["pathvars"]
    folders = {f"{Path(folders[name]).name}/" for name in ("logs", "benchmarks")}
    assert len(outputs()) >= 20
    assert listed == outputs() | folders | {folder_lock.NAME}


def test_front_page_names_files_that_rules_write():
    section = text_of("README.md").partition("## What comes out")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)
    assert len(rows) >= 5
    values = {"mode": "(zero|legacy|mean)", "group": r"[\w*]+", "model": "wikipedia650"}
    values |= {"analysis": "fig2", "task": "nounpp"}
    patterns = []
    for output in outputs():
        pattern = re.escape(output).replace(r"\{first\}\-\{last\}", r"\*")
        for name, value in values.items():
            pattern = pattern.replace(rf"\{{{name}\}}", value)
        patterns.append(pattern)
    for row in rows:
        assert any(re.fullmatch(pattern, row) for pattern in patterns), row


# Architecture


def test_picture_of_the_data_flow_names_every_rule():
    pictures = blocks(text_of("docs", "architecture.md"), "mermaid")
    assert all(picture.startswith("flowchart") for picture in pictures)
    picture = "".join(pictures)
    drawn = {
        name.strip() for label in re.findall(r"\|([^|]+)\|", picture) for name in label.split(",")
    }
    rules = set()
    for file in (PROJECT / "rules").glob("*.smk"):
        rules |= set(re.findall(r"^(?:rule|checkpoint) (\w+):", file.read_text(), re.MULTILINE))
    assert drawn == rules - {"train"}  # a target, as `all` is


def test_arrows_of_the_picture_connect_boxes():
    flow = text_of("docs", "architecture.md").partition("## The flow of data")[2]
    for picture in blocks(flow, "mermaid"):
        boxes = set(re.findall(r'^\s*(\w+)\["[^"]+"\]$', picture, re.MULTILINE))
        arrows = re.findall(r"^\s*(\w+) -->(?:\|[^|]+\|)? (\w+)$", picture, re.MULTILINE)
        assert len(arrows) == picture.count("-->")
        assert {end for arrow in arrows for end in arrow} == boxes


def test_every_folder_and_room_of_the_library_is_described_once_with_its_page():
    page = text_of("docs", "architecture.md")
    package = PROJECT / "src" / "lstm_units"
    floors = page.partition("## Floors")[2].partition("\n## ")[0]
    cells = "".join(re.findall(r"^\| (\[`[^|]+) \|", floors, re.MULTILINE))
    listed = re.findall(r"\[`(\w+)/`\]\(", cells)
    assert sorted(listed) == sorted(path.parent.name for path in package.glob("*/__init__.py"))
    rooms = page.partition("## Rooms")[2].partition("\n## ")[0]
    named = re.findall(r"\| \[`(\w+)`\]\(analyses/\1\.md\) \|$", rooms, re.MULTILINE)
    assert sorted(named) == sorted(p.parent.name for p in package.glob("analyses/*/room.py"))


def test_library_does_not_know_snakemake():
    for file in sorted((PROJECT / "src" / "lstm_units").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not any(name.split(".")[0] == "snakemake" for name in names), file.name


def test_modules_that_the_docs_call_exist():
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    called = set(re.findall(r"python -m (lstm_units(?:\.\w+)+)", pages))
    assert len(called) >= 3
    for name in called:
        assert (PROJECT / "src" / f"{name.replace('.', '/')}.py").exists(), name
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    code = "\n".join(block for page in PAGES for block in blocks(page.read_text(), "sh"))
    made = set(re.findall(r"\bmake ([a-z]+)", code))
    made |= set(re.findall(r"`make ([a-z]+)`", pages))
    assert made
    assert made <= targets


# Examples


@pytest.mark.extended
def test_library_example_of_the_quick_start_runs():
    example = blocks(text_of("docs", "quick-start.md"), "python")[-1]
    assert "sweep(" in example
    run = subprocess.run(
        [sys.executable, "-c", example + "\nassert margins.shape == (2, 2)\n"],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.extended
def test_snippets_on_activations_run_on_a_finished_experiment(finished, tmp_path):
    code = "\n".join(blocks(text_of("docs", "activations.md"), "python"))
    # The small network of the tests has units 6 to 8 in layer 2.
    for there, here in (
        ("832", "7"),
        ("961", "8"),
        ("651", "6"),
        ("652", "8"),
        ("wikipedia650", "tiny"),
    ):
        assert there in code
        code = code.replace(there, here)
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=finished.directory,
        env=finished.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "(120, 9, 3)" in run.stdout  # 30 items in each of four conditions
    assert "mean" in run.stdout


# Messages: docs/your-own-checkpoint.md quotes them, and these are the cases it describes.


class WordLSTM(nn.Module):
    def __init__(self, embedding_name="encoder", rnn=nn.LSTM, **options):
        super().__init__()
        self.add_module(embedding_name, nn.Embedding(7, 4))
        self.rnn = rnn(4, 4, 1, **options)
        self.decoder = nn.Linear(8 if options else 4, 7)


def damaged(tensors, name, value):
    tensors[name] = value
    return tensors


def not_finite():
    tensors = WordLSTM().state_dict()
    tensors["rnn.weight_hh_l0"][0, 0] = float("nan")
    return tensors


WORDS = ("<unk>", "<eos>", "the", "boy", "boys", "greets", "greet")
CASES = {
    "stand-in": (lambda: WordLSTM(), WORDS),
    "hostile": (lambda: px.Gadget("true"), WORDS),
    "vocabulary": (lambda: WordLSTM().state_dict(), WORDS[:-1]),
    "special words": (lambda: WordLSTM().state_dict(), ("UNK", *WORDS[1:])),
    "embedding": (lambda: WordLSTM("words").state_dict(), WORDS),
    "further parts": (
        lambda: damaged(WordLSTM().state_dict(), "attention.weight", torch.zeros(4, 4)),
        WORDS,
    ),
    "gru": (lambda: WordLSTM(rnn=nn.GRU).state_dict(), WORDS),
    "bidirectional": (lambda: WordLSTM(bidirectional=True).state_dict(), WORDS),
    "not finite": (not_finite, WORDS),
    "cut off": (lambda: WordLSTM().state_dict(), WORDS),
    "pointer": (lambda: None, WORDS),
}


@pytest.mark.parametrize("case", CASES)
def test_quoted_messages_of_bad_checkpoints_are_the_real_ones(case, tmp_path, monkeypatch):
    make, words = CASES[case]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(WordLSTM, "__module__", "my_models")
    monkeypatch.setitem(sys.modules, "my_models", sys.modules[__name__])
    Path("vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    torch.save(make(), "my_model.pt")
    if case == "cut off":
        whole = Path("my_model.pt").read_bytes()
        Path("my_model.pt").write_bytes(whole[: len(whole) // 2])
    if case == "pointer":
        Path("my_model.pt").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(UserError) as caught:
        convert_checkpoint(CheckpointSource(Path("my_model.pt"), Path("vocab.txt")), "converted")
    quoted = [
        one_line(block) for block in blocks(text_of("docs", "your-own-checkpoint.md"), "text")
    ]
    assert one_line(str(caught.value)) in quoted
    assert not Path("converted").exists()


def test_documented_remedies_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(WordLSTM, "__module__", "my_models")
    monkeypatch.setitem(sys.modules, "my_models", sys.modules[__name__])
    Path("vocab.txt").write_text("\n".join(("UNK", "</s>", *WORDS[2:])) + "\n", encoding="utf-8")
    torch.save(WordLSTM(), "my_model.pt")
    (entry,) = [
        value
        for block in blocks(text_of("docs", "your-own-checkpoint.md"), "yaml")
        if "stand_ins" in (value := yaml.safe_load(block)["checkpoints"].get("my_model", {}))
    ]
    source = CheckpointSource(
        Path("my_model.pt"),
        Path("vocab.txt"),
        stand_ins=tuple(entry["stand_ins"]),
        unk="UNK",
        eos="</s>",
    )
    assert convert_checkpoint(source, "converted")["layer_sizes"] == [4]


def test_quoted_messages_of_urls_are_the_real_ones(tmp_path):
    page = one_line(text_of("docs", "your-own-checkpoint.md"))
    config = yaml.safe_load(text_of("config.yaml"))
    config["checkpoints"]["my_model"] = {
        "source": "https://example.org/my_model.pt",
        "vocabulary": "models/my_model/vocab.txt",
    }
    with pytest.raises(UserError) as caught:
        validate_config(config)
    fault = re.search(r"1\. (.*?)\n +Write", str(caught.value), re.DOTALL)
    assert one_line(fault[1]) in page
    served = tmp_path / "served.pt"
    served.write_bytes(b"another file")
    with pytest.raises(UserError) as caught:
        download(served.as_uri(), tmp_path / "kept.pt", "0" * 64, retries=0, progress=False)
    sentence = re.search(r"It is not the file .*? published it\.", str(caught.value))
    assert one_line(sentence[0]) in page
    assert sha256_file(served) in str(caught.value)


def test_licence_and_citation_agree_with_the_package():
    package = text_of("pyproject.toml")
    citation = yaml.safe_load(text_of("CITATION.cff"))
    assert f'version = "{citation["version"]}"' in package
    assert f'license = "{citation["license"]}"' in package
    licence = text_of("LICENSE")
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
