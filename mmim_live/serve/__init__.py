"""Publishes a session to other programs on this machine: its events over a WebSocket, and an overlay page."""
