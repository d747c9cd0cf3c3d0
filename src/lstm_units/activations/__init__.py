"""Every gate, cell and hidden value at every word: dumped and read."""
