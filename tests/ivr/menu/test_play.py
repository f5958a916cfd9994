from __future__ import annotations

from ivr.menu.definitions import Definitions
from ivr.menu.model import Destination, Priority, Service
from ivr.menu.play import play
from ivr.menu.turn import Closed, Gone, Leave, Situation


def walk(
    shipped: Definitions, *lines: str, situation: Situation | None = None
) -> tuple[Leave | Gone, str]:
    inputs = iter(lines)
    output: list[str] = []

    def hear() -> str:
        try:
            return next(inputs)
        except StopIteration:
            raise EOFError from None

    menu = next(menu for menu in shipped.menus if menu.name == "main")
    end = play(menu, shipped.prompts, situation or Situation(), hear=hear, say=output.append)
    return end, "\n".join(output)


def test_a_walk_shows_what_is_heard_chosen_and_reached(shipped: Definitions) -> None:
    end, output = walk(shipped, "1", "2")
    assert end == Leave(Destination(Service.QUEUE, "consult"))
    assert "! 为保证服务质量，本次通话将被录音。" in output
    assert "? 健康和政策咨询，请按1" in output
    assert "[PRESET 12320-2016:C01]" in output
    assert output.endswith("=> queue consult, priority P3")


def test_the_language_changes_in_the_terminal_too(shipped: Definitions) -> None:
    _, output = walk(shipped, "9", "0")
    assert "? For health and policy advice, press 1." in output


def test_enter_is_silence(shipped: Definitions) -> None:
    end, _ = walk(shipped, "", "")
    assert end == Leave(Destination(Service.QUEUE, "anyone", Priority.P3))


def test_q_and_the_end_of_input_hang_up(shipped: Definitions) -> None:
    assert walk(shipped, "q")[0] == Gone()
    assert walk(shipped)[0] == Gone()


def test_the_night_speaks_its_hours(shipped: Definitions) -> None:
    _, output = walk(shipped, "q", situation=Situation(closed=Closed(510, 1050)))
    assert "人工服务时间为八点三十分至十七点三十分" in output
