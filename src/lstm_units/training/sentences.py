"""From raw text to files of sentences, and the words of files, read piece by piece."""

import contextlib
import logging
import lzma
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lstm_units.errors import UserError
from lstm_units.io.files import atomic_path, make_metadata, sha256_file, with_metadata
from lstm_units.runtime.console import progress
from lstm_units.training.tokenisation import Tokeniser

log = logging.getLogger(__name__)
_SCHEMA = pa.schema([("article", pa.int32()), ("sentence", pa.string())])
_ROWS = 100_000  # sentences that are held in memory and written at once


def read_articles(path: str | Path) -> Iterator[list[str]]:
    """Read the articles of a text file one after the other.

    Parameters
    ----------
    path : str or Path
        UTF-8, one paragraph a line, a blank line between articles; compressed if its name ends in
        ``.xz``.

    Yields
    ------
    list of str
        The paragraphs of an article, never empty.

    Raises
    ------
    UserError
        If the file cannot be read, is cut off or damaged, or is not UTF-8.
    """
    path = Path(path)
    article: list[str] = []
    line_number = 0  # for messages
    opened = lzma.open if path.suffix == ".xz" else open
    try:
        with opened(path, "rb") as handle:
            for line in handle:
                line_number += 1
                paragraph = line.decode("utf-8").strip()
                if paragraph:
                    article.append(paragraph)
                elif article:
                    yield article
                    article = []
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}, line {line_number}, is not UTF-8 (byte {error.start} of the line); convert "
            "the file, for example with iconv -t UTF-8"
        ) from error
    except (lzma.LZMAError, EOFError) as error:
        raise UserError(
            f"{path} is no whole .xz file ({error}, after line {line_number}); get it again, or "
            "take .xz off the name if it is plain text"
        ) from error
    except OSError as error:
        raise UserError(
            f"cannot read the text {path}: {error.strerror or error}; check its path"
        ) from error
    if article:
        yield article


def tokenise_text(text: str | Path, output: str | Path) -> None:
    """Split a text file into sentences of tokens.

    Parameters
    ----------
    text : path
        See `read_articles`.
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


def read_sentences(path: str | Path) -> Iterator[tuple[int, list[str]]]:
    """Read the article and the tokens of each sentence of a file that `tokenise_text` wrote.

    Raises
    ------
    UserError
        If the file cannot be read.
    """
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


def words_of(path: str | Path) -> list[str]:
    """Return the different words of a file: stimuli or sentences (Parquet), or plain text.

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
