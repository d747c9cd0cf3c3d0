"""From text to a network."""
