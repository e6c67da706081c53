"""The readers of published layouts, on small files in exactly those layouts."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmim_live.errors import DataError
from mmim_train.data import checksums as digests
from mmim_train.data.dataset import DataSet
from mmim_train.data.loader import open_dataset
from tests.train.layouts import COUNTS, misa, mmsa, mult, write_csv, write_pickle


def notes(dataset: DataSet) -> str:
    return "\n".join(dataset.provenance.notes)


def all_finite(dataset: DataSet) -> bool:
    return all(np.isfinite(r.values).all() for s in dataset.splits.values() for r in (s.voice, s.face))


# ---- MMSA -------------------------------------------------------------------------------------------------------


def test_unaligned_mmsa_has_the_lengths_of_its_fields(tmp_path: Path) -> None:
    content = mmsa()
    dataset = open_dataset("mosi", write_pickle(tmp_path / "unaligned_50.pkl", content))
    assert {name: len(split) for name, split in dataset.splits.items()} == COUNTS
    assert (dataset.voice_width, dataset.face_width, dataset.language) == (5, 7, "en")
    for name, split in dataset.splits.items():
        part = content[name]
        assert split.voice.lengths.tolist() == list(part["audio_lengths"])
        assert split.face.lengths.tolist() == list(part["vision_lengths"])
        assert list(split.ids) == part["id"]
        assert list(split.texts) == part["raw_text"].tolist()
        np.testing.assert_allclose(split.scores["M"], part["regression_labels"], atol=1e-6)
        np.testing.assert_array_equal(split.classes["sentiment"], part["classification_labels"])
        for i in range(len(split)):
            true = part["vision"][i, : split.face.lengths[i]].astype(np.float32)
            seen = np.isfinite(true)
            np.testing.assert_array_equal(split[i].face[seen], true[seen])
        assert not split.voice[0][1].any()  # the zero frame inside is a frame


def test_what_is_not_finite_becomes_the_mean_of_train(tmp_path: Path) -> None:
    content = mmsa()
    dataset = open_dataset("mosi", write_pickle(tmp_path / "x.pkl", content))
    assert all_finite(dataset)
    train = content["train"]
    true = [train["audio"][i, :n, 2] for i, n in enumerate(train["audio_lengths"])]
    column = np.concatenate(true)
    mean = column[np.isfinite(column)].mean()
    for split in dataset.splits.values():
        assert split.voice[1][0, 2] == pytest.approx(mean, rel=1e-5)
    assert "1 values of voice in train were not finite" in notes(dataset)
    assert "1 values of face in test were not finite" in notes(dataset)


def test_aligned_mmsa_is_as_long_as_its_text_mask(tmp_path: Path) -> None:
    content = mmsa(aligned=True)
    dataset = open_dataset("mosei", write_pickle(tmp_path / "aligned_50.pkl", content))
    for name, split in dataset.splits.items():
        expected = content[name]["text_bert"][:, 1].sum(axis=1).astype(int).tolist()
        assert split.voice.lengths.tolist() == split.face.lengths.tolist() == expected
    assert "beyond" not in notes(dataset)
    content = mmsa(aligned=True)
    content["train"]["audio"][3, -1] = 1
    assert "train: 1 samples have audio frames beyond" in notes(
        open_dataset("mosi", write_pickle(tmp_path / "y.pkl", content))
    )


def test_sims_has_labels_of_its_modalities(tmp_path: Path) -> None:
    content = mmsa(sims=True)
    dataset = open_dataset("sims", write_pickle(tmp_path / "unaligned_39.pkl", content))
    assert (dataset.language, dataset.scale, dataset.scoring) == ("zh", (-1, 1), "sims")
    for name in "TAV":
        np.testing.assert_allclose(
            dataset.split("test").scores[name], content["test"][f"regression_labels_{name}"], atol=1e-6
        )
    assert set(dataset.split("test")[0].scores) == {"M", "T", "A", "V"}


def test_odd_shapes_of_published_labels_are_read(tmp_path: Path) -> None:
    content = mmsa()
    for part in content.values():
        part["regression_labels"] = part["regression_labels"].reshape(-1, 1, 1)
        part["raw_text"] = part["raw_text"].astype(object)
        part["audio"] = part["audio"].astype(np.float32)
    dataset = open_dataset("mosi", write_pickle(tmp_path / "x.pkl", content))
    assert dataset.split("valid").scores["M"].shape == (6,)


def test_a_mosei_label_beyond_the_scale_is_named(tmp_path: Path) -> None:
    content = mmsa()
    content["valid"]["regression_labels"][4] = 3.5
    with pytest.raises(DataError, match=r"valid: sample 4 .* has label M = 3.5, outside -3 to 3"):
        open_dataset("mosi", write_pickle(tmp_path / "x.pkl", content))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.pop("audio"), "lacks the key 'audio'"),
        (lambda p: p.pop("id"), "lacks the key 'id'"),
        (lambda p: p.pop("raw_text"), "lacks the key 'raw_text'"),
        (lambda p: p.pop("vision_lengths"), "lacks the key 'vision_lengths'"),
        (lambda p: p.update(audio=p["audio"][:, :, 0]), r"\['audio'\]: has the shape \(20, 15\), expected \(20, any"),
        (lambda p: p.update(vision=p["vision"][:-1]), r"\['vision'\]: has the shape \(19, 20, 7\)"),
        (lambda p: p.update(vision=[[1], [2, 3]]), "not an array of numbers"),
        (lambda p: p.update(audio_lengths=[16] * 20), "holds 16 to 16, expected whole numbers from 0 to 15"),
        (lambda p: p.update(audio_lengths=[1.5] * 20), "expected whole numbers"),
        (lambda p: p.update(regression_labels=np.zeros(7)), r"has the shape \(7,\), expected \(20,\)"),
        (lambda p: p.update(regression_labels=np.full(20, np.nan)), "label 0 is nan"),
        (lambda p: p.update(classification_labels=np.full(20, 5)), "other numbers than 0, 1 and 2"),
        (lambda p: p.update(raw_text="all"), "expected one string per sample"),
        (lambda p: p.update(raw_text=[1] * 20), "is a int, expected a string"),
    ],
)  # fmt: skip
def test_malformed_mmsa_says_what_and_where(change: Any, message: str, tmp_path: Path) -> None:
    content = mmsa()
    change(content["train"])
    path = write_pickle(tmp_path / "x.pkl", content)
    with pytest.raises(DataError, match=message) as error:
        open_dataset("mosi", path)
    assert str(error.value).startswith(f"{path}: train")
    assert "\n" not in str(error.value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_field_may_be_anything(data: st.DataObject, tmp_path: Path) -> None:
    content = mmsa(aligned=data.draw(st.booleans()), sims=True)
    part = content[data.draw(st.sampled_from(["train", "valid"]))]
    key = data.draw(st.sampled_from(sorted(part)))
    junk: list[Any] = [
        None,
        3,
        "x",
        [],
        {},
        [None] * 20,
        np.zeros((20, 2)),
        np.zeros(()),
        np.zeros((0, 4, 4)),
        [[]] * 20,
        b"",
        [b"a"],
    ]
    part[key] = junk[data.draw(st.integers(0, len(junk) - 1))]
    try:
        dataset = open_dataset("sims", write_pickle(tmp_path / "x.pkl", content))
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert key in ("text", "annotations", "text_bert", "regression_labels", "regression_labels_T") or len(
            dataset.splits
        )


def test_the_digest_names_a_published_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_pickle(tmp_path / "x.pkl", mmsa())
    assert "not among the published sums" in notes(open_dataset("mosi", path))
    sum_ = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(digests.PUBLISHED, sum_, digests.Published("mosi", "unaligned_50.pkl"))
    dataset = open_dataset("mosi", path)
    assert "matches unaligned_50.pkl of mosi as published by thuiar/MMSA" in notes(dataset)
    assert dataset.provenance.sha256 == sum_
    with pytest.raises(DataError, match=r"this is unaligned_50.pkl of mosi, not mosei"):
        open_dataset("mosei", path)


def test_counts_and_shared_ids_are_noted(tmp_path: Path) -> None:
    content = mmsa()
    content["test"]["id"][0] = content["train"]["id"][5]
    dataset = open_dataset("mosi", write_pickle(tmp_path / "x.pkl", content))
    assert "published with 1284/229/686 train/valid/test samples; this copy holds 20/6/5" in notes(dataset)
    assert "1 ids occur in more than one split" in notes(dataset)


# ---- MulT -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mosei", [False, True])
def test_mult_loses_only_leading_zero_frames(mosei: bool, tmp_path: Path) -> None:
    path = mult(tmp_path, mosei=mosei)
    content = pickle.loads(path.read_bytes())
    dataset = open_dataset("mosi", path)
    for name, split in dataset.splits.items():
        padded = content[name]["vision"]
        assert split.face.lengths[0] == 0  # nothing but zeros: absent
        for i in range(1, len(split)):
            rows = split.face[i]
            assert rows[0].any()
            assert not rows[-2].any()  # a zero frame inside stays
            np.testing.assert_array_equal(rows, padded[i, -len(rows) :].astype(np.float32))
            assert not padded[i, : -len(rows)].any() or len(rows) == padded.shape[1]
        np.testing.assert_allclose(split.scores["M"], content[name]["labels"].reshape(-1))
    assert all_finite(dataset)


def test_mult_finds_words_by_id_whatever_the_order_of_the_table(tmp_path: Path) -> None:
    path = mult(tmp_path)
    first = open_dataset("mosi", path)
    table = tmp_path / "MOSI-label.csv"
    head, *rows = table.read_text().splitlines()
    table.write_text("\n".join([head, *reversed(rows)]))
    assert open_dataset("mosi", path).split("train").texts == first.split("train").texts


def test_mult_without_matching_words_is_refused(tmp_path: Path) -> None:
    path = mult(tmp_path, mosei=True)
    table = tmp_path / "MOSI-label.csv"
    head, *rows = table.read_text().splitlines()
    table.write_text("\n".join([head, *reversed(rows)]))
    with pytest.raises(DataError, match="another order"):
        open_dataset("mosei", path)
    table.write_text("\n".join([head, *rows[1:]]))
    with pytest.raises(DataError, match="19 rows for 20 ids"):
        open_dataset("mosei", path)
    table.unlink()
    with pytest.raises(DataError, match=r"needs one label.csv .* found none"):
        open_dataset("mosei", path)


def test_mosei_labels_of_seven_begin_with_sentiment(tmp_path: Path) -> None:
    path = mult(tmp_path)
    content = pickle.loads(path.read_bytes())
    before = open_dataset("mosi", path).split("test").scores["M"]
    for part in content.values():
        part["labels"] = np.concatenate([part["labels"], np.ones((len(part["labels"]), 1, 6))], axis=2)
    np.testing.assert_allclose(open_dataset("mosi", write_pickle(path, content)).split("test").scores["M"], before)


# ---- MISA -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("parts", "seven"), [(4, False), (4, True), (3, False), (6, False)])
def test_misa_is_read_as_dict_and_as_files(parts: int, seven: bool, tmp_path: Path) -> None:
    content = misa(parts=parts, seven=seven)
    whole = open_dataset("mosei", write_pickle(tmp_path / "mosei.pkl", content))
    for name, part in content.items():
        write_pickle(tmp_path / "parts" / f"{name}.pkl", part)
    pieces = open_dataset("mosei", tmp_path / "parts")
    for dataset in (whole, pieces):
        split = dataset.split("valid")
        assert (split.voice.width, split.face.width, len(split)) == (74, 47, 6)
        inner, label, identity = content["dev"][2]
        assert split[2].id == identity
        assert split[2].text == " ".join(inner[3] if parts > 3 else inner[0])
        np.testing.assert_array_equal(split[2].face, inner[1])
        assert split[2].scores["M"] == pytest.approx(float(label[0, 0]))


def test_misa_pauses_are_no_words(tmp_path: Path) -> None:
    content = misa()
    (words, visual, acoustic, said), label, identity = content["train"][0]
    said[0] = "sp"
    content["train"][0] = ((words, visual, acoustic, said), label, identity)
    split = open_dataset("mosi", write_pickle(tmp_path / "x.pkl", content)).split("train")
    assert split.texts[0] == " ".join(said[1:])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (3, r"train\[1\]: expected \(\(words"),
        (((1, 2), 0, "a"), r"train\[1\]\[0\]: expected \(words"),
        (((1, np.zeros(3), np.zeros(3), []), 0, "a"), "word list is a|visual: has the shape"),
        ((([], np.zeros((1, 47)), np.zeros((1, 74)), ["a"]), [[1, 2]], "a"), "the label is"),
        ((([], np.zeros((1, 46)), np.zeros((1, 74)), ["a"]), [[1.0]], "a"), r"number of columns: \[46, 47\]"),
        ((([], np.zeros((1, 47)), np.zeros((1, 74)), ["a"]), [[1.0]], 7), "id: is a int"),
    ],
)  # fmt: skip
def test_malformed_misa_says_where(entry: Any, message: str, tmp_path: Path) -> None:
    content = misa()
    content["train"][1] = entry
    with pytest.raises(DataError, match=message):
        open_dataset("mosi", write_pickle(tmp_path / "x.pkl", content))


# ---- opening ----------------------------------------------------------------------------------------------------


def test_a_folder_with_one_pickle_is_enough(tmp_path: Path) -> None:
    write_pickle(tmp_path / "a.pkl", mmsa())
    assert len(open_dataset("mosi", tmp_path).split("train")) == 20
    write_pickle(tmp_path / "b.pkl", mmsa())
    with pytest.raises(DataError, match=r"cannot tell what to read \(a.pkl, b.pkl\)"):
        open_dataset("mosi", tmp_path)


@pytest.mark.parametrize(
    "content", [3, {}, {"a": 1}, {"train": {"x": 1}}, np.zeros(3), None, [], {"train": []}, {"a": [1]}]
)
def test_unknown_content_is_described(content: Any, tmp_path: Path) -> None:
    path = write_pickle(tmp_path / "x.pkl", content)
    with pytest.raises(DataError) as error:
        open_dataset("mosi", path)
    assert str(path) in str(error.value)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        open_dataset("mosi", tmp_path / "x.pkl")
    with pytest.raises(DataError, match="unknown data set 'mosy': choose one of mosi, mosei"):
        open_dataset("mosy", tmp_path)
    with pytest.raises(DataError, match="cannot tell what to read"):
        open_dataset("mosi", tmp_path)
    (tmp_path / "x.bin").write_bytes(b"")
    with pytest.raises(DataError, match="neither a pickle"):
        open_dataset("mosi", tmp_path / "x.bin")
    content = mmsa()
    del content["test"]
    with pytest.raises(DataError, match="holds no test split, only train, valid"):
        open_dataset("mosi", write_pickle(tmp_path / "y.pkl", content)).split("test")


def test_raw_clips_are_to_be_extracted_first(tmp_path: Path) -> None:
    write_csv(tmp_path / "label.csv", [{"video_id": "a"}])
    (tmp_path / "Raw").mkdir()
    with pytest.raises(DataError, match="mmim-live extract"):
        open_dataset("clips", tmp_path)
