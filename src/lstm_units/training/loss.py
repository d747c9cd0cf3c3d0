"""What training minimises: the full softmax, and an estimate of it that reads fewer words.

With a vocabulary of tens of thousands of words the softmax takes most of the time. The sampled one
computes the most frequent words exactly and estimates the sum over the others from a sample of
them, each weighted by how unlikely it was to be drawn. The sum is unbiased; its logarithm is biased
low (Jensen), so a sampled loss is never comparable with a perplexity.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, embedding, linear

from lstm_units.errors import UserError
from lstm_units.training.network import LSTMNetwork
from lstm_units.training.text import TextStream

# Rows of logits held at once: few enough for the cache of a CPU, enough for a fast product. A GPU
# wants few large pieces: at most so many logits, of which a few gigabytes of float32 are held.
_FULL_ROWS, _SAMPLED_ROWS, _GPU_LOGITS = 256, 512, 2**28
# How a perplexity is measured: sequences side by side, and words of each at a time.
_SEQUENCES, _WINDOW = 16, 64
_LARGEST = 700.0  # nats; exp of more is no float


@dataclass(frozen=True)
class TailSample:
    """Words drawn from the tail of the vocabulary for one update.

    Parameters
    ----------
    n_head : int
        Rows 0 to n_head - 1 are computed exactly.
    rows : Tensor of int64, shape (drawn,)
        Rows of the tail, drawn with replacement.
    log_weight : Tensor of shape (drawn,)
        -log(number drawn x probability of the row): what each adds to its logit.
    """

    n_head: int
    rows: Tensor
    log_weight: Tensor

    def to(self, device: torch.device) -> "TailSample":
        """Return the same sample on a device."""
        return TailSample(self.n_head, self.rows.to(device), self.log_weight.to(device))


class TailSampler:
    """Draws words of the tail with a probability that grows with their frequency.

    Parameters
    ----------
    counts : Tensor of shape (words,)
        Occurrences of each row.
    n_head : int
        Number of first rows that are always computed.
    n_sample : int
        Number of draws.
    power : float
        Probabilities go as the power of (count + 1).
    """

    def __init__(self, counts: Tensor, n_head: int, n_sample: int, power: float = 0.75) -> None:
        self.n_head = min(n_head, len(counts))
        weight = (counts[self.n_head :].double() + 1) ** power
        self.n_sample = n_sample if len(weight) else 0
        self._cumulative = weight.cumsum(0)
        self._log_probability = (weight / weight.sum()).log() if len(weight) else weight

    def draw(self, seed: int) -> TailSample:
        """Draw anew.

        Parameters
        ----------
        seed : int
            The same seed gives the same sample.
        """
        generator = torch.Generator().manual_seed(seed)
        if not self.n_sample:
            none = torch.empty(0)
            return TailSample(self.n_head, none.long(), none)
        points = torch.rand(self.n_sample, generator=generator, dtype=torch.float64)
        drawn = torch.searchsorted(self._cumulative, points * self._cumulative[-1])
        drawn = drawn.clamp_(max=len(self._cumulative) - 1)
        log_weight = -(self._log_probability[drawn] + torch.tensor(float(self.n_sample)).log())
        return TailSample(self.n_head, drawn + self.n_head, log_weight.float())


def full_loss_ref(hidden: Tensor, decoder: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Mean negative log-probability of the targets under the softmax over all words.

    Parameters
    ----------
    hidden : Tensor of shape (tokens, units)
    decoder : Tensor of shape (words, units)
    bias : Tensor of shape (words,)
    targets : Tensor of int64, shape (tokens,)

    Returns
    -------
    Tensor
        A scalar, in nats per token.
    """
    return cross_entropy(linear(hidden, decoder).float() + bias, targets)


def sampled_loss_ref(
    hidden: Tensor, decoder: Tensor, bias: Tensor, targets: Tensor, sample: TailSample
) -> Tensor:
    """Estimate the mean negative log-probability of the targets.

    The normaliser of a token is the sum over the head, its target if that is in the tail, and the
    weighted sample without the target: an unbiased estimate of the full sum.

    Parameters
    ----------
    hidden, decoder, bias, targets
        As for `full_loss_ref`.

    Returns
    -------
    Tensor
        A scalar, in nats per token.
    """
    read = torch.cat([torch.arange(sample.n_head, device=hidden.device), sample.rows])
    own = (hidden.float() * decoder[targets]).sum(dim=1) + bias[targets]
    return _sampled_sum(hidden, decoder[read], bias[read], own, targets, sample) / len(targets)


def _sampled_sum(
    hidden: Tensor, weight: Tensor, bias: Tensor, own: Tensor, targets: Tensor, sample: TailSample
) -> Tensor:
    """Sum of the estimated losses. `weight` and `bias` are of the head and the sample."""
    head = sample.n_head
    correction = torch.cat([bias.new_zeros(head), sample.log_weight])
    logits = linear(hidden, weight).float() + (bias + correction)
    logits[:, head:].masked_fill_(sample.rows == targets[:, None], -torch.inf)
    others = torch.logsumexp(logits, dim=1)
    normaliser = torch.where(targets < head, others, torch.logaddexp(others, own))
    return (normaliser - own).sum()


