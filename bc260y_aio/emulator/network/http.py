"""An HTTP server in a few lines: it answers by path, and keeps the requests. It needs h11, of the extra ``testing``."""

import http
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from .peers import PeerConnection

if TYPE_CHECKING:
    import h11


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request that was received.

    Attributes:
        method: ``"GET"`` and the like.
        target: the path, with the query.
        headers: by name, in lower case.
        body: its body.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The path, without the query."""
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer.

    Attributes:
        body: its body.
        status: its status code.
        headers: more headers; the length is added automatically.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Content: TypeAlias = HttpAnswer | bytes | str | int | dict[str, Any] | list[Any]
"""The answer of a path: bytes, text, a value for JSON, a status code alone, or a whole :class:`HttpAnswer`."""

Route: TypeAlias = Content | Callable[[HttpRequest], Content | Awaitable[Content]]
"""The same, or a function of the request that returns it; it may be a coroutine function."""


class HttpPeer:
    """An HTTP/1.1 server that answers by path, keeps connections open, and remembers the requests.

    A test adds it in one line::

        api = network.add_http("api.example", {"/time": "12:30", "POST /readings": 204})
        ...
        assert api.requests[0].body == b"21.5"

    Args:
        routes: the answers, by path, or by method and path. Other paths are answered 404.

    Attributes:
        routes: the same; may be changed at any time.
        requests: those received so far.

    Raises:
        ModuleNotFoundError: h11 is not installed; the message says how to install it.
    """

    def __init__(self, routes: Mapping[str, Route]) -> None:
        _import_h11()
        self.routes = dict(routes)
        self.requests: list[HttpRequest] = []

    async def __call__(self, connection: PeerConnection) -> None:
        """Serve one connection."""
        h11 = _import_h11()
        http_connection = h11.Connection(h11.SERVER)
        while True:
            try:
                request = await _receive(http_connection, connection)
            except h11.RemoteProtocolError as exc:
                _send(http_connection, connection, HttpAnswer(status=exc.error_status_hint))
                return

            self.requests.append(request)
            _send(http_connection, connection, await self._answer(request), is_head=request.method == "HEAD")
            await connection.drain()
            if http_connection.our_state is not h11.DONE:
                return

            http_connection.start_next_cycle()

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


def _import_h11() -> Any:
    try:
        import h11
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "an HTTP server in the emulated network needs h11: pip install 'bc260y-aio[testing]'", name="h11"
        ) from None

    return h11


async def _receive(http_connection: "h11.Connection", connection: PeerConnection) -> HttpRequest:
    """Receive a whole request.

    Raises:
        h11.RemoteProtocolError: what was received is not a request.
        EOFError: the module has closed.
    """
    h11 = _import_h11()
    request, body = None, bytearray()
    while True:
        match http_connection.next_event():
            case h11.NEED_DATA:
                if http_connection.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[], reason=_reason(100))
                    connection.send(http_connection.send(go_on) or b"")

                http_connection.receive_data(await connection.receive())
            case h11.Request() as request:
                pass
            case h11.Data(data=data):
                body += data
            case h11.EndOfMessage():
                assert request is not None
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
                return HttpRequest(request.method.decode(), request.target.decode("latin-1"), headers, bytes(body))
            case _:
                raise EOFError("the module has closed")


def _send(
    http_connection: "h11.Connection", connection: PeerConnection, answer: HttpAnswer, *, is_head: bool = False
) -> None:
    h11 = _import_h11()
    has_body = answer.status >= 200 and answer.status not in (204, 304)
    headers = [*answer.headers.items(), *([("Content-Length", str(len(answer.body)))] if has_body else [])]
    events: list[Any] = [h11.Response(status_code=answer.status, headers=headers, reason=_reason(answer.status))]
    if has_body and not is_head:
        events.append(h11.Data(data=answer.body))

    connection.send(b"".join(http_connection.send(event) or b"" for event in [*events, h11.EndOfMessage()]))


def _reason(status: int) -> bytes:
    try:
        return http.HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""
