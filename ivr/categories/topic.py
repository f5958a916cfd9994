"""What a request is about, whatever its service type.

A complaint about vaccination and a question about it share their words; the complaint table's
categories are the consultation's under other codes. The topic ties them together for training.
"""

from __future__ import annotations

from typing import Final

_OF_GRIEVANCE: Final = {
    "01": "medical", "02": "environment", "03": "institutions", "04": "disease-control",
    "05": "reform", "06": "planning", "07": "mother-child", "08": "law", "09": "practice",
    "10": "blood", "11": "activities", "99": "other",
}  # fmt: skip
_OF_CONSULTATION: Final = {
    "C01": "medical", "C02": "disease-control", "C03": "planning", "C04": "institutions",
    "C05": "reform", "C06": "environment", "C07": "law", "C08": "practice", "C09": "dispute",
    "C10": "lifestyle", "C11": "activities", "C12": "mother-child", "C13": "blood",
    "C99": "other",
}  # fmt: skip
_GRIEVANCES: Final = "TJS"


def topic(code: str) -> str:
    """Return the topic of a 2016 code; a service type that is its own topic gives its letter."""
    if code.startswith("C06.01"):
        return "mind"
    if code.startswith("C06.05"):
        return "injury"
    if code[0] in _GRIEVANCES:
        return _OF_GRIEVANCE.get(code[1:3], code[0])
    return _OF_CONSULTATION.get(code[:3], code[0])
