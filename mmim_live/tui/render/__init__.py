"""Values to characters: pure functions without a screen."""
