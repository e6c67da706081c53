"""Sentences with rated sentiment, and the text encoder fitted to them."""
