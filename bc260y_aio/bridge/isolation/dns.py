"""A name server that asks no other server: each name gets an address of its own, and is opened by its name.

The addresses are of 198.18.0.0/15, which no host of the Internet has (RFC 2544). So a look-up costs no radio, and the
module resolves each name when it opens a connection to it.
"""

import ipaddress
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset

#: Where it is, and the address of the program's interface.
NAME_SERVER: Final = "198.18.0.1"
INTERFACE: Final = "198.18.0.2"
MASK: Final = "255.255.255.252"

_NETWORK: Final = ipaddress.ip_network("198.18.0.0/15")
# The first address for a name: behind those above.
_FIRST: Final = 256
# How long a program may keep an answer, in seconds; the address of a name never changes.
_TTL: Final = 60
# A module takes names of up to so many bytes (guide 2.2.2).
_LONGEST: Final = 150
# Record types that a name never has here, as no other server is asked.
_WITHOUT: Final = (dns.rdatatype.AAAA, dns.rdatatype.HTTPS, dns.rdatatype.SVCB)


class Names:
    """The addresses of the names that programs have asked for."""

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def address_of(self, name: str) -> str | None:
        """Return the address of a name; None when there are no more."""
        address = self._addresses.get(name)
        if address is None and _FIRST + len(self._addresses) < _NETWORK.num_addresses:
            address = self._addresses[name] = str(_NETWORK[_FIRST + len(self._addresses)])
            self._names[address] = name

        return address

    def host_of(self, address: str) -> str | None:
        """Return the host to open for an address: its name, or the address; None for one that belongs to no name."""
        if ipaddress.ip_address(address) in _NETWORK:
            return self._names.get(address)

        return address

    def answer(self, wire: bytes) -> bytes | None:
        """Return the answer to a query; None for what is none.

        A name has an IPv4 address, and no other. Other types are NOTIMP: a module resolves addresses only.
        """
        try:
            query = dns.message.from_wire(wire)
            response = dns.message.make_response(query, recursion_available=True)
        except (dns.exception.DNSException, ValueError):
            return None

        if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            response.set_rcode(dns.rcode.NOTIMP)
        else:
            self._fill(response, query.question[0])

        return response.to_wire()

    def _fill(self, response: dns.message.Message, question: dns.rrset.RRset) -> None:
        name = question.name.to_text(omit_final_dot=True).lower()
        if question.rdclass != dns.rdataclass.IN or question.rdtype not in (*_WITHOUT, *_ANSWERED):
            response.set_rcode(dns.rcode.NOTIMP)
        elif question.rdtype == dns.rdatatype.PTR:
            self._fill_pointer(response, question)
        elif question.name == dns.name.root or len(name) > _LONGEST or name == "invalid" or name.endswith(".invalid"):
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.A:
            if (address := self.address_of(name)) is None:
                response.set_rcode(dns.rcode.SERVFAIL)
            else:
                response.answer.append(dns.rrset.from_text(question.name, _TTL, "IN", "A", address))

    def _fill_pointer(self, response: dns.message.Message, question: dns.rrset.RRset) -> None:
        try:
            name = self._names.get(dns.reversename.to_address(question.name))
        except (dns.exception.DNSException, ValueError):
            name = None

        if name is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        else:
            response.answer.append(dns.rrset.from_text(question.name, _TTL, "IN", "PTR", f"{name}."))


_ANSWERED: Final = (dns.rdatatype.A, dns.rdatatype.PTR)
