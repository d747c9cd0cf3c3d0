"""What a checkpoint file holds: tensors and the outlines of objects, read without running any."""
