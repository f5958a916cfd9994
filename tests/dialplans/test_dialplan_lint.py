from __future__ import annotations

import re
import tomllib

import pytest

from ivr.asterisk.variables import UserEvent
from ivr.config import REPOSITORY
from tests.dialplans.lint import PROVIDED_BY, Dialplan, complaints, expansions, read, targets

FILES = sorted(REPOSITORY.glob("dialplans/*.conf"))


def shipped() -> Dialplan:
    plan = Dialplan()
    for path in FILES:
        read(path.read_text(encoding="utf-8"), plan)
    return plan


def sample(line: str, context: str = "from-agent") -> list[str]:
    return complaints(read(f"[{context}]\n{line}\n"))


def test_the_shipped_dialplan_has_no_complaint() -> None:
    plan = shipped()
    assert complaints(plan) == []
    assert len(plan.lines) > 80, "it was read at all"


@pytest.mark.parametrize(
    "line",
    [
        "exten => _X.,1,Answer()",
        "exten => _.,1,Answer()",
        "exten => _0X!,1,Answer()",
        "exten => s,1,Dial(PJSIP/${EXTEN}@trunk)",
        "exten => s,1,Dial(PJSIP/${EXTEN:1}@trunk)",
        "exten => s,1,Set(CALLERID(num)=${CALLERID(num):0:20})",
        "exten => s,1,CELGenUserEvent(CALLER,${CALLERID(num)})",
        "exten => s,1,MixMonitor(${CALLERID(num)}.raw,Dab)",
        "exten => s,1,Set(X=${FILTER(0-9\\,,${CALLERID(num)})})",
        "exten => s,1,Set(X=${FILTER( -~,${EXTEN})})",
        "exten => s,1,Set(X=${FILTER(+-9,${EXTEN})})",
        "exten => s,1,Set(X=${FILTER(0-9,1)}${EXTEN})",
        "exten => s,1,Set(X=${FILTER(${EXTEN},12)})",
        "exten => s,1,GotoIf($[${DIGITS} = 1]?a,s,1)",
        "exten => s,1,Goto(route-${ROUTE},s,1)",
        "exten => s,1,Set(X=${PJSIP_HEADER(read,Diversion)})",
        "exten => s,1,System(id)",
        "exten => s,1,TrySystem(id)",
        "exten => s,1,ExecIf($[1]?System(id))",
        "exten => s,1,Set(X=${SHELL(id)})",
        "exten => s,1,Set(FILE(/tmp/x)=1)",
        "exten => s,1,Set(X=${EVAL(${CALL})})",
        "exten => s,1,MixMonitor(x.raw,Dab,rm x)",
        "exten => s,1,AGI(hello.sh)",
        "exten => s,1,NoSuchApplication()",
        "exten => s,1,Set(X=${NOSUCHFUNCTION(1)})",
        "exten = s,1,Dial(PJSIP/${ EXTEN})\nnonsense",
    ],
)
def test_a_line_that_could_be_turned_against_us_is_refused(line: str) -> None:
    assert sample(line) != []


@pytest.mark.parametrize("pattern", ["_X", "_1232X", "_[0-9]"])
def test_callers_from_outside_meet_no_pattern(pattern: str) -> None:
    assert sample(f"exten => {pattern},1,Answer()", context="from-trunk") != []
    assert sample(f"exten => {pattern},1,Answer()", context="from-agent") == []


@pytest.mark.parametrize(
    "line",
    [
        "exten => 12320,1,Answer()",
        "exten => _1[3-9]XXXXXXXXX,1,Set(N=${FILTER(0-9,${EXTEN})})",
        "exten => s,1,Set(N=${FILTER(0-9+,${CALLERID(num):0:20})})",
        "exten => s,1,Set(N=${FILTER(A-Za-z0-9._\\-,${CHANNEL(linkedid)})})",
        "exten => s,1,Playback(hotline/p_bye) ; ${EXTEN} in a comment",
    ],
)
def test_a_harmless_line_passes(line: str) -> None:
    assert sample(line) == []


def test_expansions_are_found_with_all_that_is_around_them() -> None:
    found = dict(expansions("a${IF($[${X} > 1]?${FILTER(0-9,${EXTEN})}:b)}c${Y}"))
    assert set(found) == {"X", "EXTEN", "FILTER(0-9,${EXTEN})", "Y", next(iter(found)), *found}
    assert found["EXTEN"][-1] == "FILTER(0-9,${EXTEN})"
    assert found["Y"] == ()


def test_every_place_that_a_line_goes_to_exists() -> None:
    plan = shipped()
    made_elsewhere = {"colleagues", "transfer-colleagues"}
    gone_to = {name for line in plan.lines for name in targets(line)}
    gone_to |= {name for _, name in plan.includes}
    assert len(gone_to) > 10
    assert gone_to - plan.contexts - made_elsewhere == set()


def test_labels_that_are_jumped_to_exist() -> None:
    labels = {
        (line.context, found[1])
        for line in shipped().lines
        if (found := re.match(r"n\((\w+)\)", line.priority))
    }
    for line in shipped().lines:
        for label in re.findall(r"[(?:](\w{2,})(?=[:)]*$)", line.text):
            if line.application in {"Goto", "GotoIf"} and "," not in label:
                assert (line.context, label) in labels, line


def test_every_user_event_is_known_to_those_who_read_the_journal() -> None:
    used = {
        line.text.removeprefix("CELGenUserEvent(").partition(",")[0]
        for line in shipped().lines
        if line.application == "CELGenUserEvent"
    }
    assert used <= set(UserEvent)
    assert {"CALLER", "DIALLED", "QUEUE", "LEFT", "AGENT", "FALLBACK", "RATING"} <= used


def test_every_prompt_that_is_played_has_a_text() -> None:
    prompts = tomllib.loads((REPOSITORY / "dialplans/prompts.toml").read_text("utf-8"))["prompts"]
    played = set(re.findall(r"hotline/(\w+)", "".join(line.text for line in shipped().lines)))
    conf = (REPOSITORY / "asterisk-conf/queues.conf").read_text("utf-8")
    played |= set(re.findall(r"hotline/(\w+)", conf))
    assert len(played) > 5
    assert played - set(prompts) == set()


def test_every_module_that_the_dialplan_needs_is_loaded() -> None:
    conf = (REPOSITORY / "asterisk-conf/modules.conf").read_text("utf-8")
    loaded = set(re.findall(r"^require = (\w+)\.so", conf, re.MULTILINE))
    assert {module for module in PROVIDED_BY.values() if module} - loaded == set()


def test_digits_are_read_into_the_one_variable_that_must_be_filtered() -> None:
    reads = [line for line in shipped().lines if line.application == "Read"]
    assert reads
    assert all(line.text.startswith("Read(DIGITS,") for line in reads)
