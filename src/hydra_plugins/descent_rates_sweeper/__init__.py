"""Hydra's sweeper `rates`."""
