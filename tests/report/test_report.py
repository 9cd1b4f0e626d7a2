"""The report as a table, as JSON, and as a page in a real browser."""

import dataclasses
import json
import re
import subprocess
from pathlib import Path
from typing import Any

from bc260y_aio.report import Forecast, Report, write_page
from bc260y_aio.usage import ConnectionUsage, ModemUsage, TlsUsage
from tests.report.test_forecast import ledger, usage
from tests.tools import find, needs

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def connection(number: int = 0, tls: TlsUsage | None = None, **more: Any) -> ConnectionUsage:
    zeros: dict[str, Any] = {field.name: 0 for field in dataclasses.fields(ConnectionUsage)}
    zeros |= {
        "service_type": "TCP",
        "host": "198.51.100.7",
        "name": f"host{number}.example",
        "port": 443,
        "was_opened": True,
        "is_open": False,
        "tls": tls,
    }
    return ConnectionUsage(**(zeros | more))


def whole() -> Report:
    tls = TlsUsage(version="TLSv1.3", sent=600, received=1400, resumption="none kept")
    first = connection(1, tls, sent=700, received=1800, air_sent=1100, air_received=2200, sends=3, queries=1)
    second = connection(2, opened=60.0, seconds=1.25, sent=10, air_sent=50, sends=1)
    radio = dataclasses.replace(
        ledger(2.0, connected=20.0, idle=40.0), by_cause={"tcp host1.example:443": 15.0, "tcp host2.example:443": 5.0}
    )
    amounts = {"opened": 2, "sent": 710, "received": 1800, "air_sent": 1150, "air_received": 2200, "sends": 4}
    amounts |= {"queries": 1, "handshakes": 1, "tls_sent": 600, "tls_received": 1400, "line_sent": 5000}
    measured = usage(radio, connections=(first, second), commands={"+QISEND": 5, "+QIOPEN": 2}, **amounts)
    return Report(usage=measured, title="a run <of> it", forecast=Forecast.of(measured, every=900.0, battery_mah=2400))


def test_the_table_has_a_row_for_each_connection_and_the_sums() -> None:
    lines = str(whole()).splitlines()
    assert [line.split("  ")[0] for line in lines[:4]] == [
        "peer",
        "tcp host1.example:443",
        "tcp host2.example:443",
        "all 2",
    ]
    assert lines[1].endswith("3        1        80%  TLSv1.3, none kept")
    assert lines[2].split()[2:] == ["60.0", "s", "1.2", "s", "10", "0", "50", "0", "1", "0", "-", "-"]
    assert lines[3].endswith("80%  0 of 1 resumed")
    assert lines[5].startswith("on the line: 5000 bytes to the module, 0 from it, 7 commands")
    assert lines[6].startswith("radio (emulated): 1 connection, ")
    assert lines[7] == "kept connected by: tcp host1.example:443 15.0 s (75%), tcp host2.example:443 5.0 s (25%)"
    assert lines[8].startswith("every 15 min, a month of 30 days: 9.65 MB, ")


def test_a_long_list_of_connections_shows_the_newest() -> None:
    measured = usage(connections=tuple(map(connection, range(250))), opened=1250)
    lines = str(Report(usage=measured)).splitlines()
    assert lines[1].rstrip() == "(1150 before these)"
    assert [lines[2].split()[1], lines[101].split()[1]] == ["host150.example:443", "host249.example:443"]
    assert lines[102].startswith("all 1250")


def test_json_has_the_same_in_full() -> None:
    values = json.loads(json.dumps(whole().to_json()))
    names = {field.name for field in dataclasses.fields(ModemUsage)}
    assert values.keys() == names | {"title", "handshake_share", "forecast"}
    assert values["connections"][0]["tls"]["resumption"] == "none kept"
    assert values["radio"]["seconds"]["connected"] == 20.0
    assert values["radio"]["kept_awake_by"] == {"tcp host1.example:443": 15.0, "tcp host2.example:443": 5.0}
    assert 0 < values["forecast"]["battery_share"] < 1
    assert values["commands"] == {"+QISEND": 5, "+QIOPEN": 2}


def test_a_connection_that_could_not_be_opened_is_marked() -> None:
    report = Report(usage=usage(connections=(connection(was_opened=False),), opened=1))
    assert report.rows()[1][2] == "failed"


def test_a_report_on_a_real_module_has_no_radio() -> None:
    report = Report(usage=usage(connections=(connection(),), opened=1))
    assert "radio" not in report.to_json()
    assert "radio" not in str(report)


def test_a_page_needs_no_network_and_escapes_what_it_shows(tmp_path: Path) -> None:
    write_page(whole(), str(tmp_path / "it.html"))
    text = (tmp_path / "it.html").read_text(encoding="utf-8")
    assert "a run &lt;of&gt; it" in text
    assert re.findall(r"<(?:script|link)[^>]*(?:src|href)=[^>]*>", text) == []


@needs(*BROWSERS)
def test_a_browser_shows_every_plot_of_a_page(tmp_path: Path) -> None:
    page, picture = tmp_path / "it.html", tmp_path / "it.png"
    write_page(whole(), str(page))
    command = [
        *(
            str(find(*BROWSERS)),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=1000,1900",
        ),
        *(
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--virtual-time-budget=5000",
            f"--user-data-dir={tmp_path / 'data'}",
        ),
        *(f"--screenshot={picture}", page.as_uri()),
    ]
    subprocess.run(command, check=True, timeout=50, capture_output=True)

    from PIL import Image

    with Image.open(picture) as image:
        pixels = {colour: number for number, colour in image.convert("RGB").getcolors(1 << 24) or ()}

    # The bars of three series, each a good part of the picture: up and the radio, down, and the handshake.
    assert pixels[0x1F, 0x77, 0xB4] > 100_000
    assert pixels[0xFF, 0x7F, 0x0E] > 3_000
    assert pixels[0x2C, 0xA0, 0x2C] > 3_000
