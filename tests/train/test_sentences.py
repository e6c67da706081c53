"""Sentences: on one scale, each in one part, none both kept back and learned."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmim_live.errors import DataError
from mmim_live.text import fold_text
from mmim_train.sentences import read_sentences


def write(folder: Path, sst: str, vader: str) -> Path:
    (folder / "text").mkdir()
    (folder / "labels").mkdir()
    (folder / "text" / "sst.csv").write_text("sentence,positivity,split\n" + sst)
    (folder / "text" / "vader.csv").write_text("source,id,mean_rating,text\n" + vader)
    (folder / "text" / "emobank.csv").write_text("id,split,V,A,D,text\na,train,5.0,3,3,Bliss\nb,test,1.0,3,3,Horror\n")
    (folder / "labels" / "mosi.csv").write_text(
        "video_id,clip_id,text,label,mode\nv,1,GOOD,2.5,train\nv,2,BAD,-1,valid\nv,3,NO,1,test\n"
    )
    return folder


def test_scales_parts_and_the_same_review_twice(tmp_path: Path) -> None:
    sst = "It 's great,1.0,train\nDo n't go,0.0,test\n"
    vader = "movieReview,1,2.0,It's great\nmovieReview,2,1.0,Another review\n"
    vader += "tweets,3,4.0,:)\ntweets,4,-4.0,awful &amp; sad\n"
    found = {s.text: s for s in read_sentences(write(tmp_path, sst, vader))}
    assert found["It's great"].score == pytest.approx((3.0 + 1.5) / 2)
    assert (found["Don't go"].score, found["Don't go"].part) == (-3.0, "kept")
    assert found["awful & sad"].score == -3.0
    assert (found["Bliss"].score, found["Bliss"].part) == (3.0, "fit")
    assert (found["Horror"].score, found["Horror"].part) == (-3.0, "kept")
    assert (found["GOOD"].part, found["BAD"].part) == ("fit", "valid")
    assert found.keys().isdisjoint({"NO", "Another review", ":)"})  # test split, other spelling, no words


def test_a_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"sst\.csv cannot be read"):
        read_sentences(tmp_path)
    folder = write(tmp_path, "fine,high,train\n", "")
    with pytest.raises(DataError, match=r"sst\.csv: positivity is 'high'"):
        read_sentences(folder)


def test_no_sentence_is_both_kept_back_and_learned(shared_data: Path) -> None:
    sentences = read_sentences(shared_data)
    fit = {fold_text(s.text) for s in sentences if s.part == "fit" and s.source == "sst"}
    kept = {fold_text(s.text) for s in sentences if s.part == "kept" and s.source == "sst"}
    assert len(fit & kept) <= 0.001 * len(kept)
    assert sum(s.part == "valid" for s in sentences) == 229
    assert all(-3 <= s.score <= 3 for s in sentences)
