"""Who may listen: programs of this machine that know the token. Pure; knows headers, not sockets.

A server on the loopback address can be reached by every page that a browser of this machine shows, so three things are
asked of a request:

- `Host` names this machine: a page that had its own name point here (DNS rebinding) names its own.
- `Origin`, which browsers send and scripts need not, is this server's own, or that of a page from a file: no page from
  elsewhere, even one that knows the token.
- the token, as `?token=...` or as `Authorization: Bearer ...`.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers

__all__ = ["Rejection", "rejection"]

_NAMES = ("127.0.0.1", "localhost", "[::1]")
# Of pages from files: browsers say null, older embedded ones file://, and OBS has a made-up host for local files.
_FILE_ORIGINS = ("null", "file://", "http://absolute")


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a request is not served."""

    status: HTTPStatus
    text: str


def rejection(path: str, headers: Headers, token: str) -> Rejection | None:
    """What is wrong with a request for `path` (with its query); None lets it in."""
    hosts = headers.get_all("Host")
    if len(hosts) != 1 or _name(hosts[0]) not in _NAMES:
        return Rejection(HTTPStatus.FORBIDDEN, "ask for 127.0.0.1 or localhost, under no other name")
    for origin in headers.get_all("Origin"):
        if origin not in (f"http://{hosts[0]}", *_FILE_ORIGINS):
            return Rejection(HTTPStatus.FORBIDDEN, "pages from elsewhere may not listen")
    given = [*_bearers(headers.get_all("Authorization")), *parse_qs(urlsplit(path).query).get("token", [])]
    if not given:
        return Rejection(HTTPStatus.UNAUTHORIZED, "the token is missing: take the whole address that mmim-live shows")
    if not hmac.compare_digest(given[0].encode(), token.encode()):
        return Rejection(
            HTTPStatus.FORBIDDEN, "the token is wrong: every run has its own, unless --serve-token sets it"
        )
    return None


def _name(host: str) -> str:
    """The host without its port, which may be another where the port is forwarded."""
    name, colon, port = host.rpartition(":")
    return name.lower() if colon and port.isdecimal() else host.lower()


def _bearers(authorizations: Sequence[str]) -> list[str]:
    fields = (value.split(maxsplit=1) for value in authorizations)
    return [field[1].strip() for field in fields if len(field) == 2 and field[0].lower() == "bearer"]
