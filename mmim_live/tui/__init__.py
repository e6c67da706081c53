"""The terminal app: shows events and health snapshots. Only the main thread draws."""
