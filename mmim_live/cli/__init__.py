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
