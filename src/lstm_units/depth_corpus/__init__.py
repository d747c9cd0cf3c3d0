"""Sentences with trees, and the words sampled from them."""
