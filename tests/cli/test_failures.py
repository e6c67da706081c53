"""Every error ends in one line and an exit code."""

import pytest

from mmim_live.cli.failures import BUG, FIXABLE, explained
from mmim_live.errors import MediaError


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        (MediaError("no such file"), "no such file", FIXABLE),
        (OSError(28, "No space left on device"), "cannot write the output: No space left on device", FIXABLE),
        (FileNotFoundError(2, "No such file or directory", "a\nb"), "a b: No such file or directory", FIXABLE),
        (KeyError("x\ny"), "a bug in mmim-live (KeyError: 'x\\ny')", BUG),
        (ValueError("x\ny"), "a bug in mmim-live (ValueError: x y)", BUG),
        (MemoryError(), "out of memory", FIXABLE),
        (ImportError("libfoo.so:\nno"), "a library cannot be loaded: libfoo.so: no", FIXABLE),
    ],
)
def test_an_error_becomes_one_line_and_an_exit_code(error: Exception, message: str, code: int):
    line, exit_code = explained(error)
    assert line.startswith(message)
    assert "\n" not in line
    assert exit_code == code
