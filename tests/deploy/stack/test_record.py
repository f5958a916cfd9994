from __future__ import annotations

import pytest

from deploy.stack.record import KEYS, JsonObject, is_complete, readable

_RECORD: JsonObject = {
    "call_id": "n1-1-1795324927.0",
    "node": "n1",
    "direction": "inbound",
    "caller": "025****0001",
    "dialled": "12320",
    "started_at": "2026-11-22T13:22:07.124+08:00",
    "ended_at": "2026-11-22T13:22:29.191+08:00",
    "disposition": "answered",
    "menu_path": "m_main:1/m_consult:1",
    "queue": "consult",
    "wait_ms": 0,
    "agent": "a1001",
    "talk_ms": 6004,
    "recording": {"path": "2026/11/22/n1.wav", "seconds": 6.0, "sha256": "d385"},
    "requests": [
        {
            "scheme": "12320-2016",
            "service": "咨询",
            "code": "C02",
            "path": "咨询 > 疾病预防控制",
            "confidence": 1.0,
            "source": "menu",
        }
    ],
}


def test_a_whole_record_is_complete_even_when_nobody_had_to_wait() -> None:
    assert is_complete(_RECORD)


@pytest.mark.parametrize("key", KEYS)
def test_a_record_that_lacks_anything_is_not_complete(key: str) -> None:
    assert not is_complete({**_RECORD, key: None})
    assert not is_complete({k: v for k, v in _RECORD.items() if k != key})


def test_an_empty_recording_is_not_complete() -> None:
    assert not is_complete({**_RECORD, "recording": {"path": "x", "seconds": 0, "sha256": "x"}})
    assert not is_complete({**_RECORD, "requests": []})


def test_people_read_the_facts() -> None:
    text = readable(_RECORD)
    for fact in ("025****0001", "m_main:1/m_consult:1", "a1001", "d385", "疾病预防控制"):
        assert fact in text
