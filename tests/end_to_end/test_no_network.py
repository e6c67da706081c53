"""A session contacts nobody: neither our code nor a library looks up a name or opens a connection.

The libraries of which this is known to go wrong report some seconds after they start, so the process is watched for a
while after the session has ended.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mmim_live import assets

SESSION = """
import time
import mmim_live
began = time.monotonic()
assert [event.type for event in mmim_live.replay("sample")][-1] == "summary"
time.sleep(max(0.0, 30 - (time.monotonic() - began)))
"""
OUTSIDE_CALL = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    probe.connect(("192.0.2.1", 443))
"""
_PEER = re.compile(r'sin6?_port=htons\((\d+)\).*?(?:inet_addr\("|inet_pton\(AF_INET6, ")([^"]+)"')
_LOOPBACK = re.compile(r"127\.|::1$|::ffff:127\.")
DNS_PORT = 53  # a name server on this machine asks others


@contextmanager
def silent_proxy() -> Iterator[tuple[str, list[str]]]:
    """The address of a proxy that answers nobody, and a list of those who connected."""
    callers: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(1)
                    callers.append(connection.recv(200).decode("latin-1"))

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", callers
        finally:
            over.set()
            thread.join()


def peers(program: str, trace: Path, environment: dict[str, str]) -> list[str]:
    """Whom a Python program contacts by IP, other than this machine, and every name server."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace to watch system calls")
    calls = "trace=connect,sendto,sendmsg,sendmmsg"
    command = [strace, "-f", "--seccomp-bpf", "-qq", "-e", calls, "-o", str(trace), sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
    if "ptrace" in done.stderr and "not permitted" in done.stderr:
        pytest.skip("strace may not trace processes here")
    assert done.returncode == 0, done.stderr[-2000:]
    found = [_PEER.search(line) for line in trace.read_text(errors="replace").splitlines()]
    addresses = [(match[2], int(match[1])) for match in found if match is not None]
    return [f"{host}:{port}" for host, port in addresses if port == DNS_PORT or not _LOOPBACK.match(host)]


@pytest.mark.slow
def test_a_session_contacts_nobody(tmp_path: Path):
    if assets.find("whisper-base") is None:
        pytest.skip("needs the model whisper-base, which is not installed")
    with silent_proxy() as (proxy, callers):
        proxies = dict.fromkeys(("https_proxy", "HTTPS_PROXY", "http_proxy", "ALL_PROXY"), proxy)
        environment = os.environ | proxies | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        contacted = peers(SESSION, tmp_path / "trace", environment)
    assert contacted == []
    assert callers == []
    assert not list(tmp_path.rglob("onnxruntime.db")), "onnxruntime keeps a store of events"


def test_the_watch_sees_a_connection(tmp_path: Path):
    assert peers(OUTSIDE_CALL, tmp_path / "trace", dict(os.environ)) == ["192.0.2.1:443"]
