"""The panels of the app. Each reads the session's state when it draws, and never changes it."""
