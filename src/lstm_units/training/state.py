"""The state of an unfinished training: all that it needs to go on as if it had never stopped."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lstm_units.errors import UserError
from lstm_units.io.files import atomic_path
from lstm_units.training.network import LSTMNetwork, State

STATE_FILE = "state.safetensors"


@dataclass
class TrainingState:
    """Where a training is, beside the weights and the optimiser.

    Parameters
    ----------
    step : int
        Updates that were made.
    rate : float
        Learning rate of SGD, which depends on the validations so far.
    best_loss : float
        Lowest validation loss so far.
    losses : list of float
        Training losses since the last row of `history`.
    history : list of dict
        Rows of the progress table.
    carried : list of (hidden, cell)
        State of the network after the last window.
    """

    step: int
    rate: float
    best_loss: float = float("inf")
    losses: list[float] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    carried: State = field(default_factory=list)


def save_state(
    folder: str | Path,
    identity: str,
    state: TrainingState,
    network: LSTMNetwork,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write the state into a folder, in one file, whole or not at all.

    Parameters
    ----------
    folder : path
    identity : str
        What the training is, see `load_state`.
    state, network, optimizer
        What there is to keep.
    """
    tensors: dict[str, Tensor] = {}
    for name, parameter in network.named_parameters():
        tensors[f"network.{name}"] = parameter.detach()
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{key}.{name}"] = value
    for depth, (hidden, cell) in enumerate(state.carried):
        tensors[f"carried.{depth}.hidden"], tensors[f"carried.{depth}.cell"] = hidden, cell
    numbers = {
        "identity": identity,
        "step": state.step,
        "rate": state.rate,
        "best_loss": state.best_loss,
        "losses": state.losses,
        "history": state.history,
    }
    with atomic_path(Path(folder) / STATE_FILE) as temporary:
        save_file(
            {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
            temporary,
            metadata={"training": json.dumps(numbers)},
        )


def load_state(
    folder: str | Path,
    identity: str,
    network: LSTMNetwork,
    optimizer: torch.optim.Optimizer,
) -> TrainingState | None:
    """Take up a training where it stopped.

    Parameters
    ----------
    folder : path
    identity : str
        A state of another training, with other settings or another corpus, is not taken up.
    network, optimizer
        Get the weights and moments that were kept.

    Returns
    -------
    TrainingState or None
        None if there is no state of this training.

    Raises
    ------
    UserError
        If the file is damaged.
    """
    path = Path(folder) / STATE_FILE
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as handle:
            numbers = json.loads((handle.metadata() or {}).get("training", "{}"))
            if numbers.pop("identity", None) != identity:
                return None
            tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise UserError(
            f"cannot read the state of the training in {path}: {error}. Delete the file to begin "
            "the training anew"
        ) from error
    device = network.embedding.device

    def own(tensor: Tensor) -> Tensor:
        # A copy: views of the file are not aligned as PyTorch's memory is, and products may differ.
        return tensor.to(device, copy=True)

    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(tensors[f"network.{name}"])
            kept = {
                key.split(".")[1]: value
                for key, value in tensors.items()
                if key.startswith("optimizer.") and key.split(".", 2)[2] == name
            }
            if kept:
                optimizer.state[parameter] = {k: own(value) for k, value in kept.items()}
    n_layers = len(network.layer_sizes)
    carried = [
        tuple(own(tensors[f"carried.{depth}.{part}"]) for part in ("hidden", "cell"))
        for depth in range(n_layers)
    ]
    return TrainingState(carried=carried, **numbers)
