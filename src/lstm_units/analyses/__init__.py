"""One room for each analysis."""
