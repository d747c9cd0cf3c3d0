"""What a colour or a mark means, and how figures are made and written."""
