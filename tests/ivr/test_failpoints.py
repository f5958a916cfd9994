from __future__ import annotations

from ivr import failpoints


def test_a_place_strikes_only_while_it_is_armed() -> None:
    reached: list[str] = []
    failpoints.reach("before")
    failpoints.arm(reached.append)
    failpoints.reach("armed")
    failpoints.disarm()
    failpoints.reach("after")
    assert reached == ["armed"]
