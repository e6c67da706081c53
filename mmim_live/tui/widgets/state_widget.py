"""What the widgets that read the session's state have in common: they are drawn anew only where it shows."""

from typing import ClassVar

from textual.widget import Widget


class StateWidget(Widget):
    """`redraw` may be called as often as one likes."""

    HEIGHT_FOLLOWS: ClassVar[bool] = False  # what is drawn
    _drawn: object = None

    def shown(self) -> object:
        """All that the drawing depends on, beside size and theme; compared with ==."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Follow the state."""
        shown = self.shown()
        if shown != self._drawn:
            self._drawn = shown
            self.refresh(layout=self.HEIGHT_FOLLOWS)
