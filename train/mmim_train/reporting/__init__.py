"""Output of a run: model card, tables, plots, logs, progress display."""
