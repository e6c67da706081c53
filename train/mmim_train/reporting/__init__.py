"""What a run reports: model card, tables, plots, logs."""
