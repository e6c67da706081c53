"""Strangers on this machine who connect and send no token: they neither shut clients out nor fill the log."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from mmim_live.events import Notice
from mmim_live.serve.admission import ACCEPT_BATCH, MAX_UNAUTHENTICATED
from mmim_live.serve.server import EventServer

TOKEN = "a-token-for-tests"
DESCRIPTORS = Path("/dev/fd")
needs_descriptors = pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="lists open descriptors")

# Publishes an event every 20 ms. It may open `spare` descriptors after its start.
SERVER = """
import os, resource, sys, time
from mmim_live.events import Notice
from mmim_live.serve.server import EventServer
server = EventServer(0, sys.argv[1])
used = max(map(int, os.listdir("/dev/fd"))) + 1
resource.setrlimit(resource.RLIMIT_NOFILE, (used + int(sys.argv[2]), used + int(sys.argv[2])))
print(server.port, flush=True)
for number in range(1500):
    if os.getppid() != int(sys.argv[3]):
        break
    server.write(Notice(time_s=float(number), code="test", message="x"))
    time.sleep(0.02)
"""


@contextmanager
def served(spare: int, log: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The process of a server and its port; `log` receives its standard error."""
    command = [sys.executable, "-c", SERVER, TOKEN, str(spare), str(os.getpid())]
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


@contextmanager
def half_open(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Connections that never send anything."""
    strangers = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    try:
        yield strangers
    finally:
        for stranger in strangers:
            stranger.close()


@contextmanager
def connected(port: int, tries: int = 1) -> Iterator[ClientConnection]:
    with ExitStack() as stack:
        for left in reversed(range(tries)):
            try:
                address = f"ws://127.0.0.1:{port}/events?token={TOKEN}"
                client = stack.enter_context(connect(address, proxy=None, open_timeout=5, close_timeout=0.1))
                break
            except (OSError, WebSocketException):
                if not left:
                    raise
                time.sleep(0.1)
        yield client


def descriptors(folder: Path = DESCRIPTORS) -> int:
    return len(list(folder.iterdir()))


def received(stranger: socket.socket) -> bytes:
    """Empty if the server has closed or reset the connection."""
    try:
        return stranger.recv(1)
    except ConnectionResetError:
        return b""


def numbers(client: ClientConnection, count: int) -> list[float]:
    return [json.loads(client.recv(10))["time_s"] for _ in range(count)]


@needs_descriptors
def test_half_open_connections_are_few_and_leave_room_for_clients() -> None:
    server = EventServer(0, TOKEN)
    try:
        before = descriptors()
        with half_open(server.port, 400) as strangers, connected(server.port) as client:
            server.write(Notice(time_s=1.0, code="test", message="x"))
            assert numbers(client, 1) == [1.0]
            ours = descriptors() - before - len(strangers) - 1
            assert ours <= MAX_UNAUTHENTICATED + 2 * ACCEPT_BATCH  # closed ones go a round later
    finally:
        server.close_server()


def test_a_connection_that_sends_no_request_is_closed_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmim_live.serve.server.HANDSHAKE_S", 0.2)
    server = EventServer(0, TOKEN)
    try:
        with half_open(server.port, 2) as strangers:
            strangers[0].sendall(b"GET /events HTTP/1.1\r\nHost: 127")
            for stranger in strangers:
                stranger.settimeout(5)
                assert received(stranger) == b""
    finally:
        server.close_server()


@needs_descriptors
def test_clients_are_served_during_a_flood_and_the_log_stays_empty(tmp_path: Path) -> None:
    stop = threading.Event()

    def flood(port: int) -> None:
        held: list[socket.socket] = []
        while not stop.is_set():
            try:
                held.append(socket.create_connection(("127.0.0.1", port), timeout=1))
            except OSError:
                time.sleep(0.01)
            if len(held) > 300:
                held.pop(0).close()
        for each in held:
            each.close()

    with served(200, tmp_path / "log") as (process, port), connected(port) as client:
        flooding = threading.Thread(target=flood, args=(port,))
        flooding.start()
        try:
            first = numbers(client, 1)[0]
            assert numbers(client, 100) == [first + number for number in range(1, 101)]  # for 2 s, without a gap
            used = descriptors(Path(f"/proc/{process.pid}/fd")) if sys.platform == "linux" else 0
            with connected(port, tries=20) as late:
                assert len(numbers(late, 20)) == 20
        finally:
            stop.set()
            flooding.join()
    assert used < MAX_UNAUTHENTICATED + 60
    assert (tmp_path / "log").read_bytes() == b""


@needs_descriptors
def test_running_out_of_descriptors_ends_neither_the_server_nor_its_clients(tmp_path: Path) -> None:
    with served(6, tmp_path / "log") as (_, port), connected(port) as client:
        with half_open(port, 30):
            first = numbers(client, 1)[0]
            assert numbers(client, 100) == [first + number for number in range(1, 101)]
        with connected(port, tries=20) as late:
            assert len(numbers(late, 20)) == 20
    assert (tmp_path / "log").read_bytes() == b""


def test_failures_in_the_event_loop_are_counted_and_told_in_one_short_line() -> None:
    server = EventServer(0, TOKEN)

    def fail() -> None:
        raise RuntimeError("no\nroom" + 1000 * "!")

    try:
        assert server.fault == ""
        for _ in range(3):
            server._loop.call_soon_threadsafe(fail)
        server.write(Notice(time_s=1.0, code="test", message="x"))
        with connected(server.port) as client:
            assert numbers(client, 1) == [1.0]
        assert re.fullmatch(r"no room!{100,200} \(failures: 3\)", server.fault)
    finally:
        server.close_server()
