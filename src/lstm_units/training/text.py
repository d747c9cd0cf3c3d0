"""A training text as rows of the vocabulary, cut into sequences that are read side by side."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from lstm_units.errors import UserError
from lstm_units.io.files import sha256_file
from lstm_units.models.vocabulary import read_vocabulary
from lstm_units.stimuli.word_frequency import read_word_counts


@dataclass(frozen=True)
class TrainingText:
    """Text as rows of the vocabulary.

    Parameters
    ----------
    train, validation : Tensor of integers, shape (tokens,)
    counts : Tensor of integers, shape (words,)
        Occurrences of each row in `train`.
    test : Tensor of integers, shape (tokens,)
    words : tuple of str
        The vocabulary.
    files : mapping of str to str
        ``ids_sha256`` and ``vocabulary_sha256`` of the files it was read from.
    """

    train: Tensor
    validation: Tensor
    counts: Tensor
    test: Tensor | None = None
    words: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)


def read_training_text(ids: str | Path, vocabulary: str | Path, counts: str | Path) -> TrainingText:
    """Read a corpus that `lstm_units.training.corpus.write_corpus` wrote.

    Raises
    ------
    UserError
        If a file cannot be read, or they do not belong together.
    """
    parts = load_file(ids)
    words = tuple(read_vocabulary(vocabulary).words)
    counted = read_word_counts(counts)
    if tuple(counted) != words:
        raise UserError(
            f"{counts} and {vocabulary} do not belong together; delete both and run the workflow "
            "again"
        )
    return TrainingText(
        **parts,
        counts=torch.tensor(list(counted.values())),
        words=words,
        files={"ids_sha256": sha256_file(ids), "vocabulary_sha256": sha256_file(vocabulary)},
    )


class TextStream:
    """Windows of sequences of a text, as PyTorch's word-level language model reads them.

    The text is cut into `batch_size` sequences of equal length; what is left over at the end is
    not read. Window n of a pass holds the next `window` words of every sequence.

    Parameters
    ----------
    ids : Tensor of integers, shape (tokens,)

    Raises
    ------
    UserError
        If the text is too short for one window.
    """

    def __init__(self, ids: Tensor, batch_size: int, window: int) -> None:
        length = len(ids) // batch_size
        if length < 2:
            raise UserError(
                f"the text has {len(ids):,} tokens, too few for {batch_size} sequences; give more "
                "text, or a smaller batch_size to the training run"
            )
        self._sequences = ids[: batch_size * length].view(batch_size, length)
        self._window = window

    @property
    def windows(self) -> int:
        """Number of windows in a pass through the text; the last one may be shorter."""
        return -(-(self._sequences.shape[1] - 1) // self._window)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        """Return the words of a window, and the words that follow each of them.

        Parameters
        ----------
        number : int
            0-based, within the pass.

        Returns
        -------
        words, next_words : Tensor of int64, shape (time, sequences)
        """
        first = number * self._window
        piece = self._sequences[:, first : first + self._window + 1].T.to(torch.int64)
        return piece[:-1].contiguous(), piece[1:].contiguous()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Go through one pass."""
        for number in range(self.windows):
            yield self[number]
