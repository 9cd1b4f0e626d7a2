"""The test form of every command: which parameters it takes (guide 2.1.2, 2.2)."""

import pytest

from tests.guide.bench import on_air


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("AT+QICFG=?", '+QICFG: "dataformat",(0,1),(0,1)'),
        ("AT+QIOPEN=?", '+QIOPEN: (0-11),(0-4),"TCP/UDP",<host>,<remote_port>,<local_port>,(1)'),
        ("AT+QICLOSE=?", "+QICLOSE: (0-4)"),
        ("AT+QISTATE=?", "+QISTATE: (0,1),(0-4)"),
        ("AT+QISEND=?", "+QISEND: (0-4),(0-1024),<data>,<rai_mode>"),
        ("AT+QIDNSGIP=?", "+QIDNSGIP: (0-11),<hostname>"),
        ("AT+QIDNSCFG=?", "+QIDNSCFG: (0-11),<pridnsaddr>,<secdnsaddr>"),
        ("AT+QPING=?", "+QPING: (0-11),<host>,(1-255),(1-10),(32-1500)"),
        ("AT+QNTP=?", "+QNTP: (0-11),<server>,<port>,(0,1)"),
    ],
)
async def test_every_test_command_can_be_asked(line: str, answer: str) -> None:
    async with on_air() as bench:
        assert await bench.modem.execute(line) == [answer]
