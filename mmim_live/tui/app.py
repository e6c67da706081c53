"""The app: one screen that follows a session. Knows what a session posts, not how it works inside.

The session's threads only post; `on_posted` is the one place that takes in what they say, and `_draw` the one that
changes the screen.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.geometry import Size
from textual.screen import Screen
from textual.timer import Timer

from mmim_live.errors import MmimLiveError
from mmim_live.events import SessionStarted
from mmim_live.session_types import (
    Command,
    DeviceChoice,
    MarkMoment,
    Preview,
    SessionUpdate,
    ShowPicture,
    SoundLevel,
    ToggleBaseline,
    ToggleRecording,
    UseDevice,
)
from mmim_live.settings import KeyOverrides
from mmim_live.tui.bindings import keymap, shown_keys
from mmim_live.tui.first_run import acknowledge
from mmim_live.tui.messages import Posted
from mmim_live.tui.screens.devices import DeviceScreen
from mmim_live.tui.screens.help import HelpScreen
from mmim_live.tui.screens.mark import MarkScreen
from mmim_live.tui.screens.welcome import WelcomeScreen
from mmim_live.tui.signals import handle_stop_signals
from mmim_live.tui.source import EventSource
from mmim_live.tui.state import SessionState
from mmim_live.tui.themes import CYCLE, DARK, LIGHT
from mmim_live.tui.widgets.banner import Banner
from mmim_live.tui.widgets.camera_view import CameraView
from mmim_live.tui.widgets.contributions import ContributionsPanel
from mmim_live.tui.widgets.footer import KeyFooter
from mmim_live.tui.widgets.heading import Heading
from mmim_live.tui.widgets.health import HealthLine
from mmim_live.tui.widgets.loading import Loading
from mmim_live.tui.widgets.meter import LevelMeter
from mmim_live.tui.widgets.score import ScorePanel
from mmim_live.tui.widgets.session_info import SessionInfoPanel
from mmim_live.tui.widgets.summary_bar import SummaryBar
from mmim_live.tui.widgets.timeline import Timeline
from mmim_live.tui.widgets.transcript import Transcript
from mmim_live.wording import plain

# From how many cells on a screen has which class; the style sheet has the rest.
_WIDTHS: list[tuple[int, str]] = [(0, "-tiny"), (70, "-narrow"), (110, "-medium"), (160, "-wide")]
_HEIGHTS: list[tuple[int, str]] = [(0, "-flat"), (22, "-low"), (34, "-high"), (50, "-tall")]
_LIVE_ONLY = ("devices", "record")  # a recording has no devices, and is one already


def _key(key: str, action: str, name: str, meaning: str, **options: Any) -> Binding:
    """A key, named in the bottom line and in the palette, and explained in the help and in the palette."""
    return Binding(key, action, name, tooltip=meaning, **options)


class MmimApp(App[None]):
    """Shows the session of `source` until the user leaves; then `failure` holds the error that ended it, if any."""

    CSS_PATH = "app.tcss"
    TITLE = "mmim-live"
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    BINDINGS: ClassVar = [
        Binding("q", "quit", "Quit", id="quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),  # whatever the user's keys are
        _key("space", "freeze", "Pause", "Hold the display, or let it go on; the session goes on", id="pause"),
        _key("left", "pan(-1)", "Back", "Scroll the timeline back", id="back"),
        _key("right", "pan(1)", "Forth", "Scroll the timeline forth", id="forth", show=False),
        _key("end", "follow", "Now", "Scroll the timeline to the present", id="now"),
        _key("home", "to_start", "Start", "Scroll the timeline to the beginning", id="start", show=False),
        _key("plus,equals_sign", "zoom(-1)", "Less time", "Show less time in the timeline", id="zoom-in", show=False),
        _key("minus", "zoom(1)", "More time", "Show more time in the timeline", id="zoom-out", show=False),
        _key("c", "preview", "Camera", "Show what the camera sees, or do not", id="camera"),
        _key("d", "devices", "Devices", "Choose another camera or microphone", id="devices"),
        _key("m", "mark", "Mark", "Mark this moment, with a label or without", id="mark"),
        _key("r", "record", "Record", "Begin to record the session, or end the recording", id="record"),
        _key("b", "baseline", "Baseline", "Show scores relative to your neutral speech too, or no more", id="baseline"),
        _key("t", "next_theme", "Theme", "Take the next theme", id="theme"),
        _key("question_mark", "help", "Help", "Explain the screen and its keys", id="help"),
    ]

    def __init__(
        self,
        source: EventSource,
        *,
        title: str,
        ascii_only: bool = False,
        welcome: bool = False,
        keys: KeyOverrides | None = None,
        overlay: str | None = None,
        now_s: Callable[[], float] = time.monotonic,
        draw_interval_s: float = 0.1,
    ) -> None:
        """`title` names what is analysed. The screen is drawn at most once every `draw_interval_s`.

        `welcome`: what the program does and does not is to be read before anything begins. `overlay` is the address of
        the page for OBS, where it is served.

        Raises:
            ConfigError: the keys that the user wants cannot be.
        """
        super().__init__()
        if keys is not None:
            self.set_keymap(keymap(keys, self.BINDINGS))
        self.failure: MmimLiveError | None = None
        self.state = SessionState()
        self._source = source
        self._subject = plain(title)
        self._ascii_only = ascii_only
        self._welcome = welcome
        self._overlay = overlay
        self._now_s = now_s
        self._draw_interval_s = draw_interval_s
        self._draw_due: Timer | None = None
        self._frozen = False
        self._begun = False
        self._pictured = False  # the session makes pictures
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name

    def compose(self) -> ComposeResult:
        """The whole screen; the style sheet decides what fits."""
        state, ascii_only = self.state, self._ascii_only
        with Horizontal(id="top"):
            yield Heading(state, self._subject, ascii_only=ascii_only, serving=self._overlay is not None)
            yield LevelMeter(ascii_only=ascii_only)
        yield Banner(state, ascii_only=ascii_only)
        yield Loading(state, self._subject, self._now_s)
        with Horizontal(id="main"):
            with Vertical(id="left"):
                yield ScorePanel(state, ascii_only=ascii_only)
                yield ContributionsPanel(state, ascii_only=ascii_only)
                yield CameraView(self._want_picture, ascii_only=ascii_only)
                yield SessionInfoPanel(state)
            with Vertical(id="right"):
                yield Timeline(state, ascii_only=ascii_only)
                yield Transcript(state, ascii_only=ascii_only)
        yield SummaryBar(state, ascii_only=ascii_only)
        yield HealthLine(state, ascii_only=ascii_only)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Begin the session once the screen stands, and the person knows what is to begin."""
        self.screen.set_class(self._ascii_only, "-ascii")
        handle_stop_signals(self.exit)
        self.action_show_overlay()
        if self._welcome:
            self.push_screen(WelcomeScreen(first=True, ascii_only=self._ascii_only), self._welcomed)
        else:
            self.call_after_refresh(self._start)

    def _welcomed(self, begin: bool | None) -> None:
        if begin:
            acknowledge()
            self._start()
        else:
            self.exit()

    def on_unmount(self) -> None:
        """Stop the session and wait for its threads."""
        if self._begun:
            self._source.stop()
        handle_stop_signals(None)

    def _start(self) -> None:
        self.query_one(Loading).begin()
        self._begun = True
        try:
            self._source.start(self._post)
        except MmimLiveError as error:
            self._fail(error)

    def _post(self, what: SessionUpdate) -> None:
        """Called from the session's threads; never waits."""
        self.post_message(Posted(what))

    def on_posted(self, message: Posted) -> None:
        """Take in what the session says, and see that it is drawn soon."""
        if not self.screen_stack and not isinstance(message.what, MmimLiveError):  # the app closes
            return
        match message.what:
            case MmimLiveError() as error:
                self._fail(error)
            case SoundLevel() as level:
                if not self._frozen:
                    self.screen_stack[0].query_one(LevelMeter).show(level)
            case Preview() as preview:
                if not self._frozen:
                    self._picture.show(preview)
            case event:
                self.state.take(event)
                if isinstance(event, SessionStarted):
                    self._want_picture(self._picture.wanted)
                if self._draw_due is None:
                    self._draw_due = self.set_timer(self._draw_interval_s, self._draw)

    def _fail(self, error: MmimLiveError) -> None:
        self.failure = error
        self.exit(return_code=1)

    def _draw(self) -> None:
        """Bring the screen up to date with the state."""
        self._draw_due = None
        if not self.screen_stack:  # the app closes, and this draw was due
            return
        self.screen_stack[0].query_one(Banner).redraw()
        if self._frozen:
            return
        with self.batch_update():
            self.screen.set_class(self.state.session is not None, "-begun")
            self.screen.set_class(self.state.summary is not None, "-ended")
            for kind in (Heading, Loading, ScorePanel, ContributionsPanel, SessionInfoPanel, HealthLine, SummaryBar):
                self.screen_stack[0].query_one(kind).redraw()
            self._timeline.redraw()
            self._picture.expire(self.state.now_s)
            self.screen_stack[0].query_one(Transcript).redraw()

    @property
    def _picture(self) -> CameraView:
        return self.screen_stack[0].query_one(CameraView)

    @property
    def _timeline(self) -> Timeline:
        return self.screen_stack[0].query_one(Timeline)

    def on_timeline_moved(self, message: Timeline.Moved) -> None:
        """Say so in the heading."""
        self.screen_stack[0].query_one(Heading).scrolled_back = not message.following

    def action_freeze(self) -> None:
        """Hold the display, or let it go on; the session itself goes on in any case."""
        self._frozen = not self._frozen
        self.screen_stack[0].query_one(Heading).frozen = self._frozen
        if self._frozen:
            self._timeline.hold()
        else:
            self._timeline.follow()
            self._draw()

    def action_pan(self, direction: int) -> None:
        """Scroll the timeline."""
        self._timeline.pan(direction)

    def action_to_start(self) -> None:
        """Scroll the timeline to the beginning."""
        self._timeline.go_to_start()

    def action_follow(self) -> None:
        """Back to the present; a paused display goes on."""
        if self._frozen:
            self.action_freeze()
        else:
            self._timeline.follow()

    def action_zoom(self, direction: int) -> None:
        """Show less (-1) or more (1) time."""
        self._timeline.zoom(direction)

    def action_preview(self) -> None:
        """Show what the camera sees, or do not."""
        self.screen_stack[0].toggle_class("-preview")

    def _want_picture(self, size: Size | None) -> None:
        """Ask the session for pictures of this size; it makes none that nobody looks at."""
        wanted = None if size is None else (size.width, size.height)
        if self.state.session is None or (wanted is None and not self._pictured):
            return
        self._pictured = self._source.send(ShowPicture(wanted)) and wanted is not None
        if wanted is not None and not self._pictured:
            self._picture.clear("No camera is read.")

    def action_devices(self) -> None:
        """Let another camera or microphone be chosen."""
        self.push_screen(DeviceScreen(self._source.find_devices, ascii_only=self._ascii_only), self._use)

    def _use(self, choice: DeviceChoice | None) -> None:
        if choice is not None and self._ask(UseDevice(choice.kind, choice.source)):
            told = f"Going over to {plain(choice.name)}: the transcript says when it is open."
            self.notify(told, markup=False)

    def action_mark(self) -> None:
        """Mark this moment, with a label if the user has one."""
        self.push_screen(MarkScreen(ascii_only=self._ascii_only), self._mark)

    def _mark(self, mark: MarkMoment | None) -> None:
        if mark is not None:
            self._ask(mark)

    def action_baseline(self) -> None:
        """Take a baseline, or remove it."""
        self._ask(ToggleBaseline())

    def action_record(self) -> None:
        """Begin to record, or end it."""
        self._ask(ToggleRecording())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave out what this session cannot do."""
        return self._source.live if action in _LIVE_ONLY else super().check_action(action, parameters)

    def _ask(self, command: Command) -> bool:
        """Pass a command on, or say that nobody is there to heed it."""
        heeded = self._source.send(command)
        if not heeded:
            self.notify("The session is not running: there is nothing to do this with.", severity="warning")
        return heeded

    def action_next_theme(self) -> None:
        """The next theme of the cycle."""
        place = CYCLE.index(self.theme) if self.theme in CYCLE else -1
        self.theme = CYCLE[(place + 1) % len(CYCLE)]

    def get_key_display(self, binding: Binding) -> str:
        """The key for people; in plain characters where nothing else is wanted."""
        display = super().get_key_display(binding)
        return binding.key if self._ascii_only and not display.isascii() else display

    def action_help(self) -> None:
        """Explain the screen and its keys."""
        keys = shown_keys(self.screen_stack[0], self.get_key_display)
        self.push_screen(HelpScreen(keys, ascii_only=self._ascii_only), self._helped)

    def _helped(self, more: bool | None) -> None:
        if more:
            self.push_screen(WelcomeScreen(first=False, ascii_only=self._ascii_only))

    def action_show_overlay(self) -> None:
        """Tell where the overlay is served, if it is."""
        if self._overlay is not None:
            self.notify(self._overlay, title="Overlay for OBS, events for scripts", timeout=12, markup=False)

    def action_copy_overlay(self) -> None:
        """Put the overlay's address on the clipboard, and show it: not every terminal lets a program copy."""
        if self._overlay is not None:
            self.copy_to_clipboard(self._overlay)
            self.action_show_overlay()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The commands of the palette."""
        yield from super().get_system_commands(screen)
        for binding in self.BINDINGS:
            if isinstance(binding, Binding) and binding.tooltip and self.check_action(binding.action, ()):
                act = partial(self.run_action, binding.action)
                yield SystemCommand(binding.description, binding.tooltip, act)
        if self._overlay is not None:
            yield SystemCommand("Copy overlay address", "For OBS and scripts", self.action_copy_overlay)
