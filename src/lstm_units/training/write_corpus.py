"""The steps from raw text to a training corpus."""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file

from lstm_units.errors import UserError
from lstm_units.io.files import (
    atomic_path,
    encode_metadata,
    make_metadata,
    sha256_file,
    with_metadata,
    write_json,
    write_text,
)
from lstm_units.runtime.console import progress
from lstm_units.training.corpus import PARTS, CorpusSettings, build_corpus, collect, iterate
from lstm_units.training.text_files import read_articles
from lstm_units.training.tokenisation import Tokeniser

log = logging.getLogger(__name__)
_SCHEMA = pa.schema([("article", pa.int32()), ("sentence", pa.string())])
_ROWS = 100_000  # sentences that are held in memory and written at once


def write_sentences(text: str | Path, output: str | Path) -> None:
    """Split a text file into sentences of tokens.

    Parameters
    ----------
    text : path
        See `lstm_units.training.text_files.read_articles`.
    output : path
        Parquet: ``article`` (0-based) and ``sentence``, tokens with a space between.

    Raises
    ------
    UserError
        If the text cannot be read, or holds no word.
    """
    tokeniser = Tokeniser()
    with _readable(text, "text"):
        metadata = make_metadata(text_sha256=sha256_file(text))
    schema = with_metadata(_SCHEMA, metadata)
    n_sentences = 0
    with (
        atomic_path(output) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
        progress(description=f"tokenising {Path(text).name}", unit="articles") as bar,
    ):
        rows: list[tuple[int, str]] = []
        for article, paragraphs in enumerate(read_articles(text)):
            for paragraph in paragraphs:
                rows += [(article, " ".join(s)) for s in tokeniser.sentences(paragraph)]
            if len(rows) >= _ROWS:
                n_sentences += _write_rows(writer, rows)
            bar.update()
        n_sentences += _write_rows(writer, rows)
        if not n_sentences:
            raise UserError(f"{text} holds no sentence; expected a text, a paragraph a line")
    log.info("%s: %s sentences", Path(text).name, f"{n_sentences:,}")


def _write_rows(writer: pq.ParquetWriter, rows: list[tuple[int, str]]) -> int:
    """Write rows and empty the list; return how many there were."""
    n_rows = len(rows)
    if rows:
        articles, sentences = zip(*rows, strict=True)
        writer.write_table(pa.table([articles, sentences], schema=writer.schema))
        rows.clear()
    return n_rows


def _read_sentences(path: str | Path) -> Iterator[tuple[int, list[str]]]:
    with _readable(path, "sentences"):
        for batch in pq.ParquetFile(path).iter_batches(_ROWS):
            columns = (batch.column("article").to_pylist(), batch.column("sentence").to_pylist())
            for article, sentence in zip(*columns, strict=True):
                yield article, sentence.split(" ")


@contextlib.contextmanager
def _readable(path: str | Path, what: str) -> Iterator[None]:
    """Turn errors of reading a file into one that names it."""
    try:
        yield
    except (OSError, pa.ArrowInvalid, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read the {what} {path}: {reason}") from error


def write_corpus(
    sentences: Sequence[str | Path],
    required: Sequence[str | Path],
    chosen: str | Path | None,
    outputs: dict[str, str | Path],
    settings: dict[str, Any],
) -> None:
    """Make a training corpus of tokenised texts.

    Parameters
    ----------
    sentences : sequence of paths
        From `write_sentences`.
    required : sequence of paths
        Files of words that the vocabulary must have: Parquet of stimuli (their complete sentences
        and both verb forms) or of depth sentences, or text with words between white space.
    chosen : path, optional
        Text with words between white space: sentences without any of them are left out of the
        training part, see `lstm_units.training.corpus.CorpusSettings`.
    outputs : dict of str to path
        ``ids`` (safetensors: rows of the vocabulary of each part), ``vocabulary`` (text),
        ``counts`` (TSV: word, occurrences in the training part), ``statistics`` (JSON).
    settings : dict
        Further fields of `lstm_units.training.corpus.CorpusSettings`.

    Raises
    ------
    UserError
        If a file cannot be read, or the corpus cannot be made.
    """
    required_words = sorted({word for path in required for word in words_of(path)})
    chosen_words = frozenset(words_of(chosen)) if chosen else frozenset()
    if chosen and not chosen_words:
        raise UserError(
            f"{chosen} holds no word to choose sentences by; name words, or leave it out"
        )
    with progress(description="reading sentences", unit="sentences") as bar:

        def counted(path: str | Path) -> Iterator[tuple[int, list[str]]]:
            for sentence in _read_sentences(path):
                bar.update()
                yield sentence

        text = collect(iterate(map(counted, sentences)))
    corpus = build_corpus(
        text,
        CorpusSettings(required_words=required_words, chosen_words=chosen_words, **settings),
    )
    row = {word: place for place, word in enumerate(corpus.words)}
    occurrences = {word: int(corpus.counts[row[word]]) for word in required_words if word in row}
    absent = [word for word, count in occurrences.items() if not count]
    if absent:
        log.warning(
            "%d required words do not occur in the training part, so a model learns nothing of "
            "them: %s",
            len(absent),
            ", ".join(absent[:20]) + (" ..." if len(absent) > 20 else ""),
        )
    metadata = make_metadata(
        config={**settings, "chosen_words": len(chosen_words)},
        seed=settings.get("seed"),
        sentences_sha256=[sha256_file(path) for path in sentences],
    )
    with atomic_path(outputs["ids"]) as temporary:
        save_file(corpus.ids, temporary, metadata=encode_metadata(metadata))
    write_text("".join(f"{word}\n" for word in corpus.words), outputs["vocabulary"])
    counts = zip(corpus.words, corpus.counts.tolist(), strict=True)
    write_text("".join(f"{word}\t{count}\n" for word, count in counts), outputs["counts"])
    write_json(
        {
            **corpus.statistics,
            "vocabulary": len(corpus.words),
            "required_words": occurrences,
        },
        outputs["statistics"],
        metadata,
    )
    for part in PARTS:
        found = corpus.statistics[part]
        log.info(
            "%s: %s sentences, %s tokens, %.2f %% unknown; left out for unknown words: %s",
            part,
            f"{found['sentences']:,}",
            f"{found['tokens']:,}",
            100 * found["unknown"] / found["tokens"],
            f"{found['left_out_for_unknown_words']:,}",
        )


def words_of(path: str | Path) -> list[str]:
    """Return the different words of a file: stimuli or sentences (Parquet), or plain text.

    Parameters
    ----------
    path : path

    Returns
    -------
    list of str
        In alphabetical order.

    Raises
    ------
    UserError
        If the file cannot be read.
    """
    path = Path(path)
    with _readable(path, "words"):
        if path.suffix != ".parquet":
            return sorted(set(path.read_text(encoding="utf-8").split()))
        table = pq.read_table(path)
    words: set[str] = set()
    for name in table.column_names:
        if name == "tokens":
            words.update(table[name].combine_chunks().flatten().unique().to_pylist())
        elif name in ("correct", "wrong"):
            words.update(table[name].unique().to_pylist())
    return sorted(word for word in words if word)
