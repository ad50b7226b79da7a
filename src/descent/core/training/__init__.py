"""The Lightning module, its loop over minibatches, checkpoints and resuming."""
