"""Notebooks and the prompt."""
