"""The run record, its lineage, and its way to MLflow; knows nothing of training."""
