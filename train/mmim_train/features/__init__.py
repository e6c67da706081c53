"""Clips to features, with the live extractors."""
