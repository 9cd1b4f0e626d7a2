"""An HTTP server in a few lines: answers by path, and keeps the requests."""

import http
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from .peers import PeerConnection

_END_OF_HEAD: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request that came.

    Attributes:
        method: ``"GET"`` and the like.
        target: what was asked for, with the query.
        headers: by name, in lower case.
        body: what came with it.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """What was asked for, without the query."""
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer.

    Attributes:
        body: what it brings.
        status: its status code.
        headers: more headers; the length is added by itself.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Content: TypeAlias = HttpAnswer | bytes | str | int | dict[str, Any] | list[Any]
"""What a path answers: bytes, text, something for JSON, a status code alone, or a whole :class:`HttpAnswer`."""

Route: TypeAlias = Content | Callable[[HttpRequest], Content | Awaitable[Content]]
"""The same, or a function of the request that returns it; it may be a coroutine function."""


class HttpPeer:
    """An HTTP/1.1 server that answers by path, keeps connections open, and remembers the requests.

    One line in a test sets it up::

        api = network.add_http("api.example", {"/time": "12:30", "POST /readings": 204})
        ...
        assert api.requests[0].body == b"21.5"

    Args:
        routes: the answers, by path, or by method and path. What is not there is answered 404.

    Attributes:
        routes: the same; may be changed at any time.
        requests: what has come.
    """

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self.routes = dict(routes)
        self.requests: list[HttpRequest] = []

    async def __call__(self, connection: PeerConnection) -> None:
        """Serve one connection."""
        while True:
            head = await connection.receive_until(_END_OF_HEAD)
            try:
                request, version = await _read(head, connection)
            except ValueError:
                connection.send(_write(HttpAnswer(status=400), is_last=True))
                return

            self.requests.append(request)
            wish = request.headers.get("connection", "").lower()
            is_last = wish == "close" or (version == "HTTP/1.0" and wish != "keep-alive")
            answer = await self._answer(request)
            connection.send(_write(answer, is_last=is_last, is_brief=request.method == "HEAD"))
            await connection.drain()
            if is_last:
                return

    async def _answer(self, request: HttpRequest) -> HttpAnswer:
        route = self.routes.get(f"{request.method} {request.path}", self.routes.get(request.path, 404))
        content = route(request) if callable(route) else route
        return _answer_of(await content if inspect.isawaitable(content) else content)


def _answer_of(content: Content) -> HttpAnswer:
    match content:
        case HttpAnswer():
            return content
        case int():
            return HttpAnswer(status=content)
        case bytes():
            return HttpAnswer(content, headers={"Content-Type": "application/octet-stream"})
        case str():
            return HttpAnswer(content.encode(), headers={"Content-Type": "text/plain; charset=utf-8"})
        case _:
            return HttpAnswer(json.dumps(content).encode(), headers={"Content-Type": "application/json"})


async def _read(head: bytes, connection: PeerConnection) -> tuple[HttpRequest, str]:
    """Read a request, and its version of HTTP.

    Raises:
        ValueError: it is none.
    """
    first, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, version = first.split(" ")
    headers = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError(f"no header: {line!r}")

        headers[name.strip().lower()] = value.strip()

    if headers.get("expect", "").lower() == "100-continue":
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _read_chunks(connection)
    else:
        body = await connection.receive_exactly(int(headers.get("content-length", "0")))

    return HttpRequest(method, target, headers, body), version


async def _read_chunks(connection: PeerConnection) -> bytes:
    body = bytearray()
    while size := int((await connection.receive_until(b"\r\n")).partition(b";")[0], 16):
        body += await connection.receive_exactly(size)
        await connection.receive_exactly(2)

    while await connection.receive_until(b"\r\n") != b"\r\n":
        pass

    return bytes(body)


def _write(answer: HttpAnswer, *, is_last: bool, is_brief: bool = False) -> bytes:
    try:
        phrase = http.HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = ""

    has_body = answer.status >= 200 and answer.status not in (204, 304)
    lines = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{name}: {value}" for name, value in answer.headers.items())]
    if has_body:
        lines.append(f"Content-Length: {len(answer.body)}")

    if is_last:
        lines.append("Connection: close")

    head = "\r\n".join(lines).encode("latin-1") + _END_OF_HEAD
    return head + answer.body if has_body and not is_brief else head
