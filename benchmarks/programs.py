r"""Which programs run over a module by `bc260y-aio run --isolated`, and what they cost.

Each program runs twice over an emulated module, against a real server on the loopback interface. All of it is in a
network namespace with one more interface that leads nowhere, and has the default route; the packets on it are counted.
It needs Linux, unshare(1), and the programs; on Debian:

    apt-get install bind9-dnsutils curl git hey libcoap3-bin mosquitto mosquitto-clients nodejs openssh-server \
        postgresql-client python3-pip wget
    pip install 'bc260y-aio[bench,test]'

With --write the table goes into `docs/pages/howto/isolated.md`.
"""

import asyncio
import re
import shlex
import subprocess
import sys
import tempfile
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bc260y_aio.emulator import Emulator
from tests.clients.postgres import USER
from tests.leaks.wire import Wire, replace_resolver

from . import inside
from .common import Table
from .program_servers import HOST_KEY_ALIAS, Servers, servers

_ROOT: Final = Path(__file__).parents[1]
# The emulator's names all lead to the servers; certificates are for this one.
_HOST: Final = "peer.example"
# The address of a host that has no name.
_ADDRESS: Final = "198.51.100.1"
_TIMEOUT: Final = 60
_RUNS: Final = 2


@dataclass(frozen=True)
class Program:
    """A program to try.

    Attributes:
        title: what it does.
        version: the command that prints its versions.
        pattern: a regular expression; its groups are the versions.
        command: the text for a shell.
        expected: what it must print.
    """

    title: str
    version: str
    pattern: str
    command: Callable[[Servers], str]
    expected: str


def _python(text: str) -> str:
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(text)}"


def _ssh(to: Servers) -> str:
    options = f"-F none -i {to.folder}/user_key -p {to.ssh} -o UserKnownHostsFile={to.folder}/known_hosts"
    return f"ssh {options} -o HostKeyAlias={HOST_KEY_ALIAS} -o BatchMode=yes"


def _clone(to: Servers, url: str, environment: str = "") -> str:
    copy = f"{to.folder}/copy"
    return f"rm -rf {copy}; {environment} git clone -q {url} {copy} && cat {copy}/reading.txt"


def _clone_by_ssh(to: Servers) -> str:
    url = f"ssh://{to.user}@{_HOST}{to.folder}/repository.git"
    return _clone(to, url, f"GIT_SSH_COMMAND={shlex.quote(_ssh(to))}")


def _publish_and_subscribe(to: Servers) -> str:
    broker = f"-h {_HOST} -p {to.mqtt} -q 1 -t meter/7"
    return f"mosquitto_pub {broker} -r -m 21.5 && mosquitto_sub {broker} -C 1"


def _download(to: Servers) -> str:
    folder = to.folder / "downloads"
    options = f"--index-url http://{_HOST}:{to.index}/simple --trusted-host {_HOST} --no-cache-dir --no-deps -q"
    options += " --disable-pip-version-check"
    return f"rm -rf {folder}; {_PIP} download {options} -d {folder} meter && ls {folder}"


def _pipeline(to: Servers) -> str:
    upload = f"curl -sS --data-binary @- http://{_HOST}:{to.web}/echo"
    return f"wget -qO- http://{_HOST}:{to.web}/hello | {_ssh(to)} {to.user}@{_HOST} tr a-z A-Z | {upload}"


_PIP: Final = "pip3"

_PSYCOPG: Final = """
import psycopg
with psycopg.connect(host="{host}", port={port}, user="{user}", dbname="postgres") as connection:
    print(connection.execute("SELECT 7").fetchone())
"""

_GRPC: Final = """
import grpc
with grpc.insecure_channel("{host}:{port}") as channel:
    print(channel.unary_unary("/meter.Meter/Read")(b"reading", timeout=30))
"""

_CHILDREN: Final = """
import multiprocessing, subprocess, urllib.request
URL = "http://{host}:{port}/hello"
def get(number):
    return urllib.request.urlopen(URL, timeout=30).read().decode()
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(get(0), *pool.map(get, [1]), subprocess.check_output(["curl", "-sS", URL], text=True))
"""

_CURL: Final = ("curl --version", r"curl (\S+)")

