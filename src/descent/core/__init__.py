"""All that can change a number of a run: problems, data, optimizers and the training loop."""
