"""--serve with a real server and real clients: authorized clients receive everything, slow ones are disconnected."""

import asyncio
import base64
import errno
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from mmim_live.cli.options import build_settings
from mmim_live.cli.serving import expand_serve_flag
from mmim_live.errors import ConfigError, OutputError
from mmim_live.events import Event, Notice
from mmim_live.output.jsonl import jsonl_formatter
from mmim_live.serve.server import EventServer
from mmim_live.serve.snapshot import Snapshot
from mmim_live.session_types import Health
from mmim_live.settings import Settings, load_settings
from mmim_live.tui.app import MmimApp
from tests.tui.scripted import SESSION, SUMMARY, ScriptedSource, health, talk, utterance

TOKEN = "a-token-for-tests"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
def server() -> Iterator[EventServer]:
    server = EventServer(0, TOKEN)
    yield server
    server.close_server()
    assert "mmim-serve" not in [thread.name for thread in threading.enumerate()]


def connected(
    server: EventServer, token: str = TOKEN, path: str = "/events", **options: Any
) -> AbstractContextManager[ClientConnection]:
    options = {"proxy": None, "open_timeout": 30, "close_timeout": 30} | options
    line: AbstractContextManager[ClientConnection] = connect(
        f"ws://127.0.0.1:{server.port}{path}?token={token}", **options
    )
    return line


def publish(server: EventServer, events: list[Event | Health]) -> None:
    for event in events:
        server.write_health(event) if isinstance(event, Health) else server.write(event)


def until(line: Any, kind: str) -> list[dict[str, Any]]:
    """What is heard up to the first message of a kind."""
    heard: list[dict[str, Any]] = []
    while not heard or heard[-1]["type"] != kind:
        heard.append(json.loads(line.recv(30)))
    return heard


# ---- what is heard ----------------------------------------------------------------------------------------------


def test_a_client_connected_from_the_start_receives_what_a_file_contains(server: EventServer):
    events = list(talk(finished=True))
    with connected(server) as one, connected(server) as other:
        publish(server, events)
        heard = [until(line, "summary") for line in (one, other)]
    to_line = jsonl_formatter()
    written = [json.loads(to_line(event)) for event in events if not isinstance(event, Health)]
    for each in heard:
        assert [message for message in each if message["type"] != "health"] == written
        assert [message["media_time_s"] for message in each if message["type"] == "health"] == [
            event.media_time_s for event in events if isinstance(event, Health)
        ]
    assert {message["listeners"] for message in heard[0] if message["type"] == "health"} == {2}


@pytest.mark.parametrize("until_s", [0.0, 3.0, 31.0, 60.0])
def test_a_late_client_first_receives_the_current_state(server: EventServer, until_s: float):
    before: list[Event | Health] = list(talk(until_s))
    publish(server, before)
    end = Notice(until_s, "end", "of the test")
    with connected(server) as line:
        server.write(end)
        heard = until(line, "notice") if until_s < 8 else [m for _ in range(2) for m in until(line, "notice")]
    whole = Snapshot()
    for event in before:
        whole.apply(event)
    assert [m["type"] for m in heard[:-1]] == [
        e.type if not isinstance(e, Health) else "health" for e in whole.events()
    ]
    again = Snapshot()
    for event in whole.events():
        again.apply(event)
    assert again.events() == whole.events()


def test_a_new_session_replaces_the_previous_one(server: EventServer):
    publish(server, [SESSION, utterance(1, 2, "old", 1.0), SUMMARY, SESSION, utterance(1, 2, "new", 1.0)])
    with connected(server) as line:
        first, second = until(line, "utterance")
    assert (first["type"], second["text"]) == ("session", "new")


def test_the_state_kept_for_late_clients_is_bounded():
    latest = Snapshot()
    for index in range(300):
        latest.apply(utterance(index, index + 0.5, "again", 0.0))
        for event in talk(2.0):
            if not isinstance(event, Health) and event.type != "session":
                latest.apply(event)
    assert len(latest.events()) < 500


