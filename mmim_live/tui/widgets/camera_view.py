"""The camera preview with the outline of the tracked face; frames are requested only while it is visible."""

from collections.abc import Callable
from functools import lru_cache

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from mmim_live.session_types import Preview
from mmim_live.tui.render.camera_image import PreviewCell, Rgb, draw_preview

MAX_COLUMNS, MAX_ROWS = 44, 17  # cells; more would cost more than it shows


class CameraView(Widget):
    """Requests previews of a fitting size through `request` while visible, and None when hidden."""

    COMPONENT_CLASSES = {"preview--outline", "preview--hint"}  # noqa: RUF012 (as Textual declares it)

    def __init__(self, request: Callable[[Size | None], None], *, ascii_only: bool) -> None:
        super().__init__(classes="panel")
        self.border_title = "Camera"
        self._request = request
        self._ascii_only = ascii_only
        self._cells: list[list[PreviewCell]] = []
        self._shown: Preview | None = None
        self._drawn_s = 0.0  # media time of what is drawn
        self.hint = "Waiting for the camera."

    @property
    def wanted(self) -> Size | None:
        """Width and height in pixels of the previews that are needed now; None: none."""
        if not self.display or not self.size:
            return None
        return Size(min(self.size.width, MAX_COLUMNS), 2 * min(self.size.height, MAX_ROWS))

    def show(self, preview: Preview) -> None:
        """Draw this preview."""
        if preview is self._shown:
            return
        self._shown = preview
        columns, rows = min(self.size.width, MAX_COLUMNS), min(self.size.height, MAX_ROWS)
        self._cells = draw_preview(preview, columns, rows, ascii_only=self._ascii_only)
        self._drawn_s = preview.time_s
        self.border_subtitle = "" if len(preview.points) else "no face"
        self.refresh()

    def expire(self, now_s: float, after_s: float = 2.0) -> None:
        """Stop showing a preview that is out of date."""
        if self._cells and now_s - self._drawn_s > after_s:
            self.clear("No camera image.")

    def clear(self, hint: str) -> None:
        """Show a hint instead of a preview."""
        self._cells, self.hint, self.border_subtitle = [], hint, ""
        self._shown = None
        self.refresh()

    def on_resize(self) -> None:
        """Request the new size."""
        self._shown = None
        self._request(self.wanted)

    def on_show(self) -> None:
        """Start requesting previews."""
        self._request(self.wanted)

    def on_hide(self) -> None:
        """Stop requesting previews."""
        self._cells = []
        self._shown = None
        self._request(None)

    def render_line(self, y: int) -> Strip:
        """One row of cells, centered."""
        width, height = self.size
        if not self._cells:
            text = self.hint[:width].center(width) if y == height // 2 else " " * width
            return Strip([Segment(text, self.get_component_rich_style("preview--hint"))], width)
        row = y - max(0, (height - len(self._cells)) // 2)
        if not 0 <= row < len(self._cells):
            return Strip.blank(width, self.rich_style)
        cells = self._cells[row][:width]
        left = (width - len(cells)) // 2
        outline = self.get_component_rich_style("preview--outline")
        segments = [Segment(" " * left, self.rich_style)]
        segments += [
            Segment(cell.character, _style(cell.ink, cell.ground, outline if cell.outline else None)) for cell in cells
        ]
        segments.append(Segment(" " * (width - left - len(cells)), self.rich_style))
        return Strip(segments, width)


@lru_cache(8192)
def _style(ink: Rgb | None, ground: Rgb | None, outline: Style | None) -> Style:
    style = Style(
        color=Color.from_rgb(*ink) if ink else None,
        bgcolor=Color.from_rgb(*ground) if ground else None,
    )
    return outline + style if outline else style
