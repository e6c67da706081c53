"""The feature store: features of clips on disk."""
