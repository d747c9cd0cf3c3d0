"""What the Snakefile reads: schema, faults, which files a run makes. Nothing heavy in it."""
