"""The words of a network."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lstm_units.errors import CheckpointError


@dataclass(frozen=True)
class Vocabulary:
    """The words of a model in the order of its embedding rows.

    Parameters
    ----------
    words : tuple of str
        One word per embedding row; no duplicates.
    unk : str
        The word that stands for unknown words.
    eos : str
        The word that ends a sentence.
    """

    words: tuple[str, ...] = field(repr=False)
    unk: str = "<unk>"
    eos: str = "<eos>"

    def __post_init__(self) -> None:
        for name, what in (("unk", "unknown-word"), ("eos", "end-of-sentence")):
            word = getattr(self, name)
            if word not in self.index:
                raise CheckpointError(
                    f"the vocabulary has no {what} symbol {word!r}; name the one that the model "
                    f"uses as {name}"
                )
        if len(self.index) != len(self.words):
            seen: set[str] = set()
            double = next(w for w in self.words if w in seen or seen.add(w))
            raise CheckpointError(f"the vocabulary lists {double!r} twice; each word needs one row")

    @cached_property
    def index(self) -> dict[str, int]:
        """Row of each word."""
        return {word: row for row, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.index

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """Return the row of each token; an unknown token gets the row of `unk`."""
        unknown = self.index[self.unk]
        return [self.index.get(token, unknown) for token in tokens]


def read_vocabulary(path: str | Path, unk: str = "<unk>", eos: str = "<eos>") -> Vocabulary:
    """Read a vocabulary: UTF-8, one word a line, in the order of the embedding rows.

    Parameters
    ----------
    path : str or Path
    unk, eos : str
        The words that stand for unknown words and for the end of a sentence.

    Raises
    ------
    CheckpointError
        If the file is missing or not UTF-8, a line is empty, a word stands twice, or `unk` or
        `eos` is not in it.
    """
    path = Path(path)
    try:
        # Not splitlines(): words of real vocabularies hold characters that it takes for line ends.
        lines = path.read_bytes().decode("utf-8").split("\n")
    except OSError as error:
        raise CheckpointError(
            f"cannot read the vocabulary {path}: {error.strerror}; give the file that lists the "
            "words of the model, one a line in the order of the embedding rows"
        ) from error
    except UnicodeDecodeError as error:
        raise CheckpointError(
            f"the vocabulary {path} is not UTF-8 (byte {error.start}); save it as UTF-8"
        ) from error
    if lines and lines[-1] == "":
        lines.pop()
    words = tuple(line.removesuffix("\r") for line in lines)
    if not words:
        raise CheckpointError(f"the vocabulary {path} is empty; expected one word a line")
    first: dict[str, int] = {}
    for number, word in enumerate(words, start=1):
        if not word:
            raise CheckpointError(
                f"{path}, line {number}, is empty; every line holds the word of one embedding row"
            )
        if first.setdefault(word, number) != number:
            raise CheckpointError(
                f"{path}, line {number}: {word!r} stands in line {first[word]} already; each word "
                "needs one row of its own"
            )
    try:
        return Vocabulary(words, unk=unk, eos=eos)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
