from __future__ import annotations

from ivr.recordings.troubles import Troubles


def test_what_fails_is_tried_again_ever_more_seldom_but_for_ever() -> None:
    troubles, now, pauses = Troubles(), 0.0, []
    assert troubles.may_try("a", now)
    for attempt in range(1, 20):
        assert troubles.failed("a", now) == attempt
        assert not troubles.may_try("a", now)
        assert troubles.may_try("b", now), "one file's trouble is no other's"
        begun = now
        while not troubles.may_try("a", now):
            now += 0.5
        pauses.append(now - begun)
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 600


def test_a_file_that_succeeded_or_is_gone_is_forgotten() -> None:
    troubles = Troubles()
    for name in ("a", "b", "c"):
        troubles.failed(name, 0)
    troubles.forget("a")
    troubles.keep_only({"a", "b"})
    assert [troubles.may_try(name, 0) for name in ("a", "b", "c")] == [True, False, True]
