"""What can be read from units at every word (Figure 2), and the short-range units."""