def backward_sampled(
    hidden: Tensor, decoder: Tensor, bias: Tensor, targets: Tensor, sample: TailSample
) -> Tensor:
    """Compute the sampled loss and its gradients, a few rows of logits at a time.

    The same as ``sampled_loss_ref(...).backward()``, with one gather of decoder rows and a piece of
    the tokens at a time.

    Parameters
    ----------
    hidden, decoder, bias, targets, sample
        As for `sampled_loss_ref`.

    Returns
    -------
    Tensor
        The loss, a scalar without gradient, in nats per token.
    """
    n_read = sample.n_head + len(sample.rows)
    head = torch.arange(sample.n_head, device=hidden.device)
    rows = torch.cat([head, sample.rows, targets])
    gathered = embedding(rows, decoder), bias[rows]
    # Leaves, so that each piece adds to small gradients and not to one of the whole decoder.
    weight, own_weight = (
        part.detach().requires_grad_() for part in gathered[0].tensor_split([n_read])
    )
    read_bias, own_bias = (
        part.detach().requires_grad_() for part in gathered[1].tensor_split([n_read])
    )
    leaf = hidden.detach().requires_grad_()
    total = targets.new_zeros((), dtype=torch.float32)
    n_rows = _rows_at_once(leaf, n_read, _SAMPLED_ROWS)
    split = (part.split(n_rows) for part in (leaf, own_weight, own_bias, targets))
    for values, its_weight, its_bias, wanted in zip(*split, strict=True):
        own = (values.float() * its_weight).sum(dim=1) + its_bias
        part = _sampled_sum(values, weight, read_bias, own, wanted, sample) / len(targets)
        part.backward()
        total += part.detach()
    gradients = (
        torch.cat([weight.grad, own_weight.grad]),
        torch.cat([read_bias.grad, own_bias.grad]),
    )
    torch.autograd.backward((hidden, *gathered), (leaf.grad, *gradients))
    return total


def backward_full(hidden: Tensor, decoder: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Compute the full loss and its gradients, a few rows of logits at a time.

    The same as ``full_loss_ref(...).backward()``, a piece of the tokens at a time.

    Parameters
    ----------
    hidden, decoder, bias, targets
        As for `full_loss_ref`.

    Returns
    -------
    Tensor
        The loss, a scalar without gradient, in nats per token.
    """
    leaf = hidden.detach().requires_grad_()
    total = targets.new_zeros((), dtype=torch.float32)
    n_rows = _rows_at_once(leaf, len(decoder), _FULL_ROWS)
    for rows, wanted in zip(leaf.split(n_rows), targets.split(n_rows), strict=True):
        logits = linear(rows, decoder).float() + bias
        part = cross_entropy(logits, wanted, reduction="sum") / len(targets)
        part.backward()
        total += part.detach()
    hidden.backward(leaf.grad)
    return total


def _rows_at_once(hidden: Tensor, n_words: int, on_cpu: int) -> int:
    """How many tokens a piece has."""
    return max(_FULL_ROWS, _GPU_LOGITS // n_words) if hidden.is_cuda else on_cpu


@torch.inference_mode()
def perplexity(
    network: LSTMNetwork, ids: Tensor, *, precision: str = "float32"
) -> tuple[float, int]:
    """Read a text in sequences side by side, and return exp of the mean loss per token.

    Always by the softmax over all words.

    Parameters
    ----------
    ids : Tensor of integers, shape (tokens,)
        Sentences one after the other, as the model was trained on them.
    precision : {"float32", "bfloat16"}
        Of matrix products.

    Returns
    -------
    perplexity : float
        Of all words, the ends of sentences and unknown words among them; infinite where it is too
        large for a float.
    n_tokens : int
        Words that were predicted: not the first one of each sequence, nor the few that are left
        over when the text is cut into equal sequences.

    Raises
    ------
    UserError
        If the text is shorter than two tokens.
    """
    if len(ids) < 2:
        raise UserError(f"a text of {len(ids)} tokens has no perplexity; give at least two")
    sequences = max(1, min(_SEQUENCES, len(ids) // (2 * _WINDOW)))
    device = network.embedding.device
    training = network.training
    network.eval()
    state = network.initial_state(sequences)
    total, n_tokens = 0.0, 0
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        for words, targets in TextStream(ids, sequences, _WINDOW):
            hidden, state = network(words.to(device), state)
            logits = linear(hidden.flatten(0, 1), network.decoder).float() + network.decoder_bias
            loss = cross_entropy(logits, targets.to(device).flatten(), reduction="sum")
            total += float(loss)
            n_tokens += targets.numel()
    network.train(training)
    mean = total / n_tokens
    return (math.exp(mean) if mean < _LARGEST else math.inf), n_tokens
