"""The only threads: what runs beside what, and how it begins and ends."""
