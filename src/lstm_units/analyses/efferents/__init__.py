"""Weights from units to words (Figure 1d)."""
