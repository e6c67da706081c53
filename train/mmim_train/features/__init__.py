"""Extracts features from clips with the live extractors."""
