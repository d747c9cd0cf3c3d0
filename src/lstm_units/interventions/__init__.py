"""What is done to units, and reading items under it: trie, sweep, plain reference."""
