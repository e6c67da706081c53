"""JSON and TOML of strangers: what is well-formed and bounded is read as usual, all else gives a reason of one line."""

import contextlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_live.untrusted import (
    MAX_DEPTH,
    MAX_DIGITS,
    parse_json,
    parse_toml,
    read_json_object,
    read_text,
    read_toml,
)

plain_text = st.text(st.characters(exclude_categories=["Cs"]))
integers = st.integers(-(10**MAX_DIGITS) + 1, 10**MAX_DIGITS - 1)
scalars = st.none() | st.booleans() | integers | st.floats(allow_nan=False, allow_infinity=False) | plain_text
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(plain_text, inner), max_leaves=20)


@given(values)
def test_ordinary_values_are_read_as_the_standard_library_reads_them(value: object):
    text = json.dumps(value)
    assert parse_json(text) == json.loads(text)


@given(st.text())
def test_any_text_is_a_value_or_a_value_error(text: str):
    for parse in (parse_json, parse_toml):
        with contextlib.suppress(ValueError):  # any other exception would fail the test
            parse(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "levels deep"),
        ("[" * 100_000, "levels deep"),
        ('{"a":' * 200_000, "levels deep"),
        ("9" * (MAX_DIGITS + 1), "digits"),
        ("-" + "9" * 5000, "digits"),
        ("1e999", "finite"),
        ("NaN", "NaN"),
        ("-Infinity", "Infinity"),
        (r'{"\ud800": 1}', "surrogate"),
    ],
)
def test_json_that_is_refused(text: str, reason: str):
    with pytest.raises(ValueError, match=reason) as caught:
        parse_json(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = " + "[" * 50_000, "levels deep"),
        ("a = " + "[" * 40 + "]" * 40, "levels deep"),
        ("a = " + "9" * 400, "digits"),
        ("a = inf", "finite"),
        ("a = nan", "finite"),
        ("a." * 60 + "b = 1", "levels deep"),
    ],
)
def test_toml_that_is_refused(text: str, reason: str):
    with pytest.raises(ValueError, match=reason):
        parse_toml(text)


def test_the_deepest_value_that_is_admitted():
    assert parse_json("[" * (MAX_DEPTH - 1) + "1" + "]" * (MAX_DEPTH - 1))


def test_a_file_larger_than_the_limit_is_refused(tmp_path: Path):
    path = tmp_path / "large.json"
    path.write_text('"' + "x" * 100 + '"')
    with pytest.raises(ValueError, match="larger"):
        read_text(path, max_bytes=100)
    assert len(read_text(path, max_bytes=102)) == 102


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_and_an_endless_device_are_refused(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ValueError, match="regular file"):
            read_text(path)


def test_text_that_is_not_utf8_is_refused(tmp_path: Path):
    (tmp_path / "latin.toml").write_bytes(b'a = "\xe9"')
    with pytest.raises(ValueError, match="UTF-8"):
        read_toml(tmp_path / "latin.toml")


def test_a_list_is_no_object(tmp_path: Path):
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(ValueError, match="list"):
        read_json_object(tmp_path / "list.json")
