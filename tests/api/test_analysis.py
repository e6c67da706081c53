"""A whole recording as one value, its tables and its files."""

from pathlib import Path

import pytest

import mmim_live
from mmim_live.errors import MmimLiveError, OutputError


def test_it_holds_what_is_final(analysis: mmim_live.Analysis):
    assert analysis.summary.counts["words"] == len(analysis.words) > 10
    assert analysis.summary.counts["readings"] == len(analysis.readings)
    assert [utterance.text for utterance in analysis.utterances] == analysis.text.splitlines()
    assert {reading.status for reading in analysis.readings} == {"committed"}
    assert {word.status for word in analysis.words} == {"committed"}


def test_tables_have_a_row_for_each(analysis: mmim_live.Analysis):
    utterances = analysis.to_pandas()
    assert list(utterances["text"]) == [utterance.text for utterance in analysis.utterances]
    assert list(utterances["contributions_text"]) == [each.contributions.text for each in analysis.utterances]
    assert "type" not in utterances
    assert len(analysis.to_pandas("readings")) == len(analysis.readings)
    assert len(analysis.to_pandas("words")) == len(analysis.words)
    with pytest.raises(MmimLiveError, match="no table 'faces'"):
        analysis.to_pandas("faces")  # type: ignore[arg-type]


def test_it_is_saved_in_the_format_of_the_suffix(analysis: mmim_live.Analysis, tmp_path: Path):
    analysis.save(tmp_path / "talk.srt")
    assert analysis.words[0].text in (tmp_path / "talk.srt").read_text(encoding="utf-8")
    analysis.save(str(tmp_path / "talk.jsonl"))
    assert len((tmp_path / "talk.jsonl").read_text(encoding="utf-8").splitlines()) == len(analysis.events)
    analysis.save(tmp_path / "talk.html")
    page = (tmp_path / "talk.html").read_text(encoding="utf-8")
    assert analysis.utterances[0].text in page
    assert analysis.media is not None
    assert f"/{analysis.media.name}" in page  # the recording is played from where it is
    with pytest.raises(OutputError, match="not a supported format"):
        analysis.save(tmp_path / "talk.docx")


def test_completion_shows_what_is_public_and_nothing_else():
    assert dir(mmim_live) == sorted(mmim_live.__all__)
