"""The record of the demonstration call, as the terminal shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]
JsonObject = dict[str, JsonValue]

KEYS: Final = (
    *("call_id", "node", "direction", "caller", "dialled", "started_at", "ended_at"),
    *("disposition", "menu_path", "queue", "wait_ms", "agent", "talk_ms", "recording", "requests"),
)
_LABELS: Final = {
    "call_id": "通话 call",
    "caller": "主叫 caller",
    "dialled": "被叫 dialled",
    "started_at": "开始 started",
    "ended_at": "结束 ended",
    "disposition": "结果 disposition",
    "menu_path": "按键 menu path",
    "queue": "队列 queue",
    "wait_ms": "等待 waited, ms",
    "agent": "咨询员 agent",
    "talk_ms": "通话 talked, ms",
}


def is_complete(record: Mapping[str, JsonValue]) -> bool:
    """Tell whether an answered, recorded and classified call says all that it must."""
    recording = record.get("recording")
    return (
        all(record.get(key) not in (None, "", []) for key in KEYS)
        and isinstance(recording, dict)
        and all(recording.get(key) for key in ("path", "seconds", "sha256"))
    )


def readable(record: Mapping[str, JsonValue]) -> str:
    """Lay the record out for people, a fact a line."""
    lines = ["", "═══ 通话记录 · the record ═══"]
    lines += [f"  {label:<20} {_plain(record.get(key))}" for key, label in _LABELS.items()]
    recording = record.get("recording")
    if isinstance(recording, dict):
        lines.append(f"  {'录音 recording':<20} {recording.get('path')}")
        lines.append(f"  {'':<22} {recording.get('seconds')} s, sha256 {recording.get('sha256')}")
    requests = record.get("requests")
    for request in requests if isinstance(requests, list) else []:
        if isinstance(request, dict):
            path = _plain(request.get("path"))
            about = f"{request.get('service')} / {request.get('code')} {path}"
            lines.append(f"  {'服务请求 request':<20} {about} ({request.get('source')})")
    return "\n".join(lines)


def _plain(value: JsonValue) -> str:
    if isinstance(value, list):
        return " › ".join(_plain(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    return "–" if value is None else str(value)
