"""Sentences: on one scale, each in one part, none both kept back and learned."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from mmim_live.errors import DataError
from mmim_live.text_normalization import normalize_text
from mmim_train.default_checkpoint.text.sentences import Sentence, read_sentences


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


def test_scales_and_parts(tmp_path: Path) -> None:
    sst = "Do n't go,0.0,test\n"
    vader = "tweets,3,4.0,:)\ntweets,4,-4.0,awful &amp; sad\n"
    found = {s.text: s for s in read_sentences(write(tmp_path, sst, vader))}
    assert found["Don't go"].score == -3.0
    assert found["awful & sad"].score == -3.0
    assert (found["Bliss"].score, found["Bliss"].part) == (3.0, "fit")
    assert (found["Horror"].score, found["Horror"].part) == (-3.0, "kept")
    assert (found["GOOD"].part, found["BAD"].part) == ("fit", "valid")
    assert found.keys().isdisjoint({"NO", ":)"})  # test split, no words


def test_a_review_that_both_rated_is_there_with_either_rating_in_one_part(tmp_path: Path) -> None:
    sst = "".join(f"It 's great number {number},1.0,train\n" for number in range(200))
    vader = "".join(f"movieReview,{number},2.0,It's great number {number}\n" for number in range(200))
    found: dict[str, list[Sentence]] = defaultdict(list)
    for sentence in read_sentences(write(tmp_path, sst, vader)):
        found[sentence.text].append(sentence)
    pairs = [found[f"It's great number {number}"] for number in range(200)]
    assert all([s.score for s in pair] == [3.0, 1.5] for pair in pairs)
    assert all(first.part == second.part for first, second in pairs)
    assert 0 < sum(pair[0].part == "kept" for pair in pairs) < 30


def test_a_review_that_resembles_one_kept_back_is_left_out(tmp_path: Path) -> None:
    rows = "".join(f"a review of film number {number} by somebody,0.5,train\n" for number in range(200))
    (tmp_path / "first").mkdir()
    found = read_sentences(write(tmp_path / "first", rows, ""))
    kept = next(s.text for s in found if s.part == "kept" and s.source == "sst")
    (tmp_path / "then").mkdir()
    vader = f"movieReview,1,2.0,{kept.replace('somebody', 'anybody')}\nmovieReview,2,2.0,quite another thing\n"
    again = {s.text: s.part for s in read_sentences(write(tmp_path / "then", rows, vader))}
    assert again["quite another thing"] == "fit"
    assert not any("anybody" in text for text in again)


def test_a_few_reviews_are_kept_back_whatever_else_is_in_the_file(tmp_path: Path) -> None:
    rows = [f"review number {number},0.5,train\n" for number in range(600)]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    parts = {s.text: s.part for s in read_sentences(write(tmp_path / "a", "".join(rows), ""))}
    fewer = {s.text: s.part for s in read_sentences(write(tmp_path / "b", "".join(rows[100:]), ""))}
    assert 0.03 < sum(part == "kept" for text, part in parts.items() if "number" in text) / 600 < 0.1
    assert all(parts[text] == part for text, part in fewer.items())


def test_a_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"sst\.csv cannot be read"):
        read_sentences(tmp_path)
    folder = write(tmp_path, "fine,high,train\n", "")
    with pytest.raises(DataError, match=r"sst\.csv: positivity is 'high'"):
        read_sentences(folder)


def test_no_sentence_is_both_kept_back_and_learned(shared_data: Path) -> None:
    sentences = read_sentences(shared_data)
    parts = defaultdict(set)
    for sentence in sentences:
        if sentence.source in ("sst", "vader"):
            parts[normalize_text(sentence.text).replace(" ", "")].add(sentence.part)
    assert all(len(found) == 1 for found in parts.values())
    assert sum(s.part == "valid" for s in sentences) == 229
    assert all(-3 <= s.score <= 3 for s in sentences)
