"""What units do from word to word (Figure 1a to 1c)."""
