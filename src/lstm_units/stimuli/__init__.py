"""Agreement items, from the tables of a language or imported."""
