"""The commands. The only modules that print or exit; heavy libraries are imported inside each command.

Exit codes: 0 done, 1 an error that the user can fix (one line on standard error), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run a command. Nothing is imported before this, so that Ctrl-C during start-up prints no traceback."""
    try:
        if sys.argv[1:] == ["--version"]:
            from importlib.metadata import version

            print(f"mmim-live {version('mmim-live')}")
            return
        from mmim_live.cli.commands import run

        run(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
    except SystemExit as end:
        if isinstance(end.code, int):
            _leave(end.code)
        raise


def _leave(code: int) -> None:
    """Exit at once if no thread of ours is left; otherwise return.

    After a session the interpreter needs seconds to tear down torch, MediaPipe and CTranslate2, and the user who
    pressed q would wait for the shell. Exit handlers (PortAudio, temporary files) still run.
    """
    import atexit
    import os
    import threading

    if any(not each.daemon for each in threading.enumerate() if each is not threading.main_thread()):
        return
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # a closed pipe: the interpreter reports it
        return
    atexit._run_exitfuncs()
    os._exit(code)
