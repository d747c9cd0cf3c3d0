"""Result files with their metadata, one check of origins, printed tables, wording, seeds."""
