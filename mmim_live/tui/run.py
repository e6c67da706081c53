"""Runs the app in the terminal. Knows what can go wrong around it; the app knows what goes wrong within."""

from pathlib import Path

from mmim_live.errors import WorkerError
from mmim_live.tui.app import EventSource, MmimApp
from mmim_live.tui.stderr import stderr_to_log


def run_app(source: EventSource, *, title: str, log_path: Path, ascii_only: bool = False) -> None:
    """Show the session of `source` until the user leaves; then its threads have been joined.

    What native libraries print goes to the end of `log_path`. Raises the MmimLiveError that ended the session, and
    WorkerError if the display itself died (its traceback is in the log).
    """
    app = MmimApp(source, title=title, ascii_only=ascii_only)
    with stderr_to_log(log_path):
        app.run()
    if app.failure is not None:
        raise app.failure
    if app.return_code:
        raise WorkerError(f"the display died; its traceback is at the end of {log_path}, please report it")
