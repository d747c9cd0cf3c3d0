"""Syntactic depth read from all units."""
