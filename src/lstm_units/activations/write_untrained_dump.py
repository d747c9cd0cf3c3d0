"""The step that dumps the activations of an untrained network of a model's shape."""

from collections.abc import Sequence
from pathlib import Path

from lstm_units.activations.write_dump import compute_in, write_model_activations
from lstm_units.interventions.model_inputs import Compute, Context, loaded_model
from lstm_units.models.untrained import untrained_like


def write_untrained_activations(
    checkpoint: str | Path,
    seed: int,
    stimuli: str | Path,
    context: Context,
    compute: Compute,
    variables: Sequence[str],
    layers: str | Sequence[int],
    float_type: str,
    output_folder: str | Path,
) -> None:
    """Dump the activations of the untrained network of a checkpoint's shape on one task.

    Parameters
    ----------
    checkpoint : path
        Folder of a converted checkpoint: gives shape and vocabulary.
    seed : int
        Of the untrained network.
    stimuli, context, compute, variables, layers, float_type, output_folder
        As in `lstm_units.activations.write_dump.write_activations`. In the metadata,
        ``checkpoint_sha256`` is that of the untrained network; ``config`` records the seed and the
        checkpoint whose shape it has.

    Raises
    ------
    ConfigurationError
        As in `lstm_units.activations.write_dump.write_activations`.
    """
    with loaded_model(checkpoint, compute_in(compute, float_type)) as model:
        write_model_activations(
            untrained_like(model, seed),
            stimuli,
            context,
            compute,
            variables,
            layers,
            float_type,
            output_folder,
            {"untrained_seed": seed, "untrained_like": model.sha256},
        )
