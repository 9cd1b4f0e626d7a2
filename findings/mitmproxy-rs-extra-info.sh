#!/bin/sh
# mitmproxy_rs: Stream.get_extra_info(name, None) raises KeyError for a name that it does not have; only a default other
# than None is returned. Its annotations, and asyncio's transports, say that the default is returned. Seen with 0.11.1
# (Python 3.11) and 0.12.15 (Python 3.12).
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
version=$("$folder/venv/bin/python" -c 'import sys; print("0.11.1" if sys.version_info < (3, 12) else "0.12.15")')
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "mitmproxy_rs==$version"
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import importlib.metadata
import sys

from mitmproxy_rs import udp


async def main():
    seen = asyncio.get_running_loop().create_future()

    async def handle(stream):
        outcomes = []
        for default in (None, "default"):
            try:
                outcomes.append(repr(stream.get_extra_info("no_such_name", default)))
            except KeyError as exc:
                outcomes.append(f"KeyError {exc}")

        seen.set_result(outcomes)
        stream.close()

    server = await udp.start_udp_server("127.0.0.1", 0, handle)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=server.getsockname()
    )
    transport.sendto(b"hello")
    outcomes = await asyncio.wait_for(seen, 10)
    transport.close()
    print("mitmproxy_rs", importlib.metadata.version("mitmproxy_rs"), "default None:", outcomes[0])
    print("default 'default':", outcomes[1])
    server.close()
    await server.wait_closed()
    return 0 if outcomes == ["KeyError 'no_such_name'", "'default'"] else 1


sys.exit(asyncio.run(main()))
EOF
