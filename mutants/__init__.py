"""Copies of the package that are wrong in one place each, and the tests that notice: `python -m mutants`."""
