"""long_range_units."""
