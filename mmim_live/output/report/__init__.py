"""The results of a session as one HTML file, for people: it needs no network and no program but a browser."""
