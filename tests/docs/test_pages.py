"""Tables of the documentation are complete: they name all that the program sends, reads and takes."""

import re
from dataclasses import fields
from pathlib import Path

from mmim_live.cli.commands import app
from mmim_live.events import Mark, Notice, Reading, Utterance
from mmim_live.output.sink import SUFFIXES
from mmim_live.serve.lsl import CHANNELS, EVENT_STREAM, READING_STREAM
from mmim_live.serve.osc import osc_messages
from mmim_live.settings import Settings
from mmim_train.data.formats.clips import read_clips
from tests.conftest import REPOSITORY
from tests.tui.scripted import SESSION, SUMMARY, reading, utterance, word_heard


def page(name: str) -> str:
    return (REPOSITORY / "docs" / name).read_text(encoding="utf-8")


def test_every_osc_message_is_documented() -> None:
    told = page("osc.md")
    events = (
        SESSION,
        SUMMARY,
        Mark(0.0),
        Notice(0.0, "a", "b"),
        word_heard("a", 0, 1, 1, "committed"),
        reading(6.0, 1.0),
        utterance(0, 1, "a", 1.0),
    )
    sent = {address for event in events for address, _ in osc_messages(event)}
    assert len(sent) > 15
    for address in sent:
        general = re.sub(r"^/mmim/utterance/(?!text$)", "/mmim/reading/", address)
        group, _, modality = general.rpartition("/")
        in_full = f"`{general}`" in told
        in_a_row = re.search(rf"`{group}/(text|voice)`.*`\.\.\./{modality}`", told)
        assert in_full or in_a_row, address


def test_every_lsl_channel_is_documented_in_its_order() -> None:
    told = page("lsl.md")
    places = [told.index(f"`{channel}`") for channel in CHANNELS]
    assert places == sorted(places)
    assert f"| `{READING_STREAM}` |" in told
    assert f"| `{EVENT_STREAM}` |" in told


def test_every_setting_field_and_suffix_is_documented() -> None:
    for name in Settings.model_fields:
        assert f"`{name}`" in page("live.md")
    for event in (Reading, Utterance):
        for each in fields(event):
            assert each.name == "type" or f"`{each.name}`" in page("formats.md"), each.name
    for suffix in SUFFIXES:
        assert f"`{suffix}`" in page("formats.md")


def test_every_command_is_documented() -> None:
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert len(commands) > 8
    for name in commands:
        assert f"mmim-live {name.replace('_', '-')}" in page("commands.md"), name


def test_the_example_of_a_label_table_is_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"```csv\n(.*?)```", page("clips.md"), re.DOTALL)
    (tmp_path / "label.csv").write_text(example, encoding="utf-8")
    clips = read_clips(tmp_path)
    assert [clip.split for clip in clips] == ["train", "train", "valid"]
    assert clips[0].scores == {"M": 2.0}
    for column in ("video_id", "clip_id", "label", "mode", "text", "label_T", "label_V", "label_A"):
        assert f"`{column}`" in page("clips.md")
