"""Optimizers, gradient estimators and learning-rate schedules."""
