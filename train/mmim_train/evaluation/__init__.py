"""Metrics, scoring, calibration and significance tests."""
