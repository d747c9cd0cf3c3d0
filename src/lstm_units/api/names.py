"""The public names of the package, and the module that each is defined in."""

# In the order of the API page.
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
