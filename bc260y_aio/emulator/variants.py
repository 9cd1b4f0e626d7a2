"""Ways in which firmware, and the documents about it, differ: spellings and habits of a module's answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Variants:
    """Differences between firmware versions, or between the manual and other sources. By default, as the manual says.

    Attributes:
        address_context: the PDP context in AT+CGPADDR?: 0, or 5 as in the guide's example.
        quoted_pdp_address: addresses of AT+CGPADDR stand between quotes; without them in the manual's example.
        quoted_imei: the IMEI of AT+CGSN=1 stands between quotes, as the chip's own AT engine writes it.
        cscon_space: ``+CSCON: 1`` rather than ``+CSCON:1``, which the China Telecom note shows.
        parameter_errors: a wrong parameter is ``+CME ERROR: 50``, and an unknown command ``+CME ERROR: 4``, where
            AT+CMEE allows it, as on the chip's own AT engine. The manual has a plain ERROR for both.
        socket_errors: a refused socket command is ``+CME ERROR: 5xx`` where AT+CMEE allows it. Neither the guide nor
            the manual shows such an answer: both have a plain ERROR.
        dsevent_at_once: AT+QCFG="dsevent" takes effect at once; by the manual, after a restart.
        saves_reports: AT+CMEE, AT+QCFG and the modes of the URCs are saved, which costs memory writes. The guide does
            not say so.
        keeps_omitted: AT+CPSMS keeps the times that it is not given; otherwise they are then not asked for.
        edrx_value_when_off: AT+CEDRXS? shows type and value also while eDRX is off, as the chip's own AT engine does;
            otherwise a 0 in their place. The manual does not say.
        light_sleep_loses: the command that wakes the module from light sleep is lost, and answered by a bare CR LF. By
            the manual it is carried out; vendors of boards saw it lost.
        strict_search: AT+QCSEARFCN and AT+QLOCKF are refused unless AT+CFUN=0. The manual asks for that, its example
            does without, and so do programs.
        decimal_area: AT+QENG=0 shows the tracking area in decimal, without quotes, as firmware before R02A01 does.
    """

    address_context: int = 0
    quoted_pdp_address: bool = True
    quoted_imei: bool = False
    cscon_space: bool = True
    parameter_errors: bool = False
    socket_errors: bool = False
    dsevent_at_once: bool = False
    saves_reports: bool = True
    keeps_omitted: bool = True
    edrx_value_when_off: bool = True
    light_sleep_loses: bool = True
    strict_search: bool = False
    decimal_area: bool = False


MANUAL = Variants()
