"""Media -> feature rows: face and voice, and the feature contract."""
