"""Recorded sessions: writing, reading and comparing them."""
