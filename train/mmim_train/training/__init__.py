"""The trainer: objectives, optimizers, epochs, resuming."""
