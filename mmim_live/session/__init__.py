"""A session: its threads, what runs beside what, and how it begins and ends."""
