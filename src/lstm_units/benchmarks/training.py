"""How fast training is, against the machine's own matrix products.

``python -m lstm_units.benchmarks.training`` measures, interleaved in one run, words per second of
an update with float32 and bfloat16 products, a full and a sampled softmax, beside the rate of
matrix products of a 4096-cube in the same precision. It prints medians, and the share of that rate
that the operations of an update come to: those of its matrix products, forward and backward.
"""

import argparse
import itertools
import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace

import torch

from lstm_units.benchmarks.sweep import GIGA, peak_memory, timed
from lstm_units.config.training_settings import TrainingSettings
from lstm_units.runtime.devices import choose_device
from lstm_units.training.loop import make_optimizer, training_step
from lstm_units.training.loss import TailSampler
from lstm_units.training.network import LSTMNetwork
from lstm_units.training.state import TrainingState
from lstm_units.training.text import TextStream

_CUBE = 4096


def step_operations(settings: TrainingSettings, n_words: int) -> float:
    """Operations of the matrix products of one update: twice as many backward as forward.

    Parameters
    ----------
    settings : TrainingSettings
        A `softmax` of ``full`` reads all `n_words`.
    """
    sizes = (settings.embedding_size, *settings.layer_sizes)
    layers = sum(8 * size * (size_in + size) for size_in, size in itertools.pairwise(sizes))
    head = min(settings.head, n_words)
    read = n_words if settings.softmax == "full" else head + settings.sample
    return 3.0 * settings.tokens_per_step * (layers + 2 * sizes[-1] * read)


def product_rate(dtype: torch.dtype, device: torch.device) -> float:
    """Return the rate of the product of two matrices of `dtype`, in operations per second."""
    left, right = (torch.randn(_CUBE, _CUBE, device=device).to(dtype) for _ in range(2))
    torch.mm(left, right)
    return 2.0 * _CUBE**3 / timed(lambda: torch.mm(left, right), device)


def measure(
    settings: TrainingSettings, n_words: int, rounds: int, device: torch.device
) -> dict[str, dict[str, float]]:
    """Time an update of each kind, and products of each precision, in turn.

    Parameters
    ----------
    settings : TrainingSettings
        Sizes of the network and of an update; `softmax` and `precision` are replaced.
    n_words : int
        Words of the vocabulary, with frequencies as 1 / rank.

    Returns
    -------
    dict
        Medians: for each precision ``product`` and, for each softmax, seconds per update.
    """
    share = 1.0 / torch.arange(1, n_words + 1)
    generator = torch.Generator().manual_seed(0)
    length = settings.batch_size * (settings.window * (rounds + 1) + 1)
    ids = torch.multinomial(share, length, replacement=True, generator=generator)
    stream = TextStream(ids, settings.batch_size, settings.window)
    sampler = TailSampler(share * len(ids), settings.head, settings.sample)
    network = LSTMNetwork(
        n_words,
        settings.embedding_size,
        settings.layer_sizes,
        tied=settings.tied,
        dropout=settings.dropout,
    ).to(device)
    optimizer = make_optimizer(network, settings)
    state = TrainingState(0, settings.learning_rate)
    found: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds + 1):  # the first round warms up
        for precision in ("float32", "bfloat16"):
            rate = product_rate(getattr(torch, precision), device)
            found.setdefault((precision, "product"), []).append(rate)
            for softmax in ("full", "sampled"):
                state.step = number
                kind = replace(settings, softmax=softmax, precision=precision, full_from=1.0)
                kind = replace(kind, steps=rounds + 1)
                seconds = timed(
                    lambda kind=kind: training_step(
                        network, optimizer, stream, sampler, state, kind
                    ),
                    device,
                )
                found.setdefault((precision, softmax), []).append(seconds)
    result: dict[str, dict[str, float]] = {}
    for (precision, what), values in found.items():
        result.setdefault(precision, {})[what] = statistics.median(values[1:])
    return result


def describe(result: dict, settings: TrainingSettings, n_words: int, device: torch.device) -> str:
    """Word the outcome of `measure`."""
    layers = " + ".join(map(str, settings.layer_sizes))
    lines = [
        f"LSTM of {layers} units, {n_words:,} words, updates of {settings.batch_size} x "
        f"{settings.window} words, dropout {settings.dropout:g}, {settings.optimizer}",
        f"PyTorch {torch.__version__} on {device}, {torch.get_num_threads()} threads of "
        f"{os.cpu_count()} processors",
    ]
    for precision, values in result.items():
        lines.append(
            f"{precision}: products of a {_CUBE}-cube {values['product'] / GIGA:,.0f} GFLOP/s"
        )
        for softmax in ("full", "sampled"):
            seconds = values[softmax]
            rate = step_operations(replace(settings, softmax=softmax), n_words) / seconds
            what = "full softmax"
            if softmax == "sampled":
                what = f"sampled softmax ({settings.head:,} + {settings.sample:,})"
            lines.append(
                f"  {what}: {settings.tokens_per_step / seconds:,.0f} words/s, "
                f"{rate / values['product']:.0%} of that rate"
            )
    lines.append(f"peak memory {peak_memory(device):.2f} GiB")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; ``--help`` lists the options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--layers", type=int, nargs="+", default=[650, 650])
    parser.add_argument("--words", type=int, default=24_000)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    settings = TrainingSettings(
        embedding_size=options.layers[-1],
        layer_sizes=tuple(options.layers),
        dropout=options.dropout,
        batch_size=options.batch_size,
    )
    result = measure(settings, options.words, options.rounds, device)
    sys.stdout.write(describe(result, settings, options.words, device) + "\n")


if __name__ == "__main__":
    main()
