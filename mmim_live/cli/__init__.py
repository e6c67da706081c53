"""The commands. The only modules that print or exit; heavy libraries are imported inside each command.

Exit codes: 0 done, 1 an error that the user can fix (one line on standard error), 2 wrong usage, 3 a bug (one line
too), 130 interrupted.
"""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> None:
    """Run a command. Nothing is imported before this, so that Ctrl-C during start-up prints no traceback."""
    try:
        from mmim_live.cli.standard_streams import prepare_streams

        prepare_streams()
        if sys.argv[1:] == ["--version"]:
            from importlib.metadata import version

            sys.stdout.write(f"mmim-live {version('mmim-live')}\n")
            _leave(0)
        from mmim_live.cli.commands import run

        run(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:  # standard output does not take the version
        from mmim_live.cli.failures import explained
        from mmim_live.cli.standard_streams import write_error

        write_error(explained(error)[0])
        _leave(1)
    except SystemExit as end:
        if isinstance(end.code, int):
            _leave(end.code)
        raise


def _leave(code: int) -> NoReturn:
    """Exit at once if no thread of ours is left, otherwise in the usual way.

    After a session the interpreter needs seconds to tear down torch, MediaPipe and CTranslate2, and the user who
    pressed q would wait for the shell. Exit handlers (PortAudio, temporary files) still run.
    """
    import atexit
    import os
    import threading

    from mmim_live.cli.failures import explained
    from mmim_live.cli.standard_streams import flush_streams, write_error

    failure = flush_streams()
    if failure is not None and code == 0:
        message, code = explained(failure)
        if not isinstance(failure, BrokenPipeError):
            write_error(message)
    if any(not each.daemon for each in threading.enumerate() if each is not threading.main_thread()):
        sys.exit(code)
    atexit._run_exitfuncs()
    os._exit(code)
