"""From margins to counts, tests and intervals."""
