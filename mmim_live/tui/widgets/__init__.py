"""The panels of the app. Each draws from the session's state and never changes it."""
