"""Discovered units against random sets."""
