"""A session: its threads, the data flow between them, and how it starts and ends."""
