"""Lets the user switch to another camera or microphone."""

import threading
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from mmim_live.session_types import DeviceChoice
from mmim_live.text_normalization import plain

_HEADINGS = {"camera": "Cameras", "microphone": "Microphones"}


class DeviceScreen(ModalScreen[DeviceChoice | None]):
    """Dismissed with the user's choice. `find` may be slow: it runs in its own thread."""

    BINDINGS: ClassVar = [
        Binding("escape,q", "close", "Close"),
        Binding("d", "close", "Close", id="devices"),
        Binding("r", "scan", "Rescan"),
    ]

    class Found(Message):
        """The result of `find`."""

        def __init__(self, choices: Sequence[DeviceChoice], problem: str = "") -> None:
            super().__init__()
            self.choices = choices
            self.problem = problem

    def __init__(self, find: Callable[[], Sequence[DeviceChoice]], *, ascii_only: bool) -> None:
        super().__init__(classes="-ascii" if ascii_only else "")
        self._find = find
        self._ascii_only = ascii_only
        self._choices: list[DeviceChoice] = []
        self._scanning = False

    def compose(self) -> ComposeResult:
        """A list with a hint below it."""
        with Vertical(id="devices", classes="box"):
            yield OptionList(id="choices")
            yield Static("", id="hint")

    def on_mount(self) -> None:
        """Start scanning for devices."""
        self.query_one(".box").border_title = "Devices"
        self.action_scan()

    def action_scan(self) -> None:
        """Scan for devices, in the background."""
        if not self._scanning:
            self._scanning = True
            self._hint("Looking for cameras and microphones ...")
            threading.Thread(target=self._scan, name="mmim-devices", daemon=True).start()

    def _scan(self) -> None:
        try:
            self.post_message(self.Found(self._find()))
        except Exception as error:  # noqa: BLE001 (drivers fail in their own ways, and this is only a list)
            self.post_message(self.Found((), f"Cannot list devices: {error}"))

    def on_device_screen_found(self, message: Found) -> None:
        """List the devices and mark those in use."""
        self._scanning = False
        self._choices = list(message.choices)
        options = self.query_one(OptionList)
        options.clear_options()
        kind = ""
        for index, choice in enumerate(self._choices):
            if choice.kind != kind:
                kind = choice.kind
                options.add_option(Option(Content.assemble((_HEADINGS[kind], "bold")), disabled=True))
            options.add_option(Option(self._line(choice), id=str(index)))
        places = [at for at, each in enumerate(options.options) if not each.disabled]
        unused = [at for at, choice in zip(places, self._choices, strict=True) if not choice.in_use]
        options.highlighted = next(iter(unused or places), None)  # the user wants another one
        options.focus()
        self._hint(
            message.problem
            or (
                "Enter select, R rescan, Esc cancel"
                if self._choices
                else "No devices to choose from: the session is still loading or has ended."
            )
        )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Dismiss with the choice, unless it is already in use."""
        choice = self._choices[int(event.option.id or 0)]
        if choice.in_use:
            self._hint(f"{choice.name} is already in use. Choose another, or press Esc.")
        else:
            self.dismiss(choice)

    def action_close(self) -> None:
        """Change nothing."""
        self.dismiss(None)

    def _line(self, choice: DeviceChoice) -> Content:
        mark = ("* " if self._ascii_only else "● ") if choice.in_use else "  "
        used = " (in use)" if choice.in_use else ""
        detail = f"  {plain(choice.detail)}" if choice.detail else ""
        return Content.assemble((mark, "$primary"), plain(choice.name) + used, (detail, "$foreground-muted"))

    def _hint(self, text: str) -> None:
        self.query_one("#hint", Static).update(Content(text).stylize("$foreground-muted"))
