"""The errors of mmim-live. Each message is one line that says what is wrong, where, and how to fix it.

Only `cli` turns an error into an exit code.
"""

from mmim_live.text_normalization import one_line

_HEAD, _TAIL = 600, 300  # characters of a long message: what is wrong comes first, how to fix it last


class MmimLiveError(Exception):
    """The root of the hierarchy: anything that a user can cause or fix.

    The message stays one line that can be read, whatever names, keys and values it quotes: of a long one, the middle is
    left out.
    """

    def __init__(self, message: str) -> None:
        line = one_line(message)
        if len(line) > _HEAD + _TAIL:
            line = f"{line[:_HEAD]} ... {line[-_TAIL:]}"
        super().__init__(line)


class DeviceError(MmimLiveError):
    """A camera, a microphone or a compute device is missing, busy or forbidden."""


class NoDeviceError(DeviceError):
    """There is no device at all yet; one may be connected later."""


class MediaError(MmimLiveError):
    """A recording cannot be read."""


class AssetError(MmimLiveError):
    """A model file is missing, damaged or cannot be downloaded."""


class CheckpointError(MmimLiveError):
    """A checkpoint folder is incomplete, malformed or made for other features."""


class DataError(MmimLiveError):
    """A data set file is malformed, or does not contain what was requested."""


class ConfigError(MmimLiveError):
    """A setting is unknown or out of range."""


class PluginError(MmimLiveError):
    """Something that another package adds to mmim-live cannot be used."""


class OutputError(MmimLiveError):
    """An output file cannot be written."""


class RenamedWarning(FutureWarning):
    """Something was requested by its former name, which still works; the message is one line with the new name."""


class WorkerError(MmimLiveError):
    """A worker thread died of an unexpected error; the cause is chained."""
