"""Runs and sweeps on disk: what training writes and everything else reads."""
