"""Hydra's sweeper `search`."""
