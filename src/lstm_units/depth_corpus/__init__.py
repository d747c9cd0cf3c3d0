"""depth_corpus."""
