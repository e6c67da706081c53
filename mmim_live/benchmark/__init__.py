"""Measurements of this machine: replay, speech recognition, live sessions."""
