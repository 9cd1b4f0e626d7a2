"""An MQTT broker, rumqttd, in a process of its own."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from iotcore import Broker

from .stage import listening, port_of

_CONFIGURATION = """
id = 0

[router]
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 1048576
max_segment_count = 10

[v4.1]
name = "mqtt-3.1.1"
listen = "127.0.0.1:{v4}"
next_connection_delay_ms = 1
[v4.1.connections]
connection_timeout_ms = 10000
max_payload_size = 65536
max_inflight_count = 100

[v5.1]
name = "mqtt-5"
listen = "127.0.0.1:{v5}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 10000
max_payload_size = 65536
max_inflight_count = 100
"""


@dataclass(frozen=True)
class Ports:
    """Where the broker listens.

    Attributes:
        v4: the port for MQTT 3.1.1.
        v5: the port for MQTT 5.
    """

    v4: int
    v5: int


@contextlib.contextmanager
def mqtt_broker(folder: Path) -> Iterator[Ports]:
    """Run a broker meanwhile; its configuration goes into the folder."""
    with listening() as one, listening() as two:
        ports = Ports(port_of(one), port_of(two))

    configuration = folder / "broker.toml"
    configuration.write_text(_CONFIGURATION.format(v4=ports.v4, v5=ports.v5))
    with Broker(config_path=os.fspath(configuration)):
        yield ports
