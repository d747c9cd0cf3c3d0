"""Vocabularies as people have them: read exactly and said, or told what they are."""

import codecs
import io
import json
import pickle
import sys
from collections import Counter, defaultdict

import pytest
import torch

from lstm_units.errors import CheckpointError
from lstm_units.io.files import sha256_file
from lstm_units.models.checkpoints import (
    CheckpointSource,
    convert_checkpoint,
    load_language_model,
)
from lstm_units.models.vocabulary import read_vocabulary

WORDS = ("<unk>", "<eos>", "The", "10", "soft\u00adhyphen", "می\u200cروم", ",", '"')
PLAIN = "".join(f"{word}\n" for word in WORDS)
COUNTS = [900, 900, 75, 40, 7, 3, 2, 1]
ROWS = {word: row for row, word in enumerate(WORDS)}
BACKWARDS = sorted(WORDS, reverse=True)


def table(line, header=""):
    cells = zip(WORDS, COUNTS, range(8), strict=True)
    return header + "".join(line.format(w=w, n=n, i=i, j=i + 1) for w, n, i in cells)


class Dictionary:
    """As of the word language model example, in a module that nobody has."""

    __module__ = "data"


class Corpus:
    __module__ = "data"


class Own(list):
    __module__ = "own"


def pickled(value):
    """What ``torch.save`` writes."""
    buffer = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("data", "own"):
            patch.setitem(sys.modules, name, sys.modules[__name__])
        torch.save(value, buffer)
    return buffer.getvalue()


def dictionary():
    corpus, words = Corpus(), Dictionary()
    words.idx2word, words.word2idx = list(WORDS), defaultdict(int, ROWS)
    words.counter, words.total = Counter(COUNTS), 8
    corpus.dictionary, corpus.train = words, torch.zeros(3)
    return corpus


# What it is: the bytes, and what is said.
READ = {
    "no last line end": (PLAIN[:-1], ""),
    "byte-order mark": (codecs.BOM_UTF8 + PLAIN.encode(), "UTF-8 with a byte-order mark"),
    "UTF-16": (PLAIN.encode("utf-16"), "UTF-16 with a byte-order mark"),
    "UTF-32": (PLAIN.encode("utf-32"), "UTF-32 with a byte-order mark"),
    "Windows": (PLAIN.replace("\n", "\r\n"), "lines with Windows ends"),
    "old Macintosh": (PLAIN.replace("\n", "\r"), "lines that end in a carriage return"),
    "outer spaces": (PLAIN.replace("The\n", "\t The \n"), "words with spaces around them"),
    "blank end": (PLAIN + "\n \n", "blank lines at the end"),
    "tab, count": (table("{w}\t{n}\n"), "numbers that were passed over"),
    "comma, count, as CSV": (
        table("{w},{n}\n").replace(",,", '",",').replace('",1\n', '"""",1\n'),
        "numbers that were passed over",
    ),
    "tab, count, as CSV": (table("{w}\t{n}\n").replace('"', '""""'), "numbers that were passed"),
    "tab, count, header": (table("{w}\t{n}\n", "word\tfrequency\n"), "with a header"),
    "space, count": (table("{w} {n}\n"), "numbers that were passed over"),
    "uniq -c": (table("{n:7d} {w}\n"), "numbers that were passed over"),
    "log probabilities": (table("{w}\t-{i}.5e-1\n"), "numbers that were passed over"),
    "row, tab": (table("{i}\t{w}\n"), "their rows"),
    "row from 1": (table("{j} {w}\n"), "their rows"),
    "row, word, count": (table("{i}\t{w}\t{n}\n"), "their rows and numbers that were passed over"),
    "sorted by word": ("".join(f"{w}\t{ROWS[w]}\n" for w in BACKWARDS), "their rows"),
    "JSON list": (json.dumps(WORDS, indent=1), "a list"),
    "JSON pairs": (json.dumps([[w, ROWS[w]] for w in BACKWARDS]), "a list of words with numbers"),
    "JSON dict": (json.dumps({w: ROWS[w] for w in BACKWARDS}), "a row for each word"),
    "JSON of rows": (json.dumps({ROWS[w]: w for w in BACKWARDS}), "a word for each row"),
    "JSON object": (json.dumps({"itos": WORDS, "stoi": ROWS, "min_freq": 1}), "itos and stoi"),
    "pickled list": (pickle.dumps(list(WORDS)), "a pickle (a list)"),
    "pickled list of Python 2": (pickle.dumps(list(WORDS), 0), "a pickle (a list)"),
    "pickled dict": (pickle.dumps({w: ROWS[w] for w in BACKWARDS}), "a pickle (a row for each"),
    "AWD-LSTM": (pickled(dictionary()), "a pickle (dictionary)"),
    "tokenizer.json": (json.dumps({"version": 1, "model": {"vocab": ROWS}}), "model"),
}


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("kind", READ)
def test_words_are_read_in_the_order_of_the_rows_and_it_is_said(tmp_path, kind, caplog):
    content, said = READ[kind]
    with caplog.at_level("INFO"):
        vocabulary = read_vocabulary(write(tmp_path / "v", content))
    assert vocabulary.words == WORDS
    assert said in vocabulary.read_as
    assert bool(vocabulary.read_as) == bool(said)
    assert [f"{tmp_path / 'v'} is read as {vocabulary.read_as}" in caplog.text] == [bool(said)]


