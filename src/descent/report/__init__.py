"""The report page: the published figures beside ours, sections, and a card for each run."""
