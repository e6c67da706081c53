"""The training of MMIM: objective, optimizers, epochs."""
