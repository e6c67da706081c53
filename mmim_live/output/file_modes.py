"""Who may read what a session writes: only the user, unless the folder says otherwise.

A folder says otherwise by its setgid bit or a default access control list, which are how files are shared with a group
on purpose. In such a folder the mode is the usual one: the umask, or the list, decides.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_DEFAULT_ACL = "system.posix_acl_default"  # where Linux keeps it


def new_file_mode(folder: Path) -> int:
    """The mode to create a file with in `folder`."""
    return 0o666 if _is_shared(folder) else 0o600


def new_folder_mode(parent: Path) -> int:
    """The mode to create a folder with in `parent`, which need not exist yet."""
    existing = next((each for each in (parent, *parent.absolute().parents) if each.exists()), parent)
    return 0o777 if _is_shared(existing) else 0o700


def _is_shared(folder: Path) -> bool:
    try:
        return bool(folder.stat().st_mode & stat.S_ISGID) or _has_default_acl(folder)
    except OSError:  # creating the file will say what is wrong
        return False


def _has_default_acl(folder: Path) -> bool:
    if not hasattr(os, "getxattr"):
        return False
    try:
        return bool(os.getxattr(folder, _DEFAULT_ACL))
    except OSError:  # it has none, or the file system knows none
        return False
