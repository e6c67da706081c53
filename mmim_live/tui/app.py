"""The app: one screen that follows a session.

The session's threads only post. `on_posted` alone handles what they post, and `_draw` alone changes the screen.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.geometry import Size
from textual.screen import Screen
from textual.timer import Timer

from mmim_live.errors import MmimLiveError
from mmim_live.events import Event, SessionStarted
from mmim_live.session_types import (
    Command,
    DeviceChoice,
    MarkMoment,
    Preview,
    SessionUpdate,
    ShowPreview,
    SoundLevel,
    ToggleBaseline,
    ToggleRecording,
    UseDevice,
)
from mmim_live.settings import KeyOverrides
from mmim_live.text_normalization import plain
from mmim_live.tui.bindings import keymap, shown_keys
from mmim_live.tui.first_run import acknowledge
from mmim_live.tui.messages import Posted
from mmim_live.tui.playback import Playback
from mmim_live.tui.screens.devices import DeviceScreen
from mmim_live.tui.screens.help import HelpScreen
from mmim_live.tui.screens.info import InfoScreen
from mmim_live.tui.screens.mark import MarkScreen
from mmim_live.tui.screens.path import PathScreen
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
from mmim_live.tui.widgets.loading import Loading
from mmim_live.tui.widgets.meter import LevelMeter
from mmim_live.tui.widgets.score import ScorePanel
from mmim_live.tui.widgets.session_info import SessionInfoPanel
from mmim_live.tui.widgets.state_widget import StateWidget
from mmim_live.tui.widgets.status import StatusLine
from mmim_live.tui.widgets.summary_bar import SummaryBar
from mmim_live.tui.widgets.timeline import Timeline
from mmim_live.tui.widgets.transcript import Picked, Transcript
from mmim_live.wording import clock

# The class of a screen from this many cells on; see the style sheet.
_WIDTHS: list[tuple[int, str]] = [(0, "-tiny"), (70, "-narrow"), (110, "-medium"), (160, "-wide")]
_HEIGHTS: list[tuple[int, str]] = [(0, "-flat"), (22, "-low"), (31, "-mid"), (38, "-high"), (50, "-tall")]
_LIVE_ONLY = ("devices", "record", "baseline")  # a replay has no devices, is a recording, and is analyzed ahead
_REPLAY_ONLY = ("speed", "restart", "export", "open")
CAMERA_ROWS = 31  # from this height on, the camera is shown unless the user hides it
SEEK_S = 5.0
PREVIEW_PX = (64, 48)  # of the pictures that are kept of a replay: width and height


_DRAWN: tuple[type[StateWidget | Timeline | Transcript], ...] = (
    Heading,
    Loading,
    ScorePanel,
    ContributionsPanel,
    SessionInfoPanel,
    StatusLine,
    SummaryBar,
    Timeline,
    Transcript,
)


def _name(binding: Binding) -> str:
    """The name of its action, without parameters."""
    return binding.action.partition("(")[0]


def _key(key: str, action: str, name: str, meaning: str, **options: Any) -> Binding:
    """A key with its name for the footer and its meaning for the help; the command palette shows both."""
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
        _key("space", "freeze", "Pause", "Pause or play a replay; live, freeze or resume the display", id="pause"),
        _key("left", "pan(-1)", "Back", "Back 5 s in a replay; live, scroll the timeline back", id="back"),
        _key(
            "right",
            "pan(1)",
            "Forward",
            "Forward 5 s in a replay; live, scroll the timeline forward",
            id="forth",
            show=False,
        ),
        _key("end", "follow", "Now", "Go to the end of what is analyzed; live, return to the present", id="now"),
        _key("home", "to_start", "Start", "Go to the start", id="start", show=False),
        _key("plus,equals_sign", "zoom(-1)", "Zoom in", "Show less time in the timeline", id="zoom-in", show=False),
        _key("minus", "zoom(1)", "Zoom out", "Show more time in the timeline", id="zoom-out", show=False),
        _key("left_square_bracket", "speed(-1)", "Slower", "Play slower", id="slower", show=False),
        _key("right_square_bracket", "speed(1)", "Faster", "Play faster", id="faster", show=False),
        _key("0", "restart", "Restart", "Play from the beginning", id="restart", show=False),
        _key("e", "export", "Export", "Write what was analyzed to a file", id="export", show=False),
        _key("o", "open", "Open", "Open another recording", id="open", show=False),
        _key("c", "preview", "Camera", "Show or hide the camera", id="camera"),
        _key("d", "devices", "Devices", "Switch camera or microphone", id="devices"),
        _key("m", "mark", "Mark", "Mark this moment, with an optional label", id="mark"),
        _key("r", "record", "Record", "Start or stop recording the session", id="record"),
        _key("b", "baseline", "Baseline", "Set or remove your neutral baseline", id="baseline"),
        _key("i", "info", "Info", "Show versions, settings, models and all notices", id="info", show=False),
        _key("t", "next_theme", "Theme", "Switch theme", id="theme"),
        _key("question_mark", "help", "Help", "Explain the screen and the keys", id="help"),
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
        speed: float | None = 1.0,
        export: Callable[[Path, Sequence[Event]], None] | None = None,
    ) -> None:
        """`title` names what is analyzed. The screen is drawn at most once every `draw_interval_s`.

        `speed` of a replay: media seconds per second, None as fast as it is analyzed. `export` writes events to a file.

        `welcome`: show what the program does and does not do before starting. `overlay` is the address of the page for
        OBS if it is served.

        Raises:
            ConfigError: the user's key bindings are invalid.
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
        self._export = export
        self.playback = None if source.live else Playback(self.state, now_s, speed)
        self.opened: Path | None = None  # what the user wants to see next
        self._begun = False
        self._receives_previews = False
        self._camera_chosen: bool | None = None  # by the user; None: shown where there is room
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name

    def compose(self) -> ComposeResult:
        """The whole screen; the style sheet decides what is shown at which size."""
        state, ascii_only = self.state, self._ascii_only
        with Horizontal(id="top"):
            yield Heading(
                state, self._subject, ascii_only=ascii_only, serving=self._overlay is not None, playback=self.playback
            )
            yield LevelMeter(ascii_only=ascii_only)
        yield Banner(state, ascii_only=ascii_only)
        yield Loading(state, self._subject, self._now_s, live=self._source.live)
        with Horizontal(id="main"):
            with Vertical(id="left"):
                yield ScorePanel(state, ascii_only=ascii_only)
                yield ContributionsPanel(state, ascii_only=ascii_only)
                yield CameraView(self._request_previews, ascii_only=ascii_only)
                yield SessionInfoPanel(state)
            with Vertical(id="right"):
                yield Timeline(state, ascii_only=ascii_only, playback=self.playback)
                yield Transcript(state, ascii_only=ascii_only)
        yield SummaryBar(state, replay=self.playback is not None)
        yield StatusLine(state, ascii_only=ascii_only, playback=self.playback)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Start the session once the screen is up and, the first time, the welcome has been read."""
        self.screen.set_class(self._ascii_only, "-ascii")
        handle_stop_signals(self.exit)
        self.action_show_overlay()
        if self.playback is not None:
            self.set_interval(self._draw_interval_s, self._play)
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
        """Handle an update from the session and schedule a redraw."""
        if not self.screen_stack and not isinstance(message.what, MmimLiveError):  # the app is closing
            return
        match message.what:
            case MmimLiveError() as error:
                self._fail(error)
            case SoundLevel() as level:
                if not self._frozen and self.playback is None:  # the analysis is ahead of what is shown
                    self.screen_stack[0].query_one(LevelMeter).show(level)
            case Preview() as preview:
                if self.playback is not None:
                    self.playback.keep(preview)
                elif not self._frozen:
                    self._camera_view.show(preview)
            case event:
                if self.playback is None:
                    self.state.take(event)
                else:
                    self.playback.take(event)
                if isinstance(event, SessionStarted):
                    self._place_camera()
                    self._request_previews(self._camera_view.wanted)
                if self._draw_due is None:
                    self._draw_due = self.set_timer(self._draw_interval_s, self._draw)

    @property
    def known(self) -> SessionState:
        """Everything that the session has yielded so far."""
        return self.state if self.playback is None else self.playback.whole

    def _play(self) -> None:
        """Move the playhead with the clock."""
        if self.playback is not None and self.playback.playing and self.screen_stack:
            self.playback.advance()
            self._draw()

    def _fail(self, error: MmimLiveError) -> None:
        self.failure = error
        self.exit(return_code=1)

    def _draw(self) -> None:
        """Bring the screen up to date with the state."""
        if self._draw_due is not None:
            self._draw_due.stop()
            self._draw_due = None
        if not self.screen_stack or not all(map(self.screen_stack[0].query, _DRAWN)):  # closing, and this was due
            return
        self.screen_stack[0].query_one(Banner).redraw()
        if self._frozen:
            return
        with self.batch_update():
            self.screen.set_class(self.state.session is not None, "-begun")
            self.screen.set_class(self.state.summary is not None, "-ended")
            for kind in _DRAWN:
                self.screen_stack[0].query_one(kind).redraw()
            if self.playback is not None:
                if self._camera_view.display and (preview := self.playback.preview()) is not None:
                    self._camera_view.show(preview)
            else:
                self._camera_view.expire(self.state.now_s)

    @property
    def _camera_view(self) -> CameraView:
        return self.screen_stack[0].query_one(CameraView)

    @property
    def _timeline(self) -> Timeline:
        return self.screen_stack[0].query_one(Timeline)

    def on_timeline_moved(self, message: Timeline.Moved) -> None:
        """Show in the heading whether the timeline is scrolled back."""
        self.screen_stack[0].query_one(Heading).scrolled_back = not message.following

    def action_freeze(self) -> None:
        """Pause or play a replay. Live, freeze or resume the display; the session keeps running either way."""
        if self.playback is not None:
            self.playback.toggle()
            self._timeline.follow()
            self._draw()
            return
        if self.state.summary is not None and not self._frozen:
            return  # a session that is over cannot be paused
        self._frozen = not self._frozen
        self.screen_stack[0].query_one(Heading).frozen = self._frozen
        if self._frozen:
            self._timeline.hold()
        else:
            self._timeline.follow()
            self._draw()

    def action_pan(self, direction: int) -> None:
        """Seek in a replay; live, scroll the timeline."""
        if self.playback is not None:
            self._seek(self.playback.position_s + direction * SEEK_S)
        else:
            self._timeline.pan(direction)

    def _seek(self, to_s: float) -> None:
        if self.playback is not None:
            self.playback.seek(to_s)
            self._timeline.follow()
            self._draw()

    def on_timeline_picked(self, message: Timeline.Picked) -> None:
        """Go to the moment that was clicked on."""
        self._go_to(message.time_s)

    def on_status_line_picked(self, message: StatusLine.Picked) -> None:
        """Go to the moment that was clicked on in the line of the whole session."""
        self._go_to(message.time_s)

    def on_picked(self, message: Picked) -> None:
        """Play from the sentence that was clicked on; live, show it in the timeline."""
        self._go_to(message.time_s)
        if self.playback is not None:
            self.playback.play()
            self._draw()

    def _go_to(self, time_s: float) -> None:
        """Seek in a replay; live, scroll the timeline."""
        if self.playback is not None:
            self._seek(time_s)
        else:
            self._timeline.center(time_s)

    def action_speed(self, direction: int) -> None:
        """Play faster (1) or slower (-1)."""
        if self.playback is not None:
            self.playback.change_speed(direction)
            self._draw()

    def action_restart(self) -> None:
        """Play from the beginning."""
        if self.playback is not None:
            self.playback.restart()
            self._timeline.follow()
            self._draw()

    def action_export(self) -> None:
        """Ask for a file and write what was analyzed to it."""
        if self.playback is not None and self._export is not None:
            name = f"{Path(self._subject).stem}.csv"
            title = "Export to (the suffix chooses the format): Enter to save, Esc to cancel"
            self.push_screen(PathScreen(title, name, ascii_only=self._ascii_only), self._export_to)

    def _export_to(self, path: Path | None) -> None:
        if path is None or self.playback is None or self._export is None:
            return
        try:
            self._export(path, self.playback.events)
        except MmimLiveError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            part = "" if self.playback.complete else f" (the first {clock(self.playback.analyzed_s)})"
            self.notify(f"Written: {path}{part}", markup=False)

    def action_open(self) -> None:
        """Ask for another recording, and leave for it."""
        title = "Open a recording: Enter to open, Esc to cancel"
        self.push_screen(PathScreen(title, "", ascii_only=self._ascii_only, exists=True), self._open)

    def _open(self, path: Path | None) -> None:
        if path is not None:
            self.opened = path
            self.exit()

    def action_to_start(self) -> None:
        """Go to the start."""
        if self.playback is not None:
            self._seek(0.0)
        else:
            self._timeline.go_to_start()

    def action_follow(self) -> None:
        """Return to the present, or in a replay to the end of what is analyzed; a frozen display resumes."""
        if self.playback is not None:
            self._seek(self.playback.analyzed_s)
        elif self._frozen:
            self.action_freeze()
        else:
            self._timeline.follow()

    def action_zoom(self, direction: int) -> None:
        """Show less (-1) or more (1) time."""
        self._timeline.zoom(direction)

    def action_preview(self) -> None:
        """Show or hide the camera."""
        self._camera_chosen = not self.screen_stack[0].has_class("-preview")
        self._place_camera()
        self._draw()

    def on_resize(self, event: Resize) -> None:
        """Show the camera where there is room for it."""
        self._place_camera(event.size.height)

    def _place_camera(self, height: int | None = None) -> None:
        """As the user has chosen; else where there is room, if the session sees anything."""
        session = self.known.session
        sees = session is not None and "face" in session.models
        roomy = (height or self.size.height) >= CAMERA_ROWS
        shown = sees and roomy if self._camera_chosen is None else self._camera_chosen
        if self.screen_stack:
            self.screen_stack[0].set_class(shown, "-preview")

    def _request_previews(self, size: Size | None) -> None:
        """Ask the session for previews of this size, or None while none is visible: the session then makes none."""
        wanted = None if size is None else (size.width, size.height)
        if self.playback is not None:
            wanted = PREVIEW_PX  # all are kept, for the playhead
        if self.state.session is None or (wanted is None and not self._receives_previews):
            return
        self._receives_previews = self._source.send(ShowPreview(wanted)) and wanted is not None
        if wanted is not None and not self._receives_previews:
            self._camera_view.clear("No camera in use.")

    def action_devices(self) -> None:
        """Let the user switch to another camera or microphone."""
        self.push_screen(DeviceScreen(self._source.find_devices, ascii_only=self._ascii_only), self._use)

    def _use(self, choice: DeviceChoice | None) -> None:
        if choice is not None:
            self._ask(UseDevice(choice.kind, choice.source))  # a notice says how it went

    def action_mark(self) -> None:
        """Mark this moment, with a label if the user has one."""
        at_s = self.playback.position_s if self.playback is not None else None
        self.push_screen(MarkScreen(ascii_only=self._ascii_only), partial(self._mark, at_s))

    def _mark(self, at_s: float | None, mark: MarkMoment | None) -> None:
        if mark is None:
            return
        if at_s is None or self.playback is None:
            self._ask(mark)
        elif not self._source.send(replace(mark, ago_s=0.0, time_s=at_s)):
            self.notify("Not marked: the analysis is complete.", severity="warning")

    def action_baseline(self) -> None:
        """Set or remove the baseline."""
        self._ask(ToggleBaseline())

    def action_record(self) -> None:
        """Start or stop recording."""
        self._ask(ToggleRecording())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the actions that this session does not support."""
        if action in _LIVE_ONLY:
            return self._source.live
        if action in _REPLAY_ONLY:
            waits = action == "open" and self.state.session is None  # for a device
            return not self._source.live or waits
        return super().check_action(action, parameters)

    def _ask(self, command: Command) -> bool:
        """Send a command to the session; say so if it is no longer running."""
        sent = self._source.send(command)
        if not sent:
            self.notify("Not available: no session is running.", severity="warning")
        return sent

    def action_next_theme(self) -> None:
        """Switch to the next theme of the cycle."""
        index = CYCLE.index(self.theme) if self.theme in CYCLE else -1
        self.theme = CYCLE[(index + 1) % len(CYCLE)]

    def get_key_display(self, binding: Binding) -> str:
        """The key as shown to the user; plain characters in ASCII mode."""
        display = super().get_key_display(binding)
        return binding.key if self._ascii_only and not display.isascii() else display

    def action_help(self) -> None:
        """Explain the screen and the keys."""
        keys = shown_keys(self.screen_stack[0], self.get_key_display)
        self.push_screen(HelpScreen(keys, ascii_only=self._ascii_only), self._helped)

    def action_info(self) -> None:
        """Show what the session runs with, and its notices."""
        self.push_screen(InfoScreen(self.state, ascii_only=self._ascii_only))

    def _helped(self, more: bool | None) -> None:
        if more:
            self.push_screen(WelcomeScreen(first=False, ascii_only=self._ascii_only))

    def action_show_overlay(self) -> None:
        """Show the address of the overlay, if it is served."""
        if self._overlay is not None:
            self.notify(self._overlay, title="Overlay for OBS, events for scripts", timeout=12, markup=False)

    def action_copy_overlay(self) -> None:
        """Copy the overlay's address, and show it: not every terminal lets a program copy."""
        if self._overlay is not None:
            self.copy_to_clipboard(self._overlay)
            self.action_show_overlay()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The commands of the palette."""
        yield from super().get_system_commands(screen)
        for binding in self.BINDINGS:
            if isinstance(binding, Binding) and binding.tooltip and self.check_action(_name(binding), ()):
                act = partial(self.run_action, binding.action)
                yield SystemCommand(binding.description, binding.tooltip, act)
        if self._overlay is not None:
            yield SystemCommand("Copy overlay address", "For OBS and scripts", self.action_copy_overlay)
