"""Benchmarks of replay, speech recognition and live sessions on this machine."""
