"""Streaming speech recognition: audio in, words out."""