def view_until(line: Any, shown: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first view for which `shown` holds."""
    while True:
        view: dict[str, Any] = json.loads(line.recv(30))
        assert view["type"] == "overlay"
        if shown(view):
            return view


def test_an_overlay_receives_its_state_ready_made(server: EventServer):
    with connected(server, path="/overlay") as line:
        assert view_until(line, lambda _: True)["score"]["words"] == "no reading yet"
        publish(server, list(talk(31.0)))
        view = view_until(line, lambda view: view["provisional"] and len(view["lines"]) == 4)
    assert view["lines"][-1] == {"tone": "negative", "label": "▼ −2.2", "text": "i was so disappointed"}
    assert view["score"]["words"] == "negative"


def test_an_overlay_chooses_how_many_utterances_it_shows(server: EventServer):
    publish(server, list(talk(60.0)))
    shown = []
    for lines in ("0", "2", "50", "51", "many", "9" * 5000):
        with connected(server, token=f"{TOKEN}&lines={lines}", path="/overlay") as line:
            shown.append(len(view_until(line, lambda view: view["score"]["number"] != "–")["lines"]))
    assert shown == [0, 2, 9, 4, 4, 4]


def test_a_slow_overlay_skips_views_and_stays_connected(server: EventServer):
    with connected(server, path="/overlay") as line:
        for number in range(5000):
            server.write(utterance(number, number + 0.5, str(number), 0.0))
        views = 1
        while json.loads(line.recv(30))["lines"][-1:] != [{"tone": "neutral", "label": "● +0.0", "text": "4999"}]:
            views += 1
    assert views < 5000
    assert server.dropped == 0


def test_overlays_count_as_clients(server: EventServer):
    with connected(server) as line, connected(server, path="/overlay") as overlay:
        view_until(overlay, lambda _: True)
        server.write_health(health(1.0))
        assert until(line, "health")[-1]["listeners"] == 2


# ---- who may listen ---------------------------------------------------------------------------------------------


def status_of(server: EventServer, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """As a browser or a script asks for the page."""
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers=headers)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (f"/?token={TOKEN}", {}, 200),
        ("/", {"Authorization": f"Bearer {TOKEN}"}, 200),
        (f"/?token={TOKEN}", {"Host": "LOCALHOST:1234"}, 200),
        ("/", {}, 401),
        ("/?token=", {}, 401),
        ("/?token=a-token-for-test", {}, 403),
        (f"/?token={TOKEN}é".replace("é", "%C3%A9"), {}, 403),
        ("/", {"Authorization": f"Basic {TOKEN}"}, 401),
        ("/", {"Authorization": "Bearer wrong"}, 403),
        (f"/?token={TOKEN}", {"Host": "evil.example"}, 403),
        (f"/?token={TOKEN}", {"Host": "127.0.0.1.evil.example:80"}, 403),
        (f"/?token={TOKEN}", {"Origin": "http://evil.example"}, 403),
        (f"/?token={TOKEN}", {"Origin": "http://127.0.0.1:1"}, 403),
        (f"/?token={TOKEN}", {"Origin": "null"}, 403),
        (f"/elsewhere?token={TOKEN}", {}, 404),
        (f"/events?token={TOKEN}", {}, 426),
        (f"/overlay?token={TOKEN}", {}, 426),
        ("/overlay", {}, 401),
        (f"//[?token={TOKEN}", {}, 400),
        ("//[", {}, 400),
        (f"//127.0.0.1/events?token={TOKEN}", {}, 400),
        (f"/[?token={TOKEN}", {}, 404),
        (f"/%0aevents?token={TOKEN}", {}, 404),
        ("/?token=%0a%ff%00", {}, 403),
        ("/", {"Authorization": "Bearer \xff\xe9"}, 403),
    ],
)
def test_only_local_clients_with_the_token_are_accepted(
    server: EventServer, path: str, headers: dict[str, str], status: int
):
    found, text = status_of(server, path, headers)
    assert found == status
    assert (TOKEN in text) is False
    if status in (400, 401, 403, 404):
        assert text.startswith("mmim-live: ")
        assert len(text.splitlines()) == 1


REQUEST_LINES = st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")) | st.from_regex(
    r"\AGET (http:)?/{0,2}[][#?%;@:a-f/]{0,20}(token=[^ ]{0,9})? HTTP/1.1\Z", alphabet=st.characters(max_codepoint=126)
).map(lambda line: line.encode().replace(b"\n", b""))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(REQUEST_LINES)
def test_no_request_line_is_an_internal_error(server: EventServer, line: bytes):
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as stranger:
        stranger.sendall(line + b"\r\nHost: 127.0.0.1\r\n\r\n")
        stranger.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: stranger.recv(4096), b""))
    assert b" 500 " not in answer.partition(b"\r\n")[0]
    assert TOKEN.encode() not in answer


@pytest.mark.parametrize("origin", [None, "file://", "http://absolute", "own", "localhost"])
def test_scripts_local_files_and_the_overlay_page_may_connect(server: EventServer, origin: str | None):
    host = "localhost" if origin == "localhost" else "127.0.0.1"
    named = f"http://{host}:{server.port}" if origin in ("own", "localhost") else origin
    server.write(SESSION)
    with connect(
        f"ws://{host}:{server.port}/events",
        sock=socket.create_connection(("127.0.0.1", server.port)),
        origin=named,  # type: ignore[arg-type]
        additional_headers={"Authorization": f"Bearer {TOKEN}"},
        proxy=None,
    ) as line:
        assert json.loads(line.recv(30))["type"] == "session"


@pytest.mark.parametrize(
    ("token", "origin", "status"), [("wrong", None, 403), (TOKEN, "https://evil.example", 403), (TOKEN, "null", 403)]
)
def test_a_websocket_is_rejected_like_a_page(server: EventServer, token: str, origin: Any, status: int):
    with pytest.raises(InvalidStatus) as refused, connected(server, token, origin=origin):
        pass
    assert refused.value.response.status_code == status


def test_every_run_has_its_own_token():
    first, second = EventServer(), EventServer()
    try:
        tokens = [server.address.partition("?token=")[2] for server in (first, second)]
        assert tokens[0] != tokens[1]
        assert min(map(len, tokens)) >= 32
        assert first.port != second.port
    finally:
        first.close_server()
        second.close_server()


# ---- who is slow, and the end -----------------------------------------------------------------------------------


def silent_client(server: EventServer) -> socket.socket:
    """Asks to listen, and never reads."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect(("127.0.0.1", server.port))
    key = base64.b64encode(os.urandom(16)).decode()
    line.sendall(
        f"GET /events?token={TOKEN} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    assert line.recv(12) == b"HTTP/1.1 101"
    return line


def test_a_client_that_does_not_read_is_disconnected_and_the_others_stay(server: EventServer):
    silent = silent_client(server)
    said = 0
    with connected(server) as line:
        while not server.dropped and said < 20_000:
            for _ in range(50):
                server.write(Notice(float(said), "test", "x" * 200))
                said += 1
            assert [json.loads(line.recv(30))["time_s"] for _ in range(50)] == list(range(said - 50, said))
        assert server.dropped == 1
        server.write(SUMMARY)
        assert until(line, "summary")
        server.write_health(health(1.0))
        assert (heard := until(line, "health")[-1])["listeners"] == 1
        assert heard["listeners_dropped"] == 1
    silent.close()


def test_closing_does_not_wait_for_clients():
    server = EventServer(0, TOKEN)
    idle = socket.create_connection(("127.0.0.1", server.port))  # never asks
    silent = silent_client(server)
    for _ in range(400):
        server.write(Notice(0.0, "test", "x" * 2_000))
    with connected(server) as line, connected(server, path="/overlay") as overlay:
        server.write(SUMMARY)
        server.close_server()  # joins
        assert "mmim-serve" not in [thread.name for thread in threading.enumerate()]
        assert until(line, "summary")  # the last words were still sent
        assert view_until(overlay, lambda view: view["status"])["status"] == "ended"
        with pytest.raises(ConnectionClosed) as ended:
            line.recv(30)
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1001
    server.write(SUMMARY)  # a session that is still at it is not disturbed
    server.close_server()
    silent.close()
    idle.close()


def test_a_port_in_use_is_reported_in_one_line(server: EventServer):
    with pytest.raises(OutputError, match=f"port {server.port}: .*; choose another"):
        EventServer(server.port)


async def fails(*_: object, **__: object) -> None:
    raise OSError(errno.EMFILE, "Too many open files")


async def hangs(*_: object, **__: object) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(("serve", "reason"), [(fails, "Too many open files"), (hangs, "not ready within 0.2 s")])
def test_a_server_that_does_not_start_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, serve: Callable[..., Any], reason: str
):
    monkeypatch.setattr("mmim_live.serve.server.serve", serve)
    monkeypatch.setattr("mmim_live.serve.server.START_S", 0.2)
    with pytest.raises(OutputError, match=rf"cannot serve on port \d+: {reason}; ") as caught:
        EventServer(0, TOKEN)
    assert len(str(caught.value).splitlines()) == 1
    assert "mmim-serve" not in [thread.name for thread in threading.enumerate()]
    port = int(str(caught.value).partition("port ")[2].partition(":")[0])
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass


def test_an_event_loop_that_cannot_be_created_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch):
    def exhausted() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("asyncio.new_event_loop", exhausted)
    with pytest.raises(OutputError, match="Too many open files; "):
        EventServer(0, TOKEN)


