"""Who may connect: programs on this machine that know the token.

Any page that a browser on this machine shows can reach a server on the loopback address, so a request must satisfy
three conditions:

- `Host` names this machine: a page whose own name was made to resolve here (DNS rebinding) sends that name instead.
- `Origin`, which browsers send and scripts need not, is this server's own, or that of a file opened in OBS: no
  page from elsewhere gets in, not even one that knows the token.
- the token matches, given as `?token=...` or as `Authorization: Bearer ...`.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs

from websockets.datastructures import Headers

__all__ = ["Rejection", "Target", "rejection", "request_target"]

_NAMES = ("127.0.0.1", "localhost", "[::1]")
# Of pages that OBS opens from files: it uses a made-up host, older versions file://. Browsers send null for a file, and
# so does a sandboxed frame of any page from elsewhere: null is rejected.
_FILE_ORIGINS = ("file://", "http://absolute")


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a request is not served."""

    status: HTTPStatus
    text: str


@dataclass(frozen=True, slots=True)
class Target:
    """What a request asks for."""

    path: str
    query: str


def request_target(text: str) -> Target | None:
    """The target of a request line, such as `/events?token=...`; None if it is not of that form.

    >>> request_target("/events?token=abc"), request_target("//[")
    (Target(path='/events', query='token=abc'), None)
    """
    if not text.startswith("/") or text.startswith("//"):
        return None
    path, _, query = text.partition("#")[0].partition("?")
    return Target(path, query)


def rejection(target: Target, headers: Headers, token: str) -> Rejection | None:
    """Why a request is rejected; None if it is accepted."""
    hosts = headers.get_all("Host")
    if len(hosts) != 1 or _name(hosts[0]) not in _NAMES:
        return Rejection(HTTPStatus.FORBIDDEN, "use 127.0.0.1 or localhost as the host name")
    for origin in headers.get_all("Origin"):
        if origin not in (f"http://{hosts[0]}", *_FILE_ORIGINS):
            return Rejection(HTTPStatus.FORBIDDEN, "pages of other origins may not connect")
    given = [*_bearers(headers.get_all("Authorization")), *parse_qs(target.query).get("token", [])]
    if not given:
        return Rejection(HTTPStatus.UNAUTHORIZED, "token missing: use the full address that mmim-live shows")
    if not hmac.compare_digest(given[0].encode(), token.encode()):
        return Rejection(HTTPStatus.FORBIDDEN, "wrong token: each run has its own unless you set one")
    return None


def _name(host: str) -> str:
    """The host without its port, which may differ from ours if the port is forwarded."""
    name, colon, port = host.rpartition(":")
    return name.lower() if colon and port.isdecimal() else host.lower()


def _bearers(authorizations: Sequence[str]) -> list[str]:
    fields = (value.split(maxsplit=1) for value in authorizations)
    return [field[1].strip() for field in fields if len(field) == 2 and field[0].lower() == "bearer"]
