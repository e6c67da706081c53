"""The overlay: one page without anything from elsewhere, and the headers that hold a browser to that."""

from __future__ import annotations

import base64
import hashlib
import re
from http import HTTPStatus
from pathlib import Path

from websockets.datastructures import Headers
from websockets.http11 import Response

_PAGE = Path(__file__).parent / "overlay.html"


def overlay(port: int) -> Response:
    """The page as a response; what it may do is what this very text does, and to connect to `port`."""
    body = _PAGE.read_bytes()
    hosts = " ".join(f"ws://{name}:{port}" for name in ("127.0.0.1", "localhost"))
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_sums(body, b'script')}",
            f"style-src {_sums(body, b'style')}",
            f"connect-src 'self' {hosts}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
    return answer(HTTPStatus.OK, body, {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy})


def answer(status: HTTPStatus, body: bytes, more: dict[str, str] | None = None) -> Response:
    """A response that no browser keeps, reinterprets or hands on."""
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


def _sums(body: bytes, tag: bytes) -> str:
    """The SHA-256 sources of the page's own elements of one kind."""
    found = re.findall(b"<%b>(.*?)</%b>" % (tag, tag), body, re.DOTALL)
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'" for text in found)
