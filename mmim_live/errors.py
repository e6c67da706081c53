"""The errors of mmim-live. Each message is one line that says what, where and how to mend it.

Knows nothing of the other modules. `cli` is the only place that turns an error into an exit code.
"""


class MmimLiveError(Exception):
    """The root of the tree: whatever a user can cause or mend."""


class DeviceError(MmimLiveError):
    """A camera, a microphone or a compute device is missing, busy or forbidden."""


class MediaError(MmimLiveError):
    """A recording cannot be read."""


class AssetError(MmimLiveError):
    """A model file is missing, damaged or cannot be fetched."""


class CheckpointError(MmimLiveError):
    """A checkpoint folder is incomplete, malformed or made for other features."""


class DataError(MmimLiveError):
    """A data set file is malformed, or does not hold what was asked of it."""


class ConfigError(MmimLiveError):
    """A setting is unknown or out of range."""


class OutputError(MmimLiveError):
    """An output file cannot be written."""


class RenamedWarning(FutureWarning):
    """Something is asked for by its former name, which still works; the message is one line that gives the new one."""


class WorkerError(MmimLiveError):
    """A worker thread died of an unforeseen error; the cause is chained."""
