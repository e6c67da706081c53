"""The model and its checkpoints. Everything here imports torch."""
