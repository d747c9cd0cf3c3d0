"""Find which units of an LSTM language model carry grammatical number and syntax."""
