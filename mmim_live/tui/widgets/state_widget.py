"""Base of the widgets that show the session's state: they redraw only when what they show has changed."""

from typing import ClassVar

from textual.widget import Widget


class StateWidget(Widget):
    """`redraw` is cheap if nothing has changed."""

    HEIGHT_FOLLOWS: ClassVar[bool] = False  # the content
    _drawn: object = None

    def shown(self) -> object:
        """Everything that the drawing depends on, except size and theme; compared with ==."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Follow the state."""
        shown = self.shown()
        if shown != self._drawn:
            self._drawn = shown
            self.refresh(layout=self.HEIGHT_FOLLOWS)
