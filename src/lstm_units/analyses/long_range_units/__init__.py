"""Units without which the number of the subject is lost over a distance (Table 2)."""
