"""Screens shown over the main one, one module each."""
