"""What the shipped checkpoint shows on validation data."""
