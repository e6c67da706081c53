"""The overlay page, which loads nothing from elsewhere, and the headers that hold a browser to that."""

from __future__ import annotations

import base64
import hashlib
import re
from http import HTTPStatus
from pathlib import Path

from websockets.datastructures import Headers
from websockets.http11 import Response

_PAGE = Path(__file__).parent / "overlay.html"


def overlay_page(port: int) -> Response:
    """The page. Its content security policy allows exactly its own script and styles, and connections to `port`."""
    body = _PAGE.read_bytes()
    hosts = " ".join(f"ws://{name}:{port}" for name in ("127.0.0.1", "localhost"))
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hashes(body, b'script')}",
            f"style-src {_hashes(body, b'style')}",
            f"connect-src 'self' {hosts}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
    return response(HTTPStatus.OK, body, headers)


def response(status: HTTPStatus, body: bytes, more: dict[str, str] | None = None) -> Response:
    """A response, plain text by default, that no browser caches, sniffs or shares with other origins."""
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(body)),
        "Connection": "close",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",  # the address holds the token
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(status.value, status.phrase, Headers(headers | (more or {})), body)


def _hashes(body: bytes, tag: bytes) -> str:
    """The SHA-256 sources of the page's own elements with this tag."""
    found = re.findall(b"<%b>(.*?)</%b>" % (tag, tag), body, re.DOTALL)
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'" for text in found)
