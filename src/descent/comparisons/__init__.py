"""Compares runs: the parameters that differ, where the runs end, and the pictures and tables that show it."""
