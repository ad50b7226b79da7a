"""Hydra's launcher `fused`."""
