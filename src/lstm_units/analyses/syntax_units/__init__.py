"""syntax_units."""
