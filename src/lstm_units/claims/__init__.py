"""The claims of the paper, evaluated on the results of a model."""
