"""The training loop of a language model.

Nothing in it is random but what a seed and the number of the update decide: dropout and the sample
of the softmax are seeded anew at every update. So the state of an unfinished training holds no
random generator, and a training that is taken up again on a CPU ends with the very same weights, on
the same machine with as many threads. GPUs may add up in another order.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lstm_units.config.training_settings import TrainingSettings, kept_steps
from lstm_units.errors import UserError
from lstm_units.runtime.console import progress
from lstm_units.training.loss import TailSampler, backward_full, backward_sampled, perplexity
from lstm_units.training.network import LSTMNetwork
from lstm_units.training.state import TrainingState, load_state, save_state
from lstm_units.training.text import TextStream, TrainingText

log = logging.getLogger(__name__)
SAVE_EVERY = 300.0  # seconds
_ROWS_OF_HISTORY = 200
_LOSSES_AT_ONCE = 50  # to read a loss is to wait for the GPU
_PRIME = 1_000_003  # keeps the seeds of neighbouring runs and updates apart


def make_optimizer(network: LSTMNetwork, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return the optimiser of a training, AdamW or plain SGD."""
    if settings.optimizer == "sgd":
        return torch.optim.SGD(network.parameters(), lr=settings.learning_rate)
    return torch.optim.AdamW(
        network.parameters(),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def train(
    network: LSTMNetwork,
    text: TrainingText,
    settings: TrainingSettings,
    folder: str | Path,
    identity: str,
    keep: Callable[[int], Any],
    *,
    save_every: float = SAVE_EVERY,
    stopped: Callable[[], bool] = lambda: False,
) -> list[dict[str, Any]]:
    """Train a network, going on where an earlier call with the same `identity` was stopped.

    Parameters
    ----------
    network : LSTMNetwork
        On the device to train on, with its initial weights; changed in place.
    folder : path
        Gets the state of the training every `save_every` seconds, and when it is stopped.
    identity : str
        Text that changes with everything that decides the outcome. A state with another identity
        is not taken up.
    keep : callable
        Called with the number of updates so far, at each of
        `lstm_units.config.training_settings.kept_steps`. After a stop it may be called again for
        one of them.
    save_every : float
        Seconds.
    stopped : callable
        Asked after each update. If it says so, the state is saved and the call ends with
        ``SystemExit(143)``.

    Returns
    -------
    list of dict
        Progress: ``step, tokens, learning_rate, softmax, training_perplexity,
        validation_perplexity``, the last two None where they were not computed. With a sampled
        softmax the training perplexity is biased low.

    Raises
    ------
    UserError
        If the loss is no longer a number.
    """
    device = network.embedding.device
    stream = TextStream(text.train.to(device), settings.batch_size, settings.window)
    optimizer = make_optimizer(network, settings)
    state = load_state(folder, identity, network, optimizer)
    if state is None:
        state = TrainingState(0, settings.learning_rate)
        state.carried = network.initial_state(settings.batch_size)
    else:
        log.info("going on after update %s of %s", f"{state.step:,}", f"{settings.steps:,}")
    sampler = TailSampler(text.counts, settings.head, settings.sample)
    kept = set(kept_steps(settings.steps, settings.checkpoints, settings.first_checkpoint))
    report_every = max(1, settings.steps // _ROWS_OF_HISTORY)
    validation = text.validation[: settings.validation_tokens]
    unread: list[Tensor] = []
    saved = time.monotonic()
    network.train()
    with progress(
        total=settings.steps * settings.tokens_per_step, description="training", unit="tokens"
    ) as bar:
        bar.update(state.step * settings.tokens_per_step)
        started, first = time.monotonic(), state.step
        if state.step == 0:
            keep(0)
        while state.step < settings.steps:
            unread.append(training_step(network, optimizer, stream, sampler, state, settings))
            state.step += 1
            bar.update(settings.tokens_per_step)
            last = state.step == settings.steps
            validates = last or state.step % settings.validate_every == 0 or state.step in kept
            switches = state.step == settings.first_full_step  # a row is of one kind of softmax
            reports = validates or switches or state.step % report_every == 0
            stop = stopped()
            saves = not last and (stop or time.monotonic() - saved >= save_every)
            if reports or saves or len(unread) == _LOSSES_AT_ONCE:
                _read_losses(unread, state)
            if reports:
                # Only the regular validations steer the rate: others may come at any step.
                steers = state.step % settings.validate_every == 0
                _report(network, validation if validates else None, state, settings, steers)
                speed = (state.step - first) * settings.tokens_per_step
                _log_row(state.history[-1], speed / (time.monotonic() - started))
            if state.step in kept:
                keep(state.step)
            if saves:
                save_state(folder, identity, state, network, optimizer)
                saved = time.monotonic()
            if stop and not last:
                log.info("stopped after update %s; the same command goes on there", state.step)
                raise SystemExit(143)
    return state.history


def training_step(
    network: LSTMNetwork,
    optimizer: torch.optim.Optimizer,
    stream: TextStream,
    sampler: TailSampler,
    state: TrainingState,
    settings: TrainingSettings,
) -> Tensor:
    """Read one window and update the weights.

    Parameters
    ----------
    network : LSTMNetwork
        In training mode.
    state : TrainingState
        Its `step` says which window is read; `carried` is replaced.

    Returns
    -------
    Tensor
        The loss before the update, a scalar, in nats per token.
    """
    device = network.embedding.device
    number = state.step % stream.windows
    if number == 0:
        state.carried = network.initial_state(settings.batch_size)
    words, targets = (part.to(device) for part in stream[number])
    seed = settings.seed * _PRIME + state.step
    torch.manual_seed(seed)
    for group in optimizer.param_groups:
        group["lr"] = state.rate if settings.optimizer == "sgd" else settings.adam_rate(state.step)
    optimizer.zero_grad()
    with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
        hidden, carried = network(words, state.carried)
        read = (hidden.flatten(0, 1), network.decoder, network.decoder_bias, targets.flatten())
        if state.step >= settings.first_full_step:
            loss = backward_full(*read)
        else:
            loss = backward_sampled(*read, sampler.draw(seed).to(device))
    torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
    optimizer.step()
    # Float32 whatever the products were in, so that the state can be carried by any precision.
    state.carried = [(h.detach().float(), c.detach().float()) for h, c in carried]
    return loss


def _read_losses(unread: list[Tensor], state: TrainingState) -> None:
    """Move losses to the state, those of the last updates; none is left in `unread`."""
    losses = torch.stack(unread).tolist()
    first = state.step - len(losses)
    for step, loss in enumerate(losses, start=first):
        if not math.isfinite(loss):
            raise UserError(
                f"the loss of update {step:,} is {loss}: training diverged; lower "
                "learning_rate or clip of the training run"
            )
    state.losses += losses
    unread.clear()


def _report(
    network: LSTMNetwork,
    validation: Tensor | None,
    state: TrainingState,
    settings: TrainingSettings,
    steers: bool,
) -> None:
    """Add a row to the history, with a validation where there is a text for it."""
    found = None
    if validation is not None:
        found, _ = perplexity(network, validation, precision=settings.precision)
    row = {
        "step": state.step,
        "tokens": state.step * settings.tokens_per_step,
        "learning_rate": state.rate
        if settings.optimizer == "sgd"
        else settings.adam_rate(state.step - 1),
        "softmax": "full" if state.step > settings.first_full_step else "sampled",
        "training_perplexity": _exp(sum(state.losses) / len(state.losses)),
        "validation_perplexity": found,
    }
    state.losses = []
    state.history.append(row)
    if found is not None and steers:
        loss = math.log(found)
        if settings.optimizer == "sgd" and loss >= state.best_loss:
            state.rate /= 4
        state.best_loss = min(state.best_loss, loss)


def _exp(loss: float) -> float:
    return math.exp(min(loss, 700.0))


def _log_row(row: Mapping[str, Any], tokens_per_second: float) -> None:
    text = f"update {row['step']:,}: training perplexity {row['training_perplexity']:.1f}"
    if row["softmax"] == "sampled":
        text += " (sampled softmax, biased low)"
    if row["validation_perplexity"] is not None:
        text += f", validation {row['validation_perplexity']:.1f}"
    log.info("%s; %s tokens/s", text, f"{tokens_per_second:,.0f}")
