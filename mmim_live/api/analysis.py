"""The analysis of a whole recording as one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mmim_live.errors import MmimLiveError
from mmim_live.events import Event, Mark, Notice, Reading, Summary, Utterance, WordHeard
from mmim_live.output.sink import write_file

if TYPE_CHECKING:
    import pandas as pd

Table = Literal["utterances", "readings", "words"]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is in a recording, once all of it is known; times are media time in seconds."""

    events: tuple[Event, ...]  # everything, in order, provisional ones too
    media: Path | None = None  # the recording, for files that link it

    @property
    def utterances(self) -> tuple[Utterance, ...]:
        """What was said between two pauses, with its sentiment."""
        return tuple(event for event in self.events if isinstance(event, Utterance) and event.status == "committed")

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The sentiment of the rolling window, one for each step of `hop` seconds."""
        return tuple(event for event in self.events if isinstance(event, Reading) and event.status == "committed")

    @property
    def words(self) -> tuple[WordHeard, ...]:
        """The words, in order."""
        return tuple(event for event in self.events if isinstance(event, WordHeard) and event.status == "committed")

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What a person should know: a missing track, a language that is not supported."""
        return tuple(event for event in self.events if isinstance(event, Notice))

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The moments that were marked in a recorded session."""
        return tuple(event for event in self.events if isinstance(event, Mark))

    @property
    def summary(self) -> Summary:
        """Duration, counts and losses."""
        last = self.events[-1]
        assert isinstance(last, Summary)
        return last

    @property
    def text(self) -> str:
        """All that was said, one utterance per line."""
        return "\n".join(utterance.text for utterance in self.utterances)

    def to_pandas(self, table: Table = "utterances") -> pd.DataFrame:
        """The utterances, readings or words as a table, one row each.

        Contributions, agreement and presence have columns of their own, such as contributions_face.

        Raises:
            MmimLiveError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MmimLiveError("tables need pandas: pip install pandas") from error
        rows: dict[Table, Sequence[Event]] = {
            "utterances": self.utterances,
            "readings": self.readings,
            "words": self.words,
        }
        if table not in rows:
            raise MmimLiveError(f"there is no table {table!r}: choose from {', '.join(rows)}")
        return pd.DataFrame([_flat(asdict(event)) for event in rows[table]])

    def save(self, path: str | Path) -> None:
        """Write the events to a file; its suffix chooses the format, as `mmim-live replay --output` does.

        Raises:
            OutputError: an unknown suffix, or the file cannot be written.
        """
        write_file(path, self.events, self.media)


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields of fields get names of their own; those that are the same for all rows are left out."""
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            flat |= {f"{name}_{inner}": each for inner, each in value.items()}
        elif name not in {"type", "status"}:
            flat[name] = value
    return flat