def without(word, *, put=()):
    return "".join(f"{w}\n" for w in (*(w for w in WORDS if w != word), *put))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", ["is empty"]),
        ("\n\n", ["is empty"]),
        (PLAIN + "\na\n", ["v, line 9: is empty"]),
        (PLAIN + "The \n", ["line 9: 'The' stands in line 3 already"]),
        (PLAIN + "New York\n", ["line 9: 'New York' holds a space (U+0020)", "no word can match"]),
        (PLAIN + "10\xa0000\n", [r"line 9: '10\xa0000' holds a no-break space (U+00A0)"]),
        (PLAIN + "a\u2028b\n", [r"'a\u2028b' holds a line separator (U+2028)"]),
        (PLAIN + "a\rb\n", [r"'a\rb' holds a carriage return"]),
        (json.dumps([*WORDS, "a b"]), ["v, entry 9: 'a b' holds a space"]),
        (PLAIN + "a\0b\n", ["v holds a NUL character in line 9"]),
        (PLAIN.encode("utf-16-le"), ["v holds a NUL character in line 1", "UTF-16 without"]),
        ("<unk>\n<eos>\ncafé\n".encode("latin-1"), ["not UTF-8: byte 15, in line 3, is 0xE9"]),
        (without("<unk>", put=["[UNK]"]), ["no unknown-word symbol '<unk>'", "(it has '[UNK]')"]),
        (without("<eos>", put=["</s>"]), ["no end-of-sentence symbol '<eos>'", "(it has '</s>')"]),
        (table("{w},{n}\n"), ["no unknown-word symbol '<unk>'", "(it has '<unk>,900')"]),
        ("the 9\nof 5\nto 2\n", ["no unknown-word", "fairseq", "<s>, <pad>, </s> and <unk>"]),
        (table("{w}\t1\n")[:-3] + "\n", ["line 1: '<unk>\\t1' holds a tab"]),
        (table("{w}\t1{i}\n"), ["has rows in column 2, it seems, from 10 to 17 for 8 words"]),
        ("".join(f"{w} {ROWS[w]}\n" for w in WORDS[::-1]), ["column 2, it seems, from 7 to 0"]),
        (json.dumps({w: 2 * i for w, i in ROWS.items()}), ["the rows 0 to 14 for 8 words"]),
        ('{"<unk>": 0, "<eos>": 1, "a": 2, "a": 3}', ["'a' stands twice"]),
        (json.dumps({"words": WORDS, "itos": WORDS[::-1]}), ["no list of words and no dict"]),
        (json.dumps([1, 2]), ["holds no list of words"]),
        ("[" * 100_000, ["v "]),
        (str(list(WORDS)), ["is one line that begins with", "but no JSON"]),
        (pickled(Own()), ["asks for own.Own", "name it in stand_ins"]),
        (pickle.dumps({"The"}), ["is a pickle in which no words were found", "python -c"]),
        (pickle.dumps(list(WORDS))[:-9], ["is a pickle in which no words were found"]),
        (b"PK\x03\x04 workbook", ["is a zip archive, as Excel"]),
        (b"\x1f\x8b\x08\x00", ["is compressed by gzip"]),
        (b"version https://git-lfs.github.com/spec/v1\n", ["is a pointer of Git LFS"]),
    ],
)
def test_what_could_be_read_wrongly_is_told(tmp_path, content, expected):
    with pytest.raises(CheckpointError) as caught:
        read_vocabulary(write(tmp_path / "v", content))
    for part in expected:
        assert part in str(caught.value)


def test_all_faults_are_listed_at_once(tmp_path):
    path = write(tmp_path / "v", PLAIN + "a b\n" * 30)
    with pytest.raises(CheckpointError) as caught:
        read_vocabulary(path)
    first, *lines = str(caught.value).splitlines()
    assert first == f"{path} has 30 faults; the first 20 are:"
    assert [line.split(":")[0] for line in lines] == [f"  line {n}" for n in range(9, 29)]


def test_classes_that_are_named_stand_in(tmp_path):
    path = write(tmp_path / "v", pickled(Own(WORDS)))
    assert read_vocabulary(path, stand_ins=["own.Own"]).words == WORDS


@pytest.mark.parametrize("kind", ["no last line end", "tab, count"])
def test_a_converted_vocabulary_is_plain(tmp_path, kind, caplog):
    caplog.set_level("INFO")
    network = torch.nn.ModuleDict(
        {
            "encoder": torch.nn.Embedding(len(WORDS), 3),
            "rnn": torch.nn.LSTM(3, 4),
            "decoder": torch.nn.Linear(4, len(WORDS)),
        }
    )
    torch.save(network.state_dict(), tmp_path / "m.pt")
    source = write(tmp_path / "v", READ[kind][0])
    wanted = {"vocabulary_sha256": sha256_file(source)}
    checkpoint = CheckpointSource(tmp_path / "m.pt", source, **wanted)
    made = convert_checkpoint(checkpoint, tmp_path / "out")
    assert load_language_model(tmp_path / "out").vocabulary.words == WORDS
    hidden = r"'soft\xadhyphen', 'می\u200cروم'"
    assert f"{source}: words with characters that cannot be seen: {hidden}" in caplog.text
    if kind == "tab, count":
        assert (tmp_path / "out" / "vocab.txt").read_text() == PLAIN
        assert made["vocabulary_read_as"] == "words beside numbers that were passed over"
        assert made["vocabulary_source_sha256"] == wanted["vocabulary_sha256"]
    else:
        assert (tmp_path / "out" / "vocab.txt").read_bytes() == source.read_bytes()
        assert not {"vocabulary_read_as", "vocabulary_source_sha256"} & set(made)


@pytest.mark.golden
def test_published_vocabulary(published_data):
    vocabulary = read_vocabulary(published_data / "gulordava_vocab.txt")
    assert len(vocabulary) == 50001
    assert vocabulary.read_as == ""
    assert (vocabulary.index["<eos>"], vocabulary.index["<unk>"]) == (19, 62)
