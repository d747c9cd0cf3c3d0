"""Direct logit attribution: what kinds of units add to the verb's margin."""
