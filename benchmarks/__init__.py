"""Descent measured against others, side by side in one run: `python -m benchmarks`."""
