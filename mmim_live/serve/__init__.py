"""What a session says, told to other programs of this machine over a WebSocket, with a page that draws it.

One thread of its own. Knows events and health, not where they come from.
"""