PROGRAMS: Final = (
    Program("curl, HTTP", *_CURL, lambda to: f"curl -sS http://{_HOST}:{to.web}/hello", "hello"),
    Program(
        "curl, HTTPS",
        "curl --version",
        r"curl (\S+).* (OpenSSL/\S+)",
        lambda to: f"curl -sS --http1.1 --cacert {to.folder}/ca.pem https://{_HOST}:{to.https}/hello",
        "hello",
    ),
    Program(
        "curl, HTTP/2 over TLS",
        "curl --version",
        r"curl (\S+).* (nghttp2/\S+)",
        lambda to: f"curl -sS --http2 --cacert {to.folder}/ca.pem -w '%{{http_version}}' https://{_HOST}:{to.http2}/",
        "2",
    ),
    Program("wget", "wget --version", r"Wget (\S+)", lambda to: f"wget -qO- http://{_HOST}:{to.web}/hello", "hello"),
    Program(
        "hey, a static Go program",
        "dpkg-query -W hey",
        r"\t([^-]+)",
        lambda to: f"hey -n 1 -c 1 http://{_HOST}:{to.web}/hello",
        "[200]\t1 responses",
    ),
    Program(
        "Node.js, fetch",
        "node --version",
        r"v(\S+)",
        lambda to: f"node -e 'fetch(\"http://{_HOST}:{to.web}/hello\").then(r => r.text()).then(console.log)'",
        "hello",
    ),
    Program(
        "ssh, a command",
        "ssh -V",
        r"OpenSSH_([^ ,]+)",
        lambda to: f"echo reading | {_ssh(to)} {to.user}@{_HOST} tr a-z A-Z",
        "READING",
    ),
    Program(
        "git clone, git://",
        "git --version",
        r"version (\S+)",
        lambda to: _clone(to, f"git://{_HOST}:{to.git}/repository.git"),
        "21.5",
    ),
    Program("git clone, ssh://", "git --version; ssh -V", r"version (\S+)\n(OpenSSH_[^ ,]+)", _clone_by_ssh, "21.5"),
    Program("dig, the name server inside", "dig -v", r"DiG ([^-]+)", lambda to: f"dig +short {_HOST}", "198.18."),
    Program(
        "dig, another name server",
        "dig -v",
        r"DiG ([^-]+)",
        lambda to: f"dig +short @{_ADDRESS} -p {to.dns} meter.example.com",
        "192.0.2.7",
    ),
    Program(
        "mosquitto_pub, then mosquitto_sub",
        "mosquitto_pub --version",
        r"version (\S+?)\.?\s",
        _publish_and_subscribe,
        "21.5",
    ),
    Program(
        "coap-client",
        "coap-client-openssl -h",
        r"\bv?(\d+\.\d+\.\d+)",
        lambda to: f"coap-client-openssl -B 20 coap://{_HOST}:{to.coap}/",
        "libcoap",
    ),
    Program(
        "psql, a query over TLS",
        "psql --version",
        r"PostgreSQL\) (\S+)",
        lambda to: f"psql 'host={_HOST} port={to.postgres} user={USER} dbname=postgres' -Atc 'SELECT 7'",
        "7",
    ),
    Program(
        "psycopg, a query over TLS",
        _python("import psycopg; print(psycopg.__version__)"),
        r"(\S+)",
        lambda to: _python(_PSYCOPG.format(host=_HOST, port=to.postgres, user=USER)),
        "(7,)",
    ),
    Program(
        "grpcio, a unary call",
        _python("import grpc; print(grpc.__version__)"),
        r"(\S+)",
        lambda to: _python(_GRPC.format(host=_HOST, port=to.grpc)),
        "READING",
    ),
    Program("pip download, a local index", f"{_PIP} --version", r"pip (\S+)", _download, "meter-1.0-py3-none-any.whl"),
    Program(
        "a pipeline: wget, ssh, curl",
        "wget --version; ssh -V; curl --version",
        r"(Wget \S+)[^$]*(OpenSSH_[^ ,]+)[^$]*(curl \S+)",
        _pipeline,
        "HELLO",
    ),
    Program(
        "Python, a child of its own, and curl",
        f"{shlex.quote(sys.executable)} --version; curl --version",
        r"(Python \S+)\n(curl \S+)",
        lambda to: _python(_CHILDREN.format(host=_HOST, port=to.web)),
        "hello hello hello",
    ),
)


@dataclass(frozen=True)
class Cost:
    """The cost of one run of a program.

    Attributes:
        sends: the AT+QISENDs with payload.
        size: their bytes.
        error: why it failed; empty if it did not.
    """

    sends: int
    size: int
    error: str


async def run_program(command: str, expected: str) -> Cost:
    """Run the text for a shell over an emulated module of its own."""
    async with Emulator(line="tcp", latency=0.05) as emulator:
        emulator.network.add_host("unnamed.example", address=_ADDRESS)
        process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "bc260y_aio",
                "run",
                "--isolated",
                "--port",
                emulator.url,
                "--",
                "sh",
                "-c",
                command,
            ),
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
        )
        try:
            async with asyncio.timeout(_TIMEOUT):
                printed = (await process.communicate())[0].decode()
        except TimeoutError:
            process.terminate()
            printed = f"longer than {_TIMEOUT} s"
            await process.wait()

        sent = list(emulator.module.rai_log)

    is_well = process.returncode == 0 and expected in printed
    return Cost(len(sent), sum(one.size for one in sent), "" if is_well else printed.strip() or f"{process.returncode}")


def version_of(program: Program) -> str:
    """Return the versions of what a program consists of; nothing if it is not installed."""
    told = subprocess.run(["sh", "-c", program.version], stdout=PIPE, stderr=STDOUT, text=True, check=False).stdout
    found = re.search(program.pattern, told)
    return ", ".join(found.groups()) if found else ""


async def measure(wire: Wire, chosen: str) -> tuple[Table, bool]:
    """Run each program whose title has the chosen text in it twice; return also whether all went well."""
    rows, is_well = [], True
    with tempfile.TemporaryDirectory() as folder:
        replace_resolver(Path(folder))
        async with servers(Path(folder)) as to:
            for program in PROGRAMS:
                if chosen in program.title:
                    version = version_of(program)
                    # To print its version, curl may ask for this machine's name.
                    wire.packets()
                    costs = [await run_program(program.command(to), program.expected) for _ in range(_RUNS)]
                    packets = wire.packets()
                    is_well = is_well and not packets and not any(one.error for one in costs)
                    rows.append(_row(program, version, costs, packets))
                    print(rows[-1], *packets, *(one.error for one in costs), file=sys.stderr, flush=True)

    columns = ["program", "version", "AT+QISENDs", "bytes sent", "packets past the module"]
    return Table("Programs in `run --isolated`, first and second run", columns, rows), is_well


def _row(program: Program, version: str, costs: list[Cost], packets: list[str]) -> list[str]:
    sends = ", ".join(str(one.sends) for one in costs)
    sizes = ", ".join("failed" if one.error else str(one.size) for one in costs)
    return [program.title, version, sends, sizes, str(len(packets))]


if __name__ == "__main__":
    inside.script("benchmarks.programs", measure, __doc__, "programs")
