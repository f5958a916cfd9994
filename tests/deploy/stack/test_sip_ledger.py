from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deploy.stack.sip_ledger import parse_ledger

LEDGER = """\
2026-11-22\t05:06:17.100001\t1795323977.100001\tS\tc1@caller\tCSeq:1 INVITE\tINVITE sip:1@h SIP/2.0
2026-11-22\t05:06:17.200001\t1795323977.200001\tR\tc1@caller\tCSeq:1 INVITE\tSIP/2.0 100 Trying
2026-11-22\t05:06:17.300001\t1795323977.300001\tR\tc1@caller\tCSeq:1 INVITE\tSIP/2.0 200 OK
2026-11-22\t05:06:17.300002\t1795323977.300002\tS\tc1@caller\tCSeq:1 ACK\tACK sip:1@h SIP/2.0
2026-11-22\t05:06:18.000001\t1795323978.000001\tR\tc1@caller\tCSeq:7 BYE\tBYE sip:caller@h SIP/2.0
"""


def test_the_ledger_tells_who_said_what_and_when() -> None:
    ledger = parse_ledger(LEDGER)
    assert ledger.statuses() == (100, 200)
    assert ledger.statuses("BYE") == ()
    assert ledger.call_ids == ("c1@caller",)
    assert ledger.answered
    assert ledger.hung_up_by_peer
    assert ledger.at("SIP/2.0 200", sent=False) == 1795323977.300001
    assert ledger.at("BYE", sent=True) is None


@given(st.text(max_size=300))
def test_a_ledger_that_is_still_being_written_is_no_error(text: str) -> None:
    parse_ledger(text)
    parse_ledger(LEDGER + text)
