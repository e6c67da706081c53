"""What other threads post to the app. Knows only the values it carries."""

from textual.message import Message

from mmim_live.session_types import SessionUpdate


class Posted(Message):
    """Something the session says; an error means that it has ended for good."""

    def __init__(self, what: SessionUpdate) -> None:
        super().__init__()
        self.what = what
