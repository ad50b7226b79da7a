"""Descent: a tracked training pipeline for gradient descent itself, from y = x² to MNIST."""
