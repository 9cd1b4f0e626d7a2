"""Which TLS session is kept, for whom, and for how long."""

import gc
import ssl
import weakref

import pytest

from bc260y_aio.tls import Resumption, TlsSessions, make_narrowband, narrowband_context
from tests.contract.certificates import NAMES, server_context, trusting_context

from .handshakes import Handshake

NAME, OTHER_NAME = NAMES


class Calendar:
    """The time of day, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> ssl.SSLContext:
    return server_context()


@pytest.fixture
def client() -> ssl.SSLContext:
    return trusting_context()


@pytest.fixture
def older_server() -> ssl.SSLContext:
    return server_context(maximum_version=ssl.TLSVersion.TLSv1_2)


def kept(sessions: TlsSessions, client: ssl.SSLContext, server: ssl.SSLContext, name: str = NAME) -> Handshake:
    """Make a connection whose session is kept."""
    handshake = Handshake(client, server, name=name)
    handshake.answer()
    assert sessions.keep(handshake.client, client, name, 443)
    return handshake


def test_a_ticket_of_tls_1_3_makes_the_next_handshake_smaller_and_is_offered_once(
    client: ssl.SSLContext, server: ssl.SSLContext
) -> None:
    sessions = TlsSessions()
    assert sessions.take(client, NAME, 443) == (None, Resumption.NONE_KEPT)
    first = kept(sessions, client, server)
    session, _ = sessions.take(client, NAME, 443)
    second = Handshake(client, server, session)

    assert second.client.session_reused
    # From OpenSSL 3.5 on both have a key share of ML-KEM, of 1.1 KB.
    assert second.received < (0.7 if ssl.OPENSSL_VERSION_INFO >= (3, 5) else 0.4) * first.received
    assert sessions.take(client, NAME, 443) == (None, Resumption.NONE_KEPT)


def test_a_session_of_tls_1_2_is_offered_as_often_as_it_is_asked_for(
    client: ssl.SSLContext, older_server: ssl.SSLContext
) -> None:
    sessions = TlsSessions()
    kept(sessions, client, older_server)

    for _ in range(3):
        session, _ = sessions.take(client, NAME, 443)
        assert Handshake(client, older_server, session).client.session_reused


def test_tls_1_3_has_no_session_to_keep_before_the_read_that_brings_the_ticket(
    client: ssl.SSLContext, server: ssl.SSLContext
) -> None:
    sessions = TlsSessions()
    handshake = Handshake(client, server)
    assert not sessions.keep(handshake.client, client, NAME, 443)

    handshake.answer()
    assert sessions.keep(handshake.client, client, NAME, 443)


def test_a_server_without_tickets_leaves_nothing_to_keep(client: ssl.SSLContext) -> None:
    server = server_context(num_tickets=0)
    handshake = Handshake(client, server)
    handshake.answer()

    assert not TlsSessions().keep(handshake.client, client, NAME, 443)


def test_a_session_is_for_the_same_name_and_port_and_context_only(
    client: ssl.SSLContext, server: ssl.SSLContext
) -> None:
    sessions = TlsSessions()
    kept(sessions, client, server)

    for context, name, port in ((client, OTHER_NAME, 443), (client, NAME, 8443), (trusting_context(), NAME, 443)):
        assert sessions.take(context, name, port) == (None, Resumption.NONE_KEPT)

    assert sessions.take(client, NAME, 443)[0] is not None


def change_nothing(context: ssl.SSLContext) -> None:
    """Leave the settings as they are."""


def skip_the_name(context: ssl.SSLContext) -> None:
    context.check_hostname = False


def skip_the_certificate(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


def ask_for_revocation(context: ssl.SSLContext) -> None:
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


@pytest.mark.parametrize(
    ("change", "is_offered"),
    [
        (change_nothing, True),
        (skip_the_name, False),
        (skip_the_certificate, False),
        (ask_for_revocation, False),
    ],
)
def test_a_session_is_not_offered_once_the_verification_settings_have_changed(
    client: ssl.SSLContext, server: ssl.SSLContext, change: object, is_offered: bool
) -> None:
    sessions = TlsSessions()
    kept(sessions, client, server)
    assert callable(change)
    change(client)

    assert (sessions.take(client, NAME, 443)[0] is not None) is is_offered


def test_a_ticket_lives_as_long_as_the_server_set(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    calendar = Calendar()
    sessions = TlsSessions(clock=calendar)
    handshake = kept(sessions, client, server)
    session = handshake.client.session
    assert session is not None
    calendar.now += session.ticket_lifetime_hint - 1
    assert sessions.take(client, NAME, 443)[0] is not None

    kept(sessions, client, server)
    calendar.now += session.ticket_lifetime_hint
    assert sessions.take(client, NAME, 443) == (None, Resumption.EXPIRED)
    assert sessions.take(client, NAME, 443) == (None, Resumption.NONE_KEPT)


def test_a_failed_handshake_makes_its_peer_forgotten(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    sessions = TlsSessions()
    kept(sessions, client, server)
    sessions.forget(client, NAME, 443)
    sessions.forget(client, OTHER_NAME, 443)

    assert sessions.take(client, NAME, 443) == (None, Resumption.NONE_KEPT)


def test_the_peers_that_were_longest_unused_are_forgotten_first(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    calendar = Calendar()
    sessions = TlsSessions(2, clock=calendar)
    other_client = trusting_context()

    for context, name in ((client, NAME), (other_client, NAME), (client, OTHER_NAME)):
        kept(sessions, context, server, name)
        calendar.now += 1

    assert len(sessions) == 2
    assert sessions.take(client, NAME, 443) == (None, Resumption.NONE_KEPT)
    assert [about.server_hostname for about in sessions.kept()].count(OTHER_NAME) == 1


def test_with_a_limit_of_0_nothing_is_kept(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    sessions = TlsSessions(0)
    handshake = Handshake(client, server)
    handshake.answer()

    assert not sessions.keep(handshake.client, client, NAME, 443)
    assert sessions.take(client, NAME, 443) == (None, Resumption.OFF)
    with pytest.raises(ValueError, match="must not be negative: -1"):
        TlsSessions(-1)


def test_kept_sessions_can_be_shown_and_cleared(client: ssl.SSLContext, older_server: ssl.SSLContext) -> None:
    calendar = Calendar()
    sessions = TlsSessions(clock=calendar)
    kept(sessions, client, older_server)
    (about,) = sessions.kept()

    assert (about.server_hostname, about.port, about.version) == (NAME, 443, "TLSv1.2")
    assert about.received == calendar.now
    assert repr(sessions) == "<TlsSessions 1 of 64>"
    sessions.clear()
    assert sessions.kept() == []
    assert len(sessions) == 0


def test_an_unused_context_is_not_kept_alive_by_its_sessions(server: ssl.SSLContext) -> None:
    sessions = TlsSessions()
    client = trusting_context()
    kept(sessions, client, server)
    watched = weakref.ref(client)
    del client
    gc.collect()

    assert watched() is None
    assert len(sessions) == 0


def test_connections_without_a_context_of_their_own_share_one_so_that_they_can_resume() -> None:
    sessions = TlsSessions()
    shared = sessions.context(True, NAME)

    assert shared is sessions.context(True, OTHER_NAME)
    assert shared.check_hostname
    assert shared.verify_mode is ssl.CERT_REQUIRED
    assert not sessions.context(True, None).check_hostname


def test_a_context_of_the_caller_is_used_as_it_is_unless_handshakes_are_to_be_small(client: ssl.SSLContext) -> None:
    options = client.options
    assert TlsSessions().context(client, NAME) is client
    assert client.options == options

    assert TlsSessions(narrowband=True).context(client, NAME) is client
    assert client.options != options


# The context


def test_a_narrowband_context_verifies_as_the_default_one_does() -> None:
    narrow, usual = narrowband_context(), ssl.create_default_context()

    assert narrow.verify_mode is usual.verify_mode is ssl.CERT_REQUIRED
    assert narrow.check_hostname
    assert narrow.verify_flags == usual.verify_flags
    assert narrow.cert_store_stats() == usual.cert_store_stats()


def test_a_narrowband_context_sends_a_client_hello_without_padding_and_session_id_and_with_one_small_key_share(
    client: ssl.SSLContext, server: ssl.SSLContext
) -> None:
    usual = Handshake(client, server)
    make_narrowband(client)
    narrow = Handshake(client, server)

    # Of padding, of the session ID, and of the record that disguises what follows.
    assert usual.sent - narrow.sent > 240 + 32 + 6
    # The server repeats it. The size of its signature varies.
    assert usual.received - narrow.received > 32 - 8
    assert narrow.client.version() == "TLSv1.3"


def test_a_narrowband_context_refuses_a_certificate_that_it_does_not_trust(server: ssl.SSLContext) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        Handshake(narrowband_context(), server)
