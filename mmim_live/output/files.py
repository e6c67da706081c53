"""A file that only ever holds whole records, even after the process is killed."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from mmim_live.errors import OutputError
from mmim_live.output.file_modes import new_file_mode

_REMEDIES = {
    errno.ENOSPC: "free some space or choose another disk",
    errno.EDQUOT: "free some space or choose another disk",
    errno.EACCES: "choose a writable folder",
    errno.EPERM: "choose a writable folder",
    errno.EROFS: "choose a writable folder",
    errno.ENOENT: "create the folder first",
    errno.EISDIR: "name a file instead",
}


def output_error(path: Path, cause: OSError) -> OutputError:
    """The error for a file that cannot be written, with a remedy."""
    reason = cause.strerror or type(cause).__name__
    remedy = _REMEDIES.get(cause.errno or 0, "choose another file")
    return OutputError(f"cannot write {path}: {reason}; {remedy}")


_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)  # Windows would change line ends


class RecordFile:
    """A file written record by record, each by one system call, so that a killed run leaves whole records.

    Nothing is created, and an existing file is left alone, until the first record; it keeps its mode then. A new one is
    private, see `file_modes`. A failure to write removes what was begun and raises OutputError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def begun(self) -> bool:
        """Whether the file is open."""
        return self._descriptor is not None

    def append(self, record: str) -> None:
        """Add a record as UTF-8; what UTF-8 cannot hold, such as half a surrogate pair, becomes `?`."""
        data = memoryview(record.encode("utf-8", "replace"))
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self.path, _NEW_FILE, new_file_mode(self.path.parent))
            while data:  # one call does for a regular file, unless the disk is about to be full
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            self.discard()
            raise output_error(self.path, error) from error

    def close(self) -> None:
        """Close the file and keep it. Closing twice is harmless."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            os.close(descriptor)
        except OSError as error:  # network file systems report a full disk only here
            raise output_error(self.path, error) from error

    def discard(self) -> None:
        """Close the file and remove it if it was begun; a device or pipe is never removed."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        target = self.path.resolve()  # a link stays, what it points to goes
        try:
            begun = os.fstat(descriptor)
            os.close(descriptor)
            if stat.S_ISREG(begun.st_mode) and os.path.samestat(begun, target.stat()):
                target.unlink()
        except OSError:
            return  # gone already, or the disk itself failed: nothing is left to undo


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Have a file written beside its place and then moved there, so that it is whole or not there at all.

    `write` gets the path to write to. A new file is private, see `file_modes`; an existing one keeps its mode. What is
    no regular file, such as a pipe, is written in its place.

    Raises:
        OutputError: it cannot be written.
    """
    target = path.resolve()  # a link stays, what it points to is replaced
    try:
        mode = target.stat().st_mode if target.exists() else None
        if mode is not None and not stat.S_ISREG(mode):
            write(target)
            return
        begun = target.with_name(f".{target.name[:100]}.{os.getpid()}.part")
        # Exclusively: in a shared folder a link may lie in wait under this name.
        os.close(os.open(begun, _NEW_FILE | os.O_EXCL, new_file_mode(target.parent)))
        try:
            if mode is not None:
                begun.chmod(stat.S_IMODE(mode))
            write(begun)
            begun.replace(target)
        except BaseException:
            begun.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise output_error(path, error) from error
