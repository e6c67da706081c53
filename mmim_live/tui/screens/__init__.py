"""What lies over the main screen for a while, one module each."""
