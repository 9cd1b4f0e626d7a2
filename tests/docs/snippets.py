"""The snippets of README.md and docs/: where they are, and how each kind is run on an emulated module.

- A fragment is run as the body of a coroutine. `/dev/ttyUSB0` is an emulated module, behind which there are hosts (see
  `Bench`). Names that a fragment uses and does not define are provided: an open `modem`, a `writer` on it and so on.
- A program, which has `asyncio.run(...)`, is run in a thread, as a file would be.
- A test, which has `def test_`, is run by pytest, with the fixtures of the package.

Functions and classes of a page's earlier snippets are known to the later ones.
"""

import ast
import asyncio
import contextlib
import functools
import inspect
import io
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from types import CodeType
from typing import Any, Final, NamedTuple

import trustme

import bc260y_aio
from bc260y_aio import Modem
from bc260y_aio.emulator import EchoPeer, Emulator, HttpPeer

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs/pages").rglob("*.md")))

_BLOCK: Final = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_PORT: Final = "/dev/ttyUSB0"
_LIMIT: Final = 20.0


class Snippet(NamedTuple):
    """A block of code.

    Attributes:
        page: the file that it is in.
        line: the number of its first line.
        language: what is written behind the fence.
        text: the code.
        output: what the page says that it prints: the block of `text` that follows at once; None without one.
    """

    page: Path
    line: int
    language: str
    text: str
    output: str | None


def snippets(page: Path, language: str) -> list[Snippet]:
    """Return the blocks of a page in one language, in order."""
    text = page.read_text(encoding="utf-8")
    blocks = list(_BLOCK.finditer(text))
    found = []

    for block, after in zip(blocks, [*blocks[1:], None], strict=False):
        code = inspect.cleandoc("\n" + block[3]) + "\n"
        is_output = after is not None and after[2] == "text" and not text[block.end() : after.start()].strip()
        output = after[3] if after is not None and is_output else None
        found.append(Snippet(page, text.count("\n", 0, block.start(3)) + 1, block[2], code, output))

    return [snippet for snippet in found if snippet.language == language]


class Bench:
    """An emulated module for one fragment, and the hosts that documentation names.

    example.com and meter.example send back what they get, example.com at port 443 over TLS; api.example is an HTTP
    server; upload.example keeps what it gets.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self._stack = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Add the hosts."""
        server = await asyncio.start_server(_echo, "127.0.0.1", 0, ssl=_server_context())
        self._stack.push_async_callback(server.wait_closed)
        self._stack.callback(server.close)
        network = self.emulator.network
        network.add_host("example.com", EchoPeer(), ports={443: server.sockets[0].getsockname()[1]})
        network.add_echo("meter.example")
        network.add_sink("upload.example")
        network.add_host("api.example", HttpPeer({"GET /": "hello", "POST /readings": 204}))

    async def provide(self, names: set[str]) -> dict[str, Any]:
        """Return what a fragment uses and does not define itself."""
        provided: dict[str, Any] = {}
        if names & {"modem", "reader", "writer", "transport", "endpoint"}:
            provided["modem"] = modem = await self._stack.enter_async_context(Modem(self.emulator.url))
            if names & {"reader", "writer", "transport"}:
                reader, writer = await modem.open_connection("example.com", 7)
                provided |= {"reader": reader, "writer": writer, "transport": writer.transport}

            if "endpoint" in names:
                provided["endpoint"] = await modem.open_datagram_endpoint("meter.example", 5683)

        if names & {"emulator", "network"}:
            provided |= {"emulator": self.emulator, "network": self.emulator.network}

        return provided

    async def close(self) -> None:
        """Close what was opened for a fragment."""
        await self._stack.aclose()


@functools.cache
def authority() -> trustme.CA:
    """Return who signs the certificates of the hosts. SSL_CERT_FILE has to name a file with its certificate."""
    return trustme.CA()


def _server_context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority().issue_cert("example.com").configure_cert(context)
    return context


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1024):
        writer.write(data)

    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def on_bench(line: str) -> AsyncIterator[Bench]:
    """Set an emulated module up."""
    async with Emulator(line=line) as emulator:
        bench = Bench(emulator)
        try:
            await bench.start()
            yield bench
        finally:
            await bench.close()


async def run_snippet(snippet: Snippet, known: dict[str, Any]) -> str:
    """Run a fragment or a program, and return what it printed.

    Args:
        snippet: the block.
        known: the functions and classes of the page so far; those of this block are added.
    """
    is_program = "asyncio.run(" in snippet.text
    async with on_bench("pty" if is_program else "memory") as bench, asyncio.timeout(_LIMIT):
        text = re.sub(rf'"{_PORT}"|"emulator://[^"]*"', repr(bench.emulator.url), snippet.text)
        code = compile_snippet(text, snippet)
        names: dict[str, Any] = {"__name__": "__main__", "asyncio": asyncio, "bc260y_aio": bc260y_aio, **known}
        names |= await bench.provide(unknown(text) - names.keys())
        printed = io.StringIO()
        # Connections that a fragment leaves open are closed with its modem.
        with contextlib.redirect_stdout(printed):
            if is_program:
                await asyncio.to_thread(eval, code, names)
            elif inspect.iscoroutine(result := eval(code, names)):
                await result

        known |= {name: thing for name, thing in names.items() if inspect.isfunction(thing) or inspect.isclass(thing)}
        return printed.getvalue()


def compile_snippet(text: str, snippet: Snippet) -> CodeType:
    """Compile a block so that a traceback names its page and line."""
    code: CodeType = compile(
        "\n" * (snippet.line - 1) + text, str(snippet.page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    )
    return code


def unknown(text: str) -> set[str]:
    """Return the names that a block uses and does not define."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)]
    stored = {node.id for node in nodes if isinstance(node.ctx, ast.Store)}
    return {node.id for node in nodes if isinstance(node.ctx, ast.Load)} - stored
