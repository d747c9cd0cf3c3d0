"""The command ``lstm-units``: what it prints, writes and refuses, and how fast help comes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from support.made_files import write_stimuli

import lstm_units
from lstm_units.api import command_line
from lstm_units.api.command_line import build_parser, main
from lstm_units.api.stimuli import ENGLISH, stimuli_table
from lstm_units.io.files import make_metadata, read_json, read_metadata
from lstm_units.models.language_model import log_probabilities_ref

COMMANDS = ("convert", "score", "card")


@pytest.fixture(scope="module")
def source(source, tmp_path_factory) -> Path:
    """The planted network as a state dict, ``model.pt`` and ``vocab.txt``."""
    folder = tmp_path_factory.mktemp("state_dict")
    torch.save(load_file(source / "model.safetensors"), folder / "model.pt")
    shutil.copy(source / "vocab.txt", folder)
    return folder


@pytest.fixture(scope="module")
def converted(source, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "planted"
    assert main(["convert", str(source / "model.pt"), str(source / "vocab.txt"), str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stimuli")
    for task in ("nounpp", "simple"):
        table = stimuli_table(lstm_units.make_stimuli(task, 10, 1))
        write_stimuli(table, folder / f"{task}.parquet", make_metadata())
    return folder


def refused(arguments, capsys) -> str:
    """Run a command that must end with code 1 and one message; return the message."""
    with pytest.raises(SystemExit) as ending:
        main([str(argument) for argument in arguments])
    assert ending.value.code == 1
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err.startswith("error: ")
    assert "Traceback" not in found.err
    return found.err


def test_help_loads_neither_torch_nor_numpy():
    code = (
        "import sys\nfrom lstm_units.api.command_line import main\nmain([])\n"
        "assert not {'torch', 'pandas', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_no_command_prints_the_help_that_names_all(capsys):
    assert main([]) == 0
    said = capsys.readouterr().out
    assert said == build_parser().format_help()
    assert all(f"\n    {command} " in said for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_ends_with_an_example_that_parses(command, capsys):
    with pytest.raises(SystemExit) as ending:
        main([command, "--help"])
    assert ending.value.code == 0
    example = capsys.readouterr().out.splitlines()[-1].split()
    assert example[:2] == ["lstm-units", command]
    assert build_parser().parse_args(example[1:]).run is not None


def test_version_is_the_package_s(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"lstm-units {lstm_units.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [["scor"], ["card", "wikipedia650"], ["card", "wikipedia650", "x"], ["score"], ["--nothing"]],
)
def test_wrong_usage_ends_with_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    assert ending.value.code == 2
    assert "usage: lstm-units" in capsys.readouterr().err


def test_convert_writes_a_folder_that_loads(converted, source, tmp_path, capsys):
    model = lstm_units.load_checkpoint(converted)
    assert model.sha256 == read_json(converted / "model.json")["sha256"]
    assert main(["convert", *map(str, (source / "model.pt", source / "vocab.txt", tmp_path))]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{tmp_path}: LSTM of 5 + 3 units, {len(model.vocabulary)} words; ")
    assert (tmp_path / "model.json").read_bytes() == (converted / "model.json").read_bytes()


def test_convert_hands_on_the_names_of_symbols(source, tmp_path):
    words = (source / "vocab.txt").read_text().replace("<unk>", "UNK").replace("<eos>", "</s>")
    (tmp_path / "words.txt").write_text(words)
    arguments = ["convert", source / "model.pt", tmp_path / "words.txt", tmp_path / "model"]
    symbols = ["--unk", "UNK", "--eos", "</s>", "--format", "state_dict"]
    assert main([*map(str, arguments), *symbols]) == 0
    description = read_json(tmp_path / "model" / "model.json")
    assert (description["unk"], description["eos"]) == ("UNK", "</s>")


def test_what_the_file_does_not_say_can_be_said(converted, source, tmp_path):
    """At the prompt and from Python, by the same names."""
    renamed = {}
    tensors = load_file(converted / "model.safetensors")
    for name, tensor in tensors.items():
        owner, last = name.split(".")
        stack = {"0": "lower", "1": "upper"}.get(last[-1], "")
        owner = {"encoder": "words", "decoder": "last", "rnn": stack}[owner]
        rows = tensor.shape[0] == tensors["encoder.weight"].shape[0]
        padded = torch.cat([tensor, tensor[:3]]) if rows else tensor
        renamed[f"{owner}.{last.replace('_l1', '_l0')}"] = padded
    other = {name: tensor + 1 for name, tensor in renamed.items()}
    torch.save({"mine": renamed, "yours": other}, tmp_path / "a.pt")
    arguments = ["convert", tmp_path / "a.pt", source / "vocab.txt", tmp_path / "model"]
    options = {"part": "mine", "embedding": "words", "decoder": "last", "padding_rows": "end"}
    given = [part for k, v in options.items() for part in (f"--{k.replace('_', '-')}", v)]
    assert main([*map(str, arguments), *given, "--layers", "lower,upper"]) == 0
    sha256 = read_json(converted / "model.json")["sha256"]
    assert read_json(tmp_path / "model" / "model.json")["sha256"] == sha256
    options |= {"layers": ["lower", "upper"], "vocabulary": source / "vocab.txt"}
    assert lstm_units.load_checkpoint(tmp_path / "a.pt", **options).sha256 == sha256
    with pytest.raises(SystemExit):
        main([*map(str, arguments), "--padding-rows", "last"])


def test_score_prints_the_accuracy_and_writes_every_item(converted, stimuli, tmp_path, capsys):
    files = [stimuli / "simple.parquet", stimuli / "nounpp.parquet"]
    model = lstm_units.load_checkpoint(converted)
    scores = {f.stem: lstm_units.score(model, lstm_units.read_stimuli(f)) for f in files}
    table = lstm_units.accuracy(scores)
    items = pd.concat([frame.assign(task=task) for task, frame in scores.items()])
    for output in (tmp_path / "items.csv", tmp_path / "items.parquet"):
        assert main(["score", str(converted), *map(str, files), "--output", str(output)]) == 0
        lines = capsys.readouterr().out.splitlines()
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        assert cells[0][:4] == ["task", "condition", "n", "accuracy %"]
        expected = [
            [row.task, row.condition, str(row.n), f"{100 * row.accuracy:.1f}"]
            for row in table.itertuples()
        ]
        assert [row[:4] for row in cells[2:]] == expected
        read = pd.read_csv if output.suffix == ".csv" else pd.read_parquet
        found = read(output)
        assert found.columns[:2].tolist() == ["task", "item"]
        expected_items = items[found.columns].reset_index(drop=True)
        pd.testing.assert_frame_equal(found, expected_items, check_dtype=False, rtol=1e-6)
    assert read_metadata(tmp_path / "items.parquet")["checkpoint_sha256"] == model.sha256
    assert pd.read_parquet(tmp_path / "items.parquet").attrs == {}
    one = tmp_path / "one.parquet"
    assert main(["score", str(converted), str(files[0]), "--output", str(one)]) == 0
    assert pd.read_parquet(one).attrs == {}
    capsys.readouterr()


def test_score_takes_weights_with_a_vocabulary_and_another_context(
    source, converted, stimuli, tmp_path
):
    own = tmp_path / "context.txt"
    own.write_text("The boy greets the man .\n")
    common = [str(stimuli / "nounpp.parquet"), "--context", str(own), "--case", "lower"]
    weights = ["score", str(source / "model.pt"), "--vocabulary", str(source / "vocab.txt")]
    outputs = [tmp_path / f"{name}.parquet" for name in ("weights", "folder")]
    for start, output in zip((weights, ["score", str(converted)]), outputs, strict=True):
        assert main([*start, *common, "--output", str(output)]) == 0
    one, two = (pq.read_table(path).to_pandas() for path in outputs)
    pd.testing.assert_frame_equal(one, two)
    context = lstm_units.Context(str(own), "lower")
    items = lstm_units.read_stimuli(stimuli / "nounpp.parquet")
    expected = lstm_units.score(lstm_units.load_checkpoint(converted), items, context=context)
    assert one["margin"].tolist() == expected["margin"].tolist()


def test_score_says_how_many_items_it_leaves_out(converted, tmp_path, capsys):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text(
        "prefix\tgood\tbad\tcondition\nThe boy\tgreets\tgreet\tS\nThe boy\tfrobs\tfrob\tS\n"
    )
    assert main(["score", str(converted), str(pairs)]) == 0
    found = capsys.readouterr()
    assert found.err == (
        f"{pairs}: left out are 1 of 2 items, whose verb forms the model does not know: "
        "'frob' (1), 'frobs' (1)\n"
    )
    assert "| pairs | S         |   1 |" in found.out


def test_score_says_which_words_it_reads_as_unknown(converted, tmp_path, capsys):
    pairs = tmp_path / "pairs.tsv"
    rows = ["The boy", "Zog boy", "Zog the boy", "The el\u200b", "The i\u00add"]
    lines = [f"{row}\tgreets\tgreet\tS\u200e\n" for row in rows]
    pairs.write_text("prefix\tgood\tbad\tcondition\n" + "".join(lines))
    assert main(["score", str(converted), str(pairs)]) == 0
    found = capsys.readouterr()
    assert r"| S\u200e   |   5 |" in found.out
    assert found.err == (
        f"{pairs}: read as <unk> are 4 of the words before the verbs (36.4 %): 'Zog' (2), "
        r"'el\u200b' (1), 'i\xadd' (1)" + "\n"
    )


def test_a_model_of_another_language_reads_no_context(source, stimuli, tmp_path, capsys):
    simple = stimuli / "simple.parquet"
    items = lstm_units.read_stimuli(simple)
    needed = {w for column in ("tokens", "correct", "wrong") for w in items[column].explode()}
    words = (source / "vocab.txt").read_text().split()
    keep = {*needed, "<unk>", "<eos>"}
    (tmp_path / "vocab.txt").write_text("".join(f"{w}{'x' * (w not in keep)}\n" for w in words))
    folder = tmp_path / "model"
    assert main(["convert", *map(str, (source / "model.pt", tmp_path / "vocab.txt", folder))]) == 0
    assert main(["score", str(folder), str(simple), "--output", str(tmp_path / "items.csv")]) == 0
    said = capsys.readouterr().err
    assert said.startswith("items are read without a context: the model knows ")
    model = lstm_units.load_checkpoint(folder)
    found = pd.read_csv(tmp_path / "items.csv")["logp_correct"]
    for row, log_probability in zip(items.itertuples(), found, strict=True):
        alone = log_probabilities_ref(model, row.tokens[: row.verb_position])[-1]
        expected = alone[model.vocabulary.index[row.correct]].item()
        assert log_probability == pytest.approx(expected, rel=1e-5)
    own = tmp_path / "context.txt"
    own.write_text((ENGLISH / "context.txt").read_text())
    said = refused(["score", folder, simple, "--context", own], capsys)
    assert f"words of the context {own}; give sentences of its language" in said


def test_output_of_score_spares_what_is_read(source, converted, stimuli, tmp_path, capsys):
    own = tmp_path / "context.csv"
    own.write_text("The boy greets the man .\n")
    nounpp, simple = tmp_path / "nounpp.parquet", stimuli / "simple.parquet"
    nounpp.write_bytes((stimuli / "nounpp.parquet").read_bytes())
    words = tmp_path / "vocab.csv"
    words.write_bytes((source / "vocab.txt").read_bytes())
    weights = tmp_path / "model.parquet"
    weights.symlink_to(source / "model.pt")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    start = ["score", weights, nounpp, simple, "--vocabulary", words, "--context", own]
    for output in (nounpp, own, words, weights):
        said = refused([*start, "--output", output], capsys)
        assert f"{output} is one of the files that are read" in said
    (converted / "link.csv").symlink_to(converted / "model.json")
    said = refused(["score", converted, nounpp, "--output", converted / "link.csv"], capsys)
    assert "is one of the files that are read" in said
    (converted / "link.csv").unlink()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_output_of_score_is_checked_before_anything_is_computed(
    converted, stimuli, tmp_path, capsys, monkeypatch
):
    def load(*_, **__):
        raise AssertionError("the model was loaded")

    monkeypatch.setattr("lstm_units.api.models.load_checkpoint", load)
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.csv").mkdir()
    for output, message in (
        (tmp_path / "file" / "items.csv", f"{tmp_path / 'file'} is no folder"),
        (tmp_path / "folder.csv", "is a folder; give the name of a file"),
        (tmp_path / "items.txt", "must end in .csv or .parquet"),
    ):
        said = refused(["score", converted, stimuli / "simple.parquet", "--output", output], capsys)
        assert message in said


def test_score_takes_a_gold_file_for_one_text(converted, stimuli, tmp_path, capsys):
    text, gold = tmp_path / "sentences.txt", tmp_path / "verbs.tsv"
    text.write_text("The boy greets the man . <eos>\n")
    gold.write_text("2\tgreets\tgreet\t0\n")
    assert main(["score", str(converted), str(text), "--gold", str(gold)]) == 0
    assert "| sentences | 0         |   1 |" in capsys.readouterr().out
    said = refused(["score", converted, text, stimuli / "simple.parquet", "--gold", gold], capsys)
    assert "belongs to one file of stimuli, but 2 are given" in said
    said = refused(["score", converted, text, "--stimuli-format", "linzen"], capsys)
    assert "--gold" in said


def test_advice_names_the_options_of_the_prompt(source, converted, stimuli, tmp_path, capsys):
    strange = tmp_path / "strange.txt"
    strange.write_text("The boys greet\n")
    assert "--stimuli-format" in refused(["score", converted, strange], capsys)
    words = tmp_path / "vocab.txt"
    words.write_text((source / "vocab.txt").read_text().replace("<unk>", "UNK"))
    said = refused(["convert", source / "model.pt", words, tmp_path / "m"], capsys)
    assert said.endswith("name the one that the model uses as unk (it has 'UNK')\n")
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("prefix\tgood\tbad\tcondition\nThe boy\tfrobs\tfrob\tS\n")
    said = refused(["score", converted, pairs], capsys)
    assert f"none of the 1 items of {pairs}; unknown are 'frob', 'frobs'" in said
    said = refused(["score", converted, stimuli / "simple.parquet", "--unk", "UNK"], capsys)
    assert "unk would have no effect" in said


def test_card_is_made_with_the_arguments_given(monkeypatch, capsys):
    calls = []

    def write(results, model, unit, output):
        calls.append((results, model, unit, output))
        return Path("page.html")

    monkeypatch.setattr(command_line, "write_card", write)
    assert main(["card", "wikipedia650", "776"]) == 0
    assert main(["card", "other", "3", "--results", "r", "--output", "o.html"]) == 0
    assert calls == [
        (Path("results"), "wikipedia650", 776, None),
        (Path("r"), "other", 3, Path("o.html")),
    ]
    assert capsys.readouterr().out == "page.html\npage.html\n"


def test_input_that_can_be_mended_is_one_message_and_code_1(
    source, converted, stimuli, tmp_path, capsys
):
    nounpp = stimuli / "nounpp.parquet"
    said = refused(["convert", source / "none.pt", source / "vocab.txt", tmp_path / "m"], capsys)
    assert f"there is no checkpoint {source / 'none.pt'}" in said
    assert "there is no file" in refused(["score", converted, tmp_path / "none.tsv"], capsys)
    assert "two files of stimuli are called nounpp" in refused(
        ["score", converted, nounpp, tmp_path / "nounpp.tsv"], capsys
    )
    assert "there are no results of any model" in refused(
        ["card", "wikipedia650", "1", "--results", tmp_path], capsys
    )
    assert list(tmp_path.iterdir()) == []
