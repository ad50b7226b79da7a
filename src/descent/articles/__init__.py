"""The figures that the source articles publish, each beside ours: one module an article."""
