"""The report: the published figures beside ours, as a page and as a table; knows nothing of training."""