# ---- the command line -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ([], []),
        (["replay", "a.mp4"], ["replay", "a.mp4"]),
        (["--serve"], ["--serve=0"]),
        (["--serve", "8765"], ["--serve=8765"]),
        (["replay", "--serve", "a.mp4"], ["replay", "--serve=0", "a.mp4"]),
        (["replay", "--serve", "--headless", "a.mp4"], ["replay", "--serve=0", "--headless", "a.mp4"]),
        (["replay", "--", "--serve", "a"], ["replay", "--", "--serve", "a"]),
    ],
)
def test_the_port_may_be_omitted(given: list[str], meant: list[str]):
    assert expand_serve_flag(given) == meant


def test_neither_token_nor_port_appears_in_a_session_event():
    settings = Settings(serve=0, serve_token=TOKEN)
    assert settings.model_dump() == Settings().model_dump()
    assert TOKEN not in repr(settings)


def test_bad_tokens_and_ports_are_reported(tmp_path: Path):
    with pytest.raises(ConfigError, match="must be 16 to 200") as refused:
        load_settings(None, {"serve_token": "hunter2"})
    assert "hunter2" not in str(refused.value)
    with pytest.raises(ConfigError, match="serve"):
        load_settings(None, {"serve": 70_000})
    with pytest.raises(ConfigError, match="without --serve"):
        build_settings(serve_token=TOKEN)


