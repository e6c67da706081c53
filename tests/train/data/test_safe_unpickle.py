"""The restricted unpickler: everything numpy writes, nothing else."""

from __future__ import annotations

import collections
import functools
import io
import os
import pickle
import pickletools
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmim_live.errors import DataError
from mmim_train.data.safe_unpickle import read_pickle
from tests.train.layouts import mmsa, write_pickle

ARRAYS: list[Any] = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(4, dtype=">i2"),
    np.array(["a", "längere"]),
    np.array([b"x", b"yy"]),
    np.array(["word", 3, None], dtype=object),
    np.array([], np.float64),
    np.zeros((0, 5), np.float32),
    np.array(2.5),
    np.array([True, False]),
    np.float32(1.5),
    np.int64(-3),
    np.str_("word"),
    np.str_(""),
]


def same(one: Any, two: Any) -> bool:
    one, two = np.asarray(one), np.asarray(two)
    return bool(one.dtype.kind == two.dtype.kind and one.shape == two.shape and (one == two).all())


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_arrays_and_numbers_come_back(array: Any, protocol: int, tmp_path: Path) -> None:
    content = {"a": [array, (1, "ß", b"\xff", None, True, 2.5)], "s": {1, 2}, "o": collections.OrderedDict(x=1)}
    back = read_pickle(write_pickle(tmp_path / "x.pkl", content, protocol))
    assert same(back["a"][0], array)
    assert back["a"][1] == (1, "ß", b"\xff", None, True, 2.5)
    assert back["s"] == {1, 2}
    assert back["o"] == {"x": 1}


def test_the_names_of_numpy_1_are_read(tmp_path: Path) -> None:
    old = pickle.dumps(ARRAYS[0], 2).replace(b"numpy._core.", b"numpy.core.")
    (tmp_path / "x.pkl").write_bytes(old)
    assert same(read_pickle(tmp_path / "x.pkl"), ARRAYS[0])


def test_a_python_2_pickle_is_read(tmp_path: Path) -> None:
    # {'a': array([1.5, -2.0], dtype='<f4'), 's': 'caf\xc3\xa9'} as Python 2 with numpy 1 writes it: raw data as a str.
    raw = np.array([1.5, -2.0], "<f4").tobytes()
    text = (
        b"\x80\x02}(U\x01acnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x08" + raw + b"tbU\x01sU\x05caf\xc3\xa9u."
    )
    pickletools.dis(text, out=io.StringIO())  # the hand-made program is itself well-formed
    (tmp_path / "x.pkl").write_bytes(text)
    back = read_pickle(tmp_path / "x.pkl")
    assert same(back["a"], np.array([1.5, -2.0], np.float32))
    assert back["s"] == "caf\xc3\xa9"


