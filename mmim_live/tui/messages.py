"""The message by which other threads reach the app."""

from textual.message import Message

from mmim_live.session_types import SessionUpdate


class Posted(Message):
    """An update from the session; an error means that the session has failed."""

    def __init__(self, what: SessionUpdate) -> None:
        super().__init__()
        self.what = what
