"""The commands. The only modules that print or exit; heavy libraries are imported inside each command.

Exit codes: 0 done, 1 something a user can mend (one line on standard error), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run a command. Nothing is imported before this: an interrupted start is as quiet as any other interruption."""
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
    """End the process, once all of ours is closed; return where that is not so.

    After a session the interpreter needs seconds to take apart torch, MediaPipe and CTranslate2, and whoever pressed q
    would wait for the shell. What registered for the exit (PortAudio, temporary files) is still done.
    """
    import atexit
    import os
    import threading

    if any(not each.daemon for each in threading.enumerate() if each is not threading.main_thread()):
        return
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # a closed pipe: the interpreter says what there is to say
        return
    atexit._run_exitfuncs()
    os._exit(code)
