"""A training text cut into sequences that are read side by side."""

from collections.abc import Iterator

import torch
from torch import Tensor

from lstm_units.errors import UserError


class TextStream:
    """Windows of sequences of a text, as PyTorch's word-level language model reads them.

    The text is cut into `batch_size` sequences of equal length; what is left over at the end is
    not read. Window n of a pass holds the next `window` words of every sequence.

    Parameters
    ----------
    ids : Tensor of integers, shape (tokens,)
    batch_size, window : int

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
