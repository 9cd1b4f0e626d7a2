"""A second HTTPS request of an unmodified client resumes the first one's session, and costs less."""

import json
import ssl
from typing import Final

import pytest

from benchmarks import tls_requests

# From OpenSSL 3.5 on every handshake, a resumed one too, has key shares of ML-KEM: 2.3 KB.
HAS_LARGE_SHARES: Final = ssl.OPENSSL_VERSION_INFO >= (3, 5)


@pytest.mark.parametrize("client", ["httpx", "aiohttp", "streams"])
def test_the_second_request_of_a_client_costs_less(client: str, capsys: pytest.CaptureFixture[str]) -> None:
    tls_requests.main([client, "average", "--requests", "2"])
    first, second = json.loads(capsys.readouterr().out)

    assert first["error"] == second["error"] == ""
    assert second["up"] + second["down"] <= (0.7 if HAS_LARGE_SHARES else 0.35) * (first["up"] + first["down"])
    assert second["energy"] < (1.1 if HAS_LARGE_SHARES else 1.0) * first["energy"]
    assert second["queries"] <= 4


def test_the_narrowband_context_and_a_session_cache_make_it_smaller(capsys: pytest.CaptureFixture[str]) -> None:
    tls_requests.main(["streams", "average", "--requests", "2"])
    usual = json.loads(capsys.readouterr().out)[0]
    tls_requests.main(["streams", "average", "--requests", "2", "--narrowband", "--keeps-sessions"])
    small = json.loads(capsys.readouterr().out)[1]

    assert small["up"] + small["down"] <= 0.25 * (usual["up"] + usual["down"])


@pytest.mark.parametrize("client", ["httpx", "aiohttp"])
def test_a_module_that_can_be_told_lets_the_radio_go(client: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--modem", '{"rai_on_close": true}', "--module", '{"firmware": "R02A01"}']
    energy = []
    for more in ([], options):
        tls_requests.main([client, "average", "--requests", "2", *more])
        energy.append(json.loads(capsys.readouterr().out)[1]["energy"])

    assert energy[1] <= (0.8 if HAS_LARGE_SHARES else 0.65) * energy[0]
