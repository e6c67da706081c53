"""What other threads post to the app. Knows only the values it carries."""

from textual.message import Message

from mmim_live.errors import MmimLiveError
from mmim_live.types import Event, Health


class Posted(Message):
    """Something the session says; an error means that it has ended for good."""

    def __init__(self, what: Event | Health | MmimLiveError) -> None:
        super().__init__()
        self.what = what
