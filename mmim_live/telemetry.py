"""Keeps the usage reports of libraries on this machine.

- onnxruntime (voice activity detection) sends telemetry to Microsoft some 9 s after the first inference session, and
  keeps a device identifier in the user's cache folder. `ORT_DISABLE_TELEMETRY=1` before that session stops both;
  `disable_telemetry_events()` does not.
- mediapipe (face landmarker) sends usage logs to Google through the libcurl inside libmediapipe. An HTTPS proxy that
  refuses every connection stops even the look-up of the host's name.
- huggingface_hub sends the names and versions of the libraries that call it. `HF_HUB_DISABLE_TELEMETRY=1` stops that.
"""

from __future__ import annotations

import ctypes
import os
import sys

BLOCKED = {"ORT_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
_CLOSED_PROXY = "http://127.0.0.1:9"  # the discard port, on which nothing listens
_SWITCHES = {  # by library: the variable that it reads, and the value that stops its reports
    "onnxruntime": ("ORT_DISABLE_TELEMETRY", BLOCKED["ORT_DISABLE_TELEMETRY"]),
    "huggingface_hub": ("HF_HUB_DISABLE_TELEMETRY", BLOCKED["HF_HUB_DISABLE_TELEMETRY"]),
    "mediapipe": ("https_proxy", _CLOSED_PROXY),
}


def block_library_telemetry() -> None:
    """Set what onnxruntime and huggingface_hub read; must run before either is imported. Subprocesses inherit it."""
    os.environ.update(BLOCKED)


def block_mediapipe_uploads() -> None:
    """Send the uploads of mediapipe to a closed port; must run before the first mediapipe task is created.

    Only the C environment changes, which libcurl reads; `os.environ`, and with it every download by Python code in
    this process, keeps the user's own proxy.
    """
    os.putenv("https_proxy", _CLOSED_PROXY)  # libcurl prefers the lower-case name
    for name in ("no_proxy", "NO_PROXY"):  # would exempt hosts from the proxy
        os.unsetenv(name)


def blocked_libraries() -> dict[str, bool]:
    """For each library: whether its reports are blocked, by the environment that native code sees."""
    return {library: _native_environment(name) == value for library, (name, value) in _SWITCHES.items()}


def _native_environment(name: str) -> str | None:
    if sys.platform == "win32":  # one environment per process there
        return os.environ.get(name)
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_char_p
    value: bytes | None = getenv(name.encode())
    return None if value is None else os.fsdecode(value)
