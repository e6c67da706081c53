"""Voices and faces with an emotion, and the encoders fitted to them."""
