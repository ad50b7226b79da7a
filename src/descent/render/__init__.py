"""Pictures from arrays; knows nothing of training or MLflow."""
