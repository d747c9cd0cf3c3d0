"""The names of what a layer computes at each word; without torch, for readers and figures."""

# Gates stand in the stacked weights in this order, that of ``torch.nn.LSTM``.
GATES = ("input_gate", "forget_gate", "candidate", "output_gate")
VARIABLES = ("hidden", "cell", "input_gate", "forget_gate", "output_gate", "candidate")
