"""What SIPp saw of a call, as it writes it down: the ledger that the product is held against."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SipMessage:
    """One line of SIPp's ledger."""

    at: float
    """Seconds since the epoch."""
    sent: bool
    call_id: str
    first_line: str
    """`INVITE sip:…` or `SIP/2.0 200 OK`."""
    cseq: str
    """`1 INVITE`."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that SIPp sent and received, in order."""

    messages: tuple[SipMessage, ...]

    @property
    def call_ids(self) -> tuple[str, ...]:
        """Every SIP call id once, in order of appearance."""
        return tuple(dict.fromkeys(message.call_id for message in self.messages))

    def statuses(self, method: str = "INVITE") -> tuple[int, ...]:
        """Give the status codes that came for `method`, in order."""
        return tuple(
            int(m.first_line.split()[1])
            for m in self.messages
            if not m.sent and m.first_line.startswith("SIP/2.0 ") and m.cseq.endswith(method)
        )

    def at(self, start: str, *, sent: bool) -> float | None:
        """Tell when the first message that begins with `start` was sent or came."""
        found = (m.at for m in self.messages if m.sent is sent and m.first_line.startswith(start))
        return next(found, None)

    @property
    def answered(self) -> bool:
        """Whether a call was answered."""
        return 200 in self.statuses()  # noqa: PLR2004 - the status code's name is its number

    @property
    def hung_up_by_peer(self) -> bool:
        """Whether Asterisk ended the call."""
        return self.at("BYE", sent=False) is not None


def parse_ledger(text: str) -> Ledger:
    """Read the file that `-trace_shortmsg` writes.

    Tab-separated: date, time, seconds since the epoch, `S` or `R`, call id, `CSeq:`, first line.
    """
    messages = []
    for line in text.splitlines():
        parts = line.split("\t")
        if len(parts) >= 7:  # noqa: PLR2004 - the columns named above
            _date, _time, at, way, call_id, cseq, first = parts[:7]
            with suppress(ValueError):
                cseq = cseq.removeprefix("CSeq:").strip()
                messages.append(SipMessage(float(at), way == "S", call_id, first, cseq))
    return Ledger(tuple(messages))
