"""Whole training runs: recipes, seeds, checkpoints."""
