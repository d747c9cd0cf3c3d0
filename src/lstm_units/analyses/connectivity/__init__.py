"""What drives the gates of the number units (Figure 4)."""