def test_a_script_receives_a_replay():
    """As in the README: the address is printed, a script listens until the end."""
    command = [sys.executable, "-m", "mmim_live.cli", "replay", "sample", "--no-speech", "--no-face", "--hop", "2"]
    with subprocess.Popen(
        [*command, "--serve"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        found = re.fullmatch(r"overlay: http://(127\.0\.0\.1:\d+)/\?token=(\S+)\n", process.stderr.readline())
        assert found is not None
        with connect(f"ws://{found[1]}/events?token={found[2]}", proxy=None) as line:
            kinds = [json.loads(message)["type"] for message in line]
        assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0
    assert (kinds[0], {"reading", "summary"} <= set(kinds)) == ("session", True)


def test_the_app_shows_and_copies_the_address():
    address = "http://127.0.0.1:8765/?token=abc[def]"
    source = ScriptedSource(list(talk(5.0)))
    app = MmimApp(source, title="talk.mp4", overlay=address)

    async def run() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            assert [toast.message for toast in app._notifications] == [address]
            (command,) = [each for each in app.get_system_commands(app.screen) if "overlay" in each.title]
            command.callback()
            await pilot.pause()
            assert app.clipboard == address

    asyncio.run(run())
    assert not source.alive


# ---- the page ---------------------------------------------------------------------------------------------------


def test_the_page_loads_nothing_external_and_is_confined(server: EventServer):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(server.address, timeout=30) as response:
        body, policy = response.read(), response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "no-referrer"
    assert policy.startswith("default-src 'none'; ")
    for tag in (b"script", b"style"):
        (text,) = re.findall(b"<%b>(.*?)</%b>" % (tag, tag), body, re.DOTALL)
        assert f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'" in policy
    assert "unsafe" not in policy
    assert not re.search(rb"""https?://|(?:src|href)="(?!data:,")| on\w+=|style=|@import|url\(""", body)
    assert not re.search(rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|\bFunction\(", body)


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_browser_shows_score_and_words_as_text(server: EventServer, tmp_path: Path):
    hostile = "<img src=x onerror=document.title='broken'>"
    publish(server, [event for event in talk(31.0) if not isinstance(event, Health)])
    server.write(utterance(31.0, 32.0, hostile, -2.2))
    command = [CHROMIUM or "", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += ["--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0"]
    with subprocess.Popen(
        [*command, f"--user-data-dir={tmp_path}", server.address], stderr=subprocess.PIPE, text=True
    ) as browser:
        assert browser.stderr is not None
        told = next(found for line in browser.stderr if (found := re.search(r"ws://(127\.0\.0\.1:\d+)/", line)))
        threading.Thread(target=browser.stderr.read, daemon=True).start()
        try:
            shown = text_of_page(told[1])
        finally:
            browser.terminate()
    assert "negative" in shown
    assert "−2.2" in shown
    assert hostile in shown
    assert "broken" not in shown.replace(hostile, "")


def text_of_page(debugger: str) -> str:
    """Title and visible text of the browser's page once it has drawn an utterance."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{debugger}/json", timeout=30) as response:
        (page,) = [each for each in json.load(response) if each["type"] == "page"]
    drawn = """new Promise((done) => { const look = () => document.querySelector("#lines b")
        ? done(document.title + " " + document.body.innerText) : setTimeout(look, 50); look(); })"""
    with connect(page["webSocketDebuggerUrl"], proxy=None, max_size=None) as line:
        asked = {"id": 1, "method": "Runtime.evaluate", "params": {"expression": drawn, "awaitPromise": True}}
        answer: dict[str, Any] = {}
        while "result" not in answer:  # an error says that the browser had not yet got to our page
            line.send(json.dumps(asked))
            while (answer := json.loads(line.recv(60))).get("id") != 1:
                pass
    return str(answer["result"]["result"]["value"])
