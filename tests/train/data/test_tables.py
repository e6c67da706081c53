"""Tables of words and labels, clips, and vectors per utterance; real ones where the development data is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmim_live.errors import DataError
from mmim_live.text_normalization import normalize_text
from mmim_train.data.formats.clips import missing_clips, read_clips
from mmim_train.data.loader import open_dataset
from mmim_train.data.registry import EMOTIONS, SENTIMENTS
from tests.train.layouts import write_csv

ROW = {
    "video_id": "v",
    "clip_id": "1",
    "text": "SO GOOD",
    "text_en": "so good",
    "label": "1.5",
    "annotation": "Positive",
}


def meld_folder(folder: Path) -> Path:
    for name in ("train", "dev", "test"):
        rows: list[dict[str, Any]] = [
            {"Sr No.": i, "Utterance": f"he\x92s {emotion}", "Speaker": "Ross", "Emotion": emotion,
             "Sentiment": "neutral", "Dialogue_ID": 3, "Utterance_ID": i}
            for i, emotion in enumerate(EMOTIONS)
        ]  # fmt: skip
        write_csv(folder / f"{name}_sent_emo.csv", rows, "utf-8-sig")
    return folder


def test_meld_has_words_and_classes(tmp_path: Path) -> None:
    dataset = open_dataset("meld", meld_folder(tmp_path))
    split = dataset.split("valid")
    assert split.ids[1] == "valid_dia3_utt1"
    assert split.classes["emotion"].tolist() == list(range(7))
    assert split.classes["sentiment"].tolist() == [SENTIMENTS.index("neutral")] * 7
    assert normalize_text(split.texts[0]) == "hes neutral"  # the Windows apostrophe is one
    assert (dataset.voice_width, dataset.face_width, dict(split.scores)) == (0, 0, {})
    assert split.voice[0].shape == (0, 0)


def test_meld_with_an_unknown_emotion_names_the_row(tmp_path: Path) -> None:
    path = meld_folder(tmp_path) / "dev_sent_emo.csv"
    path.write_text(path.read_text().replace("fear,", "dread,"))
    with pytest.raises(DataError, match=r"row 4: Emotion is 'dread'"):
        open_dataset("meld", tmp_path)


def test_labels_are_read_as_words_alone(tmp_path: Path) -> None:
    rows = [ROW | {"mode": "train"}, ROW | {"mode": "valid", "label": "", "clip_id": "2", "annotation": ""}]
    path = write_csv(tmp_path / "label.csv", rows)
    dataset = open_dataset("mosi", path)
    assert dataset.split("train")[0].scores == {"M": 1.5}
    assert dataset.split("train")[0].classes == {"sentiment": 2}
    assert dataset.split("valid")[0].scores == {}
    assert dataset.split("valid").ids == ("v/2",)
    assert open_dataset("sims-english", write_csv(path, [ROW | {"label": 0.5, "mode": "train"}])).split(
        "train"
    ).texts == ("so good",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": "learn"}, "row 2: mode is 'learn'"),
        ({"label": "good"}, "row 2: label is 'good', expected a number"),
        ({"label": "nan"}, "expected a finite number"),
        ({"label": "9"}, "outside -3 to 3"),
        ({"annotation": "Meh"}, "row 2: annotation is 'meh'"),
        ({"text": ""}, "labels without words"),
    ],
)
def test_bad_cells_are_named(change: dict[str, str], message: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "label.csv", [ROW | {"mode": "train"} | change])
    with pytest.raises(DataError, match=message) as error:
        open_dataset("mosi", path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "lacks the column 'video_id'; it has none"),
        (b"a,b\n1,2\n", "lacks the column 'video_id'; it has a, b"),
        (b"video_id,clip_id,text,label,mode\nv,1\n", "row 2 has not as many cells"),
        (b"video_id,clip_id,text,label,mode\nv,1,t,1,train,x\n", "row 2 has not as many cells"),
        (b"video_id,clip_id,text,label,mode\nv,1,\xff\xfe,1,train\n", "not UTF-8"),
        (b'video_id,clip_id,text,label,mode\nv,1,"never closed,1,train\n', "line"),
        (b"video_id,clip_id,text,label,mode\n", "holds"),
    ],
)
def test_bad_tables_are_named(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "label.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        open_dataset("mosi", tmp_path / "label.csv")


def test_ratings_are_brought_to_the_scale_of_mosi(tmp_path: Path) -> None:
    rows = [{"sentence": "a", "positivity": p, "split": "train"} for p in (0, 0.5, 1)]
    sst = open_dataset("sst", write_csv(tmp_path / "sst.csv", rows))
    assert sst.split("train").scores["M"].tolist() == [-3, 0, 3]
    rows = [{"source": "tweets", "id": i, "mean_rating": m, "text": "a"} for i, m in enumerate((-4, 0, 2) * 40)]
    vader = open_dataset("vader", write_csv(tmp_path / "vader.csv", rows))
    assert set(vader.split("train").scores["M"].tolist()) == {-3, 0, 1.5}
    assert 2 <= len(vader.split("valid")) <= 30
    valid = set(vader.split("valid").ids)
    fewer = open_dataset("vader", write_csv(tmp_path / "vader.csv", rows[:60]))
    assert set(fewer.split("valid").ids) == {i for i in valid if int(i.split("_")[1]) < 60}  # whatever else is there
    rows = [{"id": "x", "split": "dev", "V": 5, "A": 1, "D": 3, "text": "a"}]
    emobank = open_dataset("emobank", write_csv(tmp_path / "emobank.csv", rows))
    assert emobank.split("valid")[0].scores == {"M": 3, "valence": 1, "arousal": -1}


# ---- clips ------------------------------------------------------------------------------------------------------


def test_clips_are_found_and_missing_ones_named(tmp_path: Path) -> None:
    rows = [ROW | {"mode": "train", "clip_id": c, "label_T": "0.5"} for c in ("1", "2", "3.5")]
    write_csv(tmp_path / "label.csv", rows)
    (tmp_path / "Raw" / "v").mkdir(parents=True)
    (tmp_path / "Raw" / "v" / "1.mp4").touch()
    (tmp_path / "Raw" / "v" / "3.5.webm").touch()
    clips = read_clips(tmp_path)
    assert [clip.id for clip in clips] == ["v/1", "v/2", "v/3.5"]
    assert clips[2].path.name == "3.5.webm"
    assert clips[0].scores == {"M": 1.5, "T": 0.5}
    assert missing_clips(clips) == (f"v/2: no file {tmp_path / 'Raw' / 'v' / '2.mp4'}",)


@pytest.mark.parametrize("video", ["..", "../x", "/etc", "", "a\\b", "."])
def test_a_table_cannot_lead_out_of_its_folder(video: str, tmp_path: Path) -> None:
    write_csv(tmp_path / "label.csv", [ROW | {"mode": "train", "video_id": video}])
    with pytest.raises(DataError, match="is no file name"):
        read_clips(tmp_path)


def test_clips_twice_or_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lacks label.csv"):
        read_clips(tmp_path)
    write_csv(tmp_path / "label.csv", [ROW | {"mode": "train"}] * 2)
    with pytest.raises(DataError, match="row 3: v/1 occurs twice"):
        read_clips(tmp_path)


# ---- vectors per utterance --------------------------------------------------------------------------------------


def write_vectors(folder: Path, name: str, n: int, **change: Any) -> None:
    rng = np.random.default_rng(n)
    part = {
        "id": np.array([f"{name}_{i}" for i in range(n)]),
        "sentence": np.array(["SO GOOD"] * n),
        "label": rng.uniform(-3, 3, n).astype(np.float32),
        "audio": rng.normal(size=(n, 73)).astype(np.float32),
        "video": rng.normal(size=(n, 100)).astype(np.float32),
        "text": np.zeros((n, 100), np.float32),
    }
    np.savez(folder / f"mosi_utterance_{name}.npz", **(part | change))


def test_vectors_become_sequences_of_one_row(tmp_path: Path) -> None:
    write_vectors(tmp_path, "train", 20)
    write_vectors(tmp_path, "valid", 6)
    dataset = open_dataset("mosi-utterance", tmp_path)
    with np.load(tmp_path / "mosi_utterance_valid.npz") as part:
        np.testing.assert_array_equal(dataset.split("valid")[3].voice, part["audio"][3:4])
        np.testing.assert_array_equal(dataset.split("valid")[5].face, part["video"][5:6])
    assert set(dataset.splits) == {"train", "valid"}


def test_damaged_vectors_are_named(tmp_path: Path) -> None:
    write_vectors(tmp_path, "train", 20, audio=np.zeros((19, 73), np.float32))
    with pytest.raises(DataError, match=r"\['audio'\]: has the shape \(19, 73\), expected \(20, any\)"):
        open_dataset("mosi-utterance", tmp_path)
    path = tmp_path / "mosi_utterance_train.npz"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="cannot be read"):
        open_dataset("mosi-utterance", tmp_path)
    np.savez(path, id=np.array([object()], dtype=object))
    with pytest.raises(DataError, match="cannot be read"):
        open_dataset("mosi-utterance", tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_vectors_end_in_one_line(data: st.DataObject, tmp_path: Path) -> None:
    write_vectors(tmp_path, "train", 20)
    path = tmp_path / "mosi_utterance_train.npz"
    damaged = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))] if data.draw(st.booleans()) else damaged)
    try:
        open_dataset("mosi-utterance", tmp_path)
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017  (a flipped byte may not matter)


# ---- real ones --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "file", "counts"),
    [
        ("mosi", "labels/mosi.csv", (1284, 229)),
        ("sims", "labels/sims.csv", (1368, 456)),
        ("simsv2-english", "labels/simsv2.csv", (2722, 647)),
        ("meld", "labels/meld.csv", (9989, 1109)),
        ("sst", "text/sst.csv", (8544, 1101)),
        ("emobank", "text/emobank.csv", (8062, 1000)),
        ("mosi-utterance", "features", (1447, 376)),
    ],
)
def test_real_tables(name: str, file: str, counts: tuple[int, int], shared_data: Path) -> None:
    dataset = open_dataset(name, shared_data / file)
    assert (len(dataset.split("train")), len(dataset.split("valid"))) == counts
    if name == "meld":  # 4710 of the 9989 train utterances are neutral, says the paper
        assert int((dataset.split("train").classes["emotion"] == EMOTIONS.index("neutral")).sum()) == 4710


def test_real_labels_without_words_are_refused(shared_data: Path) -> None:
    with pytest.raises(DataError, match="labels without words"):
        open_dataset("mosei", shared_data / "labels" / "mosei.csv")
