"""Checks what is missing on this machine, and says how to fix it. The checks are independent of each other."""

from __future__ import annotations

import ctypes.util
import importlib.metadata
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mmim_live import assets
from mmim_live.errors import MmimLiveError
from mmim_live.settings import DEFAULT_CHECKPOINT
from mmim_live.telemetry import block_mediapipe_uploads, blocked_libraries

IMPORT_TIMEOUT_S = 60.0

# The beginnings of the names of what every analysis needs. Other checks are about what can be done without.
NEEDED = (
    "python",
    "torch",
    "text encoder",
    "face landmarker",
    "speech recognition",
    f"checkpoint {DEFAULT_CHECKPOINT}",
)

_TORCH = "'torch>=2.11,<2.15' 'torchaudio>=2.11,<2.12'"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `fix` says what to do if it is not `ok`."""

    name: str
    ok: bool
    found: str
    fix: str = ""


def examine() -> Iterator[Check]:
    """Run all checks, in the order in which things are needed."""
    yield Check("python", sys.version_info >= (3, 11), platform.python_version(), "install Python 3.11 or newer")
    yield _imports("torch and torchaudio", "torch, torchaudio", _fix_torch())
    yield _imports("text encoder", "transformers", "pip install --upgrade transformers")
    yield _imports(
        "face landmarker",
        "mediapipe.tasks.python.vision",
        "on Debian or Ubuntu: apt-get install libgl1 libegl1 libgles2 libglib2.0-0",
    )
    yield _same_opencv()
    yield _imports("speech recognition", "faster_whisper", "pip install --upgrade faster-whisper")
    yield _microphone()
    for asset in assets.ASSETS.values():
        yield _asset(asset)
    yield _located(f"checkpoint {DEFAULT_CHECKPOINT}", lambda: str(assets.checkpoint_folder(DEFAULT_CHECKPOINT)))
    yield _telemetry()
    yield _terminal()


def _imports(name: str, modules: str, fix: str) -> Check:
    """Import in a separate process: some failures end the process."""
    command = [sys.executable, "-W", "ignore", "-c", f"import {modules}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=IMPORT_TIMEOUT_S, check=False)  # noqa: S603 (fixed arguments)
    except subprocess.TimeoutExpired:
        return Check(name, False, f"import took more than {IMPORT_TIMEOUT_S:.0f} s", fix)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"])[-1]
        return Check(name, False, reason, fix)
    return Check(name, True, ", ".join(_version(module.strip().split(".")[0]) for module in modules.split(",")))


def _version(module: str) -> str:
    names = {"faster_whisper": "faster-whisper"}
    return f"{module} {importlib.metadata.version(names.get(module, module))}"


def _fix_torch() -> str:
    """torchaudio's Linux wheel is built against CUDA and does not load beside a CPU-only torch."""
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        version = ""
    if "+cpu" in version:
        return f"torch {version} is a CPU-only build: pip install --force-reinstall {_TORCH}"
    return f"pip install {_TORCH}"


def _same_opencv() -> Check:
    """mediapipe brings opencv-contrib-python, which shares its folder with opencv-python."""
    found = {}
    for name in ("opencv-python", "opencv-contrib-python"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    fix = "pip install --force-reinstall opencv-python opencv-contrib-python"
    return Check("opencv", len(set(found.values())) == 1, ", ".join(f"{k} {v}" for k, v in found.items()), fix)


def _microphone() -> Check:
    found = ctypes.util.find_library("portaudio")
    bundled = sys.platform in {"darwin", "win32"}  # sounddevice brings its own there
    fix = "only needed for a microphone; on Debian or Ubuntu: apt-get install libportaudio2"
    return Check("PortAudio", bool(found) or bundled, found or ("bundled" if bundled else "missing"), fix)


def _asset(asset: assets.Asset) -> Check:
    def where() -> str:
        located = assets.find(asset.name)
        if located is None:
            raise MmimLiveError("not installed")
        return f"{located.origin}: {located.folder}"

    return _located(f"model {asset.name} ({asset.purpose})", where, asset.install)


def _located(name: str, look: Callable[[], str], fix: str = "") -> Check:
    try:
        return Check(name, True, look())
    except MmimLiveError as error:
        return Check(name, False, str(error), fix)


def _telemetry() -> Check:
    block_mediapipe_uploads()  # as the face landmarker does before it starts
    blocked = blocked_libraries()
    open_ones = [library for library, is_blocked in blocked.items() if not is_blocked]
    if not open_ones:
        return Check("usage reports of libraries", True, f"blocked: {', '.join(blocked)}")
    fix = "something in this process has changed the environment after mmim-live had set it"
    return Check("usage reports of libraries", False, f"not blocked: {', '.join(open_ones)}", fix)


def _terminal() -> Check:
    size = shutil.get_terminal_size()
    return Check(
        "terminal",
        size.columns >= 80 and size.lines >= 24,
        f"{size.columns}x{size.lines}",
        "the app needs at least 80x24",
    )
