"""Metrics, scoring and calibration."""
