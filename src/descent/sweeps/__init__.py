"""Multiruns as one thing: which jobs they have, what became of each, and how the runs compare."""
