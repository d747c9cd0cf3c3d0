"""Raw text for training: one paragraph a line, a blank line between articles, plain or ``.xz``."""

import lzma
from collections.abc import Iterator
from pathlib import Path

from lstm_units.errors import UserError


def read_articles(path: str | Path) -> Iterator[list[str]]:
    """Read the articles of a text file one after the other.

    Parameters
    ----------
    path : str or Path
        UTF-8, compressed if its name ends in ``.xz``.

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
            f"cannot read the text {path}: {error.strerror or error}; check training.corpora in "
            "config.yaml"
        ) from error
    if article:
        yield article
