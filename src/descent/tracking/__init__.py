"""Syncs records and views to MLflow, in a background process or on request."""
