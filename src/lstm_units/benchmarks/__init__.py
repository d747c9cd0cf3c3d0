"""Speed and memory, beside the machine's own ceiling."""
