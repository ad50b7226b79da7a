"""Files on disk to tensors in memory to minibatches."""
