"""Runs side by side: what differs between them, how they end, and the pictures that show it."""
