"""The public names of the package, and the module that each is defined in."""

# In the order of the API page.
MODULES = {
    "load_checkpoint": "api",
    "make_stimuli": "api_stimuli",
    "read_stimuli": "api_stimuli",
    "known_items": "api_stimuli",
    "score": "api",
    "accuracy": "api",
    "sweep_units": "api_ablation",
    "ablation_accuracy": "api_ablation",
    "find_long_range_units": "api_ablation",
    "dump_activations": "api_activations",
    "open_activations": "activations",
    "decode": "api_activations",
    "LanguageModel": "language_model",
    "Context": "model_inputs",
    "Criteria": "long_range_conditions",
    "ActivationDump": "activations",
    "UserError": "errors",
    "StimuliError": "errors",
    "CheckpointError": "errors",
    "ConfigurationError": "errors",
    "InterventionError": "errors",
}
