"""Find which units of an LSTM language model carry grammatical number and syntax.

The names below can be imported from here. They are looked up when first used, so that
``import lstm_units`` stays fast. Modules of the library import each other by their full names.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# The public names and their modules, in the order of the API page.
MODULES = {
    "load_checkpoint": "api.models",
    "make_stimuli": "api.stimuli",
    "read_stimuli": "api.stimuli",
    "known_items": "api.stimuli",
    "score": "api.models",
    "accuracy": "api.models",
    "sweep_units": "api.ablation",
    "ablation_accuracy": "api.ablation",
    "find_long_range_units": "api.ablation",
    "dump_activations": "api.activations",
    "open_activations": "activations.reader",
    "decode": "api.activations",
    "LanguageModel": "models.language_model",
    "Context": "interventions.model_inputs",
    "Criteria": "analyses.long_range_units.conditions",
    "ActivationDump": "activations.reader",
    "UserError": "errors",
    "StimuliError": "errors",
    "CheckpointError": "errors",
    "ConfigurationError": "errors",
    "InterventionError": "errors",
}

if TYPE_CHECKING:
    from lstm_units.activations.reader import ActivationDump, open_activations
    from lstm_units.analyses.long_range_units.conditions import Criteria
    from lstm_units.api.ablation import ablation_accuracy, find_long_range_units, sweep_units
    from lstm_units.api.activations import decode, dump_activations
    from lstm_units.api.models import accuracy, load_checkpoint, score
    from lstm_units.api.stimuli import known_items, make_stimuli, read_stimuli
    from lstm_units.errors import (
        CheckpointError,
        ConfigurationError,
        InterventionError,
        StimuliError,
        UserError,
    )
    from lstm_units.interventions.model_inputs import Context
    from lstm_units.models.language_model import LanguageModel

__all__ = [
    "ActivationDump",
    "CheckpointError",
    "ConfigurationError",
    "Context",
    "Criteria",
    "InterventionError",
    "LanguageModel",
    "StimuliError",
    "UserError",
    "ablation_accuracy",
    "accuracy",
    "decode",
    "dump_activations",
    "find_long_range_units",
    "known_items",
    "load_checkpoint",
    "make_stimuli",
    "open_activations",
    "read_stimuli",
    "score",
    "sweep_units",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("lstm-units")
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names beside what is loaded."""
    return sorted({*globals(), *__all__, "__version__"})
