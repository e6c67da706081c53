"""Who may read what a session writes: nobody else, unless the folder is a shared one."""

import os
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmim_live.events import Mark
from mmim_live.output import open_sink
from mmim_live.output.sink import SUFFIXES
from mmim_live.recording.folder import EVENTS, MEDIA, SETTINGS, RecordingFolder
from mmim_live.recording.matroska import MatroskaFile

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs file modes")


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: Path) -> int:
    sink = open_sink(path)
    sink.write(Mark(time_s=1.0, label="here"))
    sink.close()
    return mode(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_only_the_user_may_read_an_output(tmp_path: Path, suffix: str) -> None:
    assert write(tmp_path / f"new{suffix}") == 0o600


def test_an_existing_output_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "old.jsonl"
    path.touch()
    path.chmod(0o664)
    assert write(path) == 0o664


@pytest.mark.parametrize(
    ("folder", "file"),
    [
        (0o755, 0o600),
        (0o775, 0o600),
        (0o1777, 0o600),  # as /tmp
        (0o2775, 0o644),  # setgid: shared by a group
    ],
)
def test_a_folder_that_a_group_shares_has_the_umask_decide(tmp_path: Path, folder: int, file: int) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "place").chmod(folder)
    assert write(tmp_path / "place" / "new.csv") == file


@pytest.mark.skipif(sys.platform != "linux", reason="needs access lists of Linux")
def test_a_folder_with_a_default_access_list_decides_itself(tmp_path: Path) -> None:
    everybody = 0xFFFFFFFF
    # Tag, permissions, user: the user rwx, user 1 r, the group none, the mask r, others none.
    entries = [(0x01, 7, everybody), (0x02, 4, 1), (0x04, 0, everybody), (0x10, 4, everybody), (0x20, 0, everybody)]
    access_list = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(tmp_path, "system.posix_acl_default", access_list)
    except OSError:
        pytest.skip("the file system has no access lists")
    assert write(tmp_path / "new.csv") == 0o640  # 4: the mask, without which user 1 could not read it


def record(path: Path) -> Path:
    folder = RecordingFolder(path)
    folder.describe({})
    folder.append(Mark(time_s=1.0, label="here"))
    MatroskaFile(folder.path / MEDIA, None, audio=True).close()
    return folder.finish()


def test_only_the_user_may_open_a_recording(tmp_path: Path) -> None:
    folder = record(tmp_path / "new" / "recording")
    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == dict.fromkeys((MEDIA, EVENTS, SETTINGS), 0o600)


def test_a_recording_in_a_folder_that_a_group_shares_has_the_umask_decide(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "place").chmod(0o2775)
    folder = record(tmp_path / "place" / "recording")
    assert mode(folder) & 0o777 == 0o755
    assert {mode(path) for path in folder.iterdir()} == {0o644}
