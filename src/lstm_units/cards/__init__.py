"""One page for one unit."""
