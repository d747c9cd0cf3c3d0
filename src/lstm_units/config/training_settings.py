"""How a network is trained: sizes, optimiser, length, and which weights are kept."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides the weights at the end, but for the corpus.

    Parameters
    ----------
    seed : int
        Of the initial weights, of dropout and of samples of the softmax.
    initial_bias : {"frequency", "zero"}
        Decoder bias before training: the logarithm of each word's share of the text, or 0.
    optimizer : {"adam", "sgd"}
        ``adam``: AdamW, a linear rise over `warm_up` updates, then a cosine down to `final_rate`
        times the rate. ``sgd``: plain, as Gulordava et al. 2018; the rate is divided by 4 whenever
        the validation perplexity has not improved.
    warm_up : int
        Updates; Adam only.
    final_rate : float
        Share of the rate at the last update; Adam only.
    weight_decay : float
        Adam only.
    clip : float
        Largest norm of the gradient.
    steps : int
        Updates.
    batch_size : int
        Sequences that are read side by side.
    window : int
        Words of each sequence that an update reads and that the gradient goes back through; the
        state is carried on from one window to the next.
    softmax : {"full", "sampled"}
    head, sample : int
        Words that the sampled softmax computes, and words that it draws.
    full_from : float
        Share of the updates after which the full softmax takes over.
    precision : {"bfloat16", "float32"}
        Of matrix products; weights are float32.
    checkpoints : int
        Number of times after 0 at which weights are kept, evenly spaced in the logarithm.
    validate_every : int
        Updates between two validations.
    validation_tokens : int
        Tokens of the validation part that are read during training; all are at its end.
    """

    embedding_size: int = 650
    layer_sizes: tuple[int, ...] = (650, 650)
    tied: bool = True
    dropout: float = 0.2
    seed: int = 1
    initial_bias: str = "frequency"
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    warm_up: int = 200
    final_rate: float = 0.02
    weight_decay: float = 0.0
    clip: float = 0.25
    steps: int = 1000
    batch_size: int = 128
    window: int = 35
    softmax: str = "full"
    head: int = 2000
    sample: int = 2000
    full_from: float = 0.8
    precision: str = "float32"
    checkpoints: int = 8
    first_checkpoint: int = 10
    validate_every: int = 1000
    validation_tokens: int = 100_000

    @property
    def tokens_per_step(self) -> int:
        """Words that one update reads."""
        return self.batch_size * self.window

    @property
    def first_full_step(self) -> int:
        """The first update, counted from 0, that computes the full softmax."""
        return 0 if self.softmax == "full" else math.ceil(self.full_from * self.steps)

    def adam_rate(self, step: int) -> float:
        """Learning rate of an update, counted from 0, of Adam."""
        if step < self.warm_up:
            return self.learning_rate * (step + 1) / self.warm_up
        done = (step - self.warm_up) / max(1, self.steps - 1 - self.warm_up)
        cosine = (1 + math.cos(math.pi * min(1.0, done))) / 2
        return self.learning_rate * (self.final_rate + (1 - self.final_rate) * cosine)


def training_settings(run: Mapping[str, Any]) -> TrainingSettings:
    """Return the settings of an entry of ``training.runs``."""
    own = TrainingSettings.__dataclass_fields__
    options = {key: value for key, value in run.items() if key in own}
    sizes = tuple(run["layers"])
    return TrainingSettings(
        **options, layer_sizes=sizes, embedding_size=run["embedding"] or sizes[-1]
    )


def kept_steps(steps: int, checkpoints: int, first: int) -> list[int]:
    """Return after how many updates weights are kept: 0, and some evenly spaced in the logarithm.

    Parameters
    ----------
    steps : int
        The last one; it is always kept.
    checkpoints : int
        Number of times after 0; fewer where rounding makes some equal.
    first : int
        The first one after 0.

    Returns
    -------
    list of int
        Ascending; 0 is the network before training. In names and keys these are steps.

    Examples
    --------
    >>> kept_steps(1000, 4, 1)
    [0, 1, 10, 100, 1000]
    """
    first = min(first, steps)
    if checkpoints == 1 or first == steps:
        return [0, steps]
    ratio = steps / first
    between = [round(first * ratio ** (k / (checkpoints - 1))) for k in range(checkpoints)]
    return sorted({0, *between, steps})


def weights_file(step: int) -> str:
    """Name of the file with the weights after some updates."""
    return f"step_{step:07d}.safetensors"
