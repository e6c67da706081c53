"""The terminal app. Knows events and health snapshots, not who makes them; draws on the main thread alone."""
