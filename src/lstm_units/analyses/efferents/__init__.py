"""efferents."""
