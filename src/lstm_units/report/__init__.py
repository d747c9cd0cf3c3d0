"""One page for everything."""
