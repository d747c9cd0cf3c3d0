"""Files of the workflow for tests, made by the functions that its scripts call."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from lstm_units.activations.dump import dump_activations, precision_for, sentences_of
from lstm_units.interventions.model_inputs import PRECISIONS, Compute, Context, loaded_model
from lstm_units.models.language_model import LanguageModel
from lstm_units.stimuli.table import read_stimuli


def write_activations(
    model: LanguageModel | Path,
    stimuli: Path,
    context: Context,
    compute: Compute,
    variables,
    layers,
    float_type: str,
    folder: Path,
) -> None:
    """Dump a task; the name of the folder names it, and a path stands for a checkpoint."""
    precision = precision_for(float_type)
    if isinstance(model, LanguageModel):
        loaded = nullcontext(model.to(PRECISIONS[precision]))
    else:
        loaded = loaded_model(model, replace(compute, precision=precision))
    with loaded as network:
        dump_activations(
            network,
            sentences_of(read_stimuli(stimuli), Path(folder).name, network.vocabulary),
            context,
            folder,
            variables=variables,
            layers=layers,
            float_type=float_type,
            memory=compute.memory,
        )