class Runs:
    """A real attack: unpickling runs a command."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_hostile_pickle_runs_nothing(protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    attack = Runs(os.system, f"touch {mark}")
    path = write_pickle(tmp_path / "x.pkl", {"train": [np.zeros(3), attack]}, protocol)
    with pytest.raises(DataError, match=r"refused: the pickle asks for (posix|nt)\.system"):
        read_pickle(path)
    assert not mark.exists()
    with path.open("rb") as file:
        pickle.load(file)
    assert mark.exists()  # the attack is a real one


@pytest.mark.parametrize(
    "attack",
    [
        Runs(eval, "1"),
        Runs(getattr, "", "join"),
        Runs(functools.partial, print, "x"),
        Runs(np.load, "x.npy"),
        Runs(np.ndarray, (10**12,)),
        Runs(np.dtype, [("a", "O"), ("b", "f4")]),
        np.zeros(2, [("a", "f4"), ("b", "O")]),
        np.ma.masked_array([1, 2], [False, True]),
        np.datetime64("2020-01-01"),
        Path("x"),
        ValueError("x"),
        collections.Counter("ab"),
    ],
    ids=lambda attack: getattr(attack, "call", (type(attack),))[0].__qualname__,
)
def test_other_objects_are_refused(attack: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read_pickle(write_pickle(tmp_path / "x.pkl", [attack]))
    assert "\n" not in str(error.value)


def forged(state: bytes) -> bytes:
    """An array whose state is the given pickle code."""
    return b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R" + state + b"b."


F8 = b"cnumpy\ndtype\nX\x02\x00\x00\x00f8K\x00K\x01\x87R"
OBJECT = b"cnumpy\ndtype\nX\x01\x00\x00\x00OK\x00K\x01\x87R"
# A dtype that claims in its flags to hold objects, in a field: numpy itself would believe it.
STRUCT = (
    b"cnumpy\ndtype\nX\x02\x00\x00\x00V8K\x00K\x01\x87R"
    b"(K\x03X\x01\x00\x00\x00|NX\x01\x00\x00\x00a\x85}X\x01\x00\x00\x00a" + OBJECT + b"K\x00\x86sK\x08K\x01K?tb"
)


@pytest.mark.parametrize(
    "code",
    [
        forged(b"(K\x01K\x02\x85" + F8 + b"\x89C\x08\x00\x00\x00\x00\x00\x00\x00\x00t"),  # two numbers, eight bytes
        forged(b"(K\x01K\x01\x85" + OBJECT + b"\x89C\x08\x41\x41\x41\x41\x41\x41\x41\x41t"),  # a pointer for an object
        forged(b"(K\x01K\x01\x85" + STRUCT + b"\x89C\x08\x41\x41\x41\x41\x41\x41\x41\x41t"),
        forged(b"(K\x01J\xff\xff\xff\xff\x85" + F8 + b"\x89C\x00t"),  # a negative size
        forged(b"(K\x01K\x01\x85N\x89C\x00t"),  # no type
        forged(b"K\x05"),
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.",
        b"\x80\x02c_codecs\nencode\n}X\x01\x00\x00\x00ac_codecs\nencode\nsb.",  # sets an attribute on what it was given
        b"\x80\x02c_codecs\nencode\nN}X\x09\x00\x00\x00_functionc_codecs\nencode\ns\x86b.",
    ],
    ids=range(9),
)
def test_forged_arrays_are_refused(code: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(code)
    with pytest.raises(DataError):
        read_pickle(tmp_path / "x.pkl")
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(ARRAYS[0], 2))
    assert same(read_pickle(tmp_path / "x.pkl"), ARRAYS[0])  # and the next file reads as before


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_pickles_end_in_one_line(data: st.DataObject, tmp_path: Path) -> None:
    whole = pickle.dumps(mmsa()["test"], data.draw(st.sampled_from([2, 4])))
    if data.draw(st.booleans()):
        damaged = bytearray(whole[: data.draw(st.integers(0, len(whole) - 1))])
    else:
        damaged = bytearray(whole)
        for _ in range(data.draw(st.integers(1, 5))):
            damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "x.pkl"
    path.write_bytes(damaged)
    try:
        read_pickle(path)
    except DataError as error:
        assert str(path) in str(error)  # noqa: PT017  (a flipped byte in an array is no error)
        assert "\n" not in str(error)  # noqa: PT017


TUPLE_BOMB = b"\x80\x02N" + b"2\x86" * 200  # t = (t, t) two hundred times: to hash or print it would never end
SAME_BYTES_AGAIN = (
    b"cnumpy.core.numeric\n_frombuffer\n(h\x00cnumpy\ndtype\nX\x02\x00\x00\x00f8\x85RK\x19\x85X\x01\x00\x00\x00CtR"
)


@pytest.mark.parametrize(
    "code",
    [
        b"\x80\x05\x96\x00\x00\x00\x00\x10\x00\x00\x00.",  # 64 GiB as the length of a bytearray
        b"\x80\x04\x8e\x00\x00\x00\x00\x10\x00\x00\x00.",  # the same of bytes
        b"\x80\x04\x95\x00\x00\x00\x00\x10\x00\x00\x00.",  # the same of a frame
        b"\x80\x02}" + TUPLE_BOMB[2:] + b"Ns.",
        b"\x80\x04\x8f(" + TUPLE_BOMB[2:] + b"\x90.",
        b"\x80\x04(" + TUPLE_BOMB[2:] + b"\x91.",
        b"\x80\x02c__builtin__\nset\n](" + TUPLE_BOMB[2:] + b"e\x85R.",
        b"\x80\x02cnumpy\ndtype\n" + TUPLE_BOMB[2:] + b"\x85R.",
        b"\x80\x02c_codecs\nencode\nU\x01a" + TUPLE_BOMB[2:] + b"\x86R.",
        b"\x80\x04" + b"\x8f" * 1000 + b".",  # a thousand sets, of 216 bytes each
        forged(b"(K\x01J\xff\xff\xff\x7f\x85cnumpy\ndtype\nX\x02\x00\x00\x00S0\x85R\x89C\x00t"),  # of no bytes each
        # Ten thousand arrays of the same two hundred bytes.
        b"\x80\x02(C\xc8" + bytes(200) + b"q\x000" + SAME_BYTES_AGAIN * 10_000 + b"t.",
        b"\x80\x02ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemsNsb.",  # hides a method
    ],
    ids=range(13),
)
def test_a_small_file_costs_little(code: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(code)
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as error:
            read_pickle(path)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
    assert "\n" not in str(error.value)


def test_a_high_index_of_the_memo_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x04Nr\x00\xc2\xeb\x0b.")  # the C unpickler would make room for 200 million
    tracemalloc.start()
    try:
        assert read_pickle(path) is None
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_many_small_arrays_are_within_bounds(protocol: int, tmp_path: Path) -> None:
    samples = [(np.arange(3), np.full((2, 5), i, np.float32), ["w"] * 3, np.float64(i), {f"v{i}"}) for i in range(500)]
    back = read_pickle(write_pickle(tmp_path / "x.pkl", samples, protocol))
    assert all(
        same(one, two)
        for sample, other in zip(samples, back, strict=True)
        for one, two in zip(sample[:2], other[:2], strict=True)
    )
