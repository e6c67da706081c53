"""Synthetic triples of text, voice and face, and the model fitted to them."""
