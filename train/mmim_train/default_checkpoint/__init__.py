"""The recipe of the shipped checkpoint."""
