from __future__ import annotations

import re
from pathlib import Path

import pytest

from ivr.config import REPOSITORY, DefinitionSettings
from ivr.errors import DefinitionInvalid, ValueRefused
from ivr.transfer_targets import Kind, Target, colleague, load_targets, parse_targets
from tests.dialplans.lint import read

DIALPLAN = read((REPOSITORY / "dialplans/transfers.conf").read_text("utf-8"))


def parsed(text: str) -> dict[str, Target]:
    return dict(parse_targets(Path("transfers.toml"), text))


def kind_in_the_dialplan(number: str) -> str | None:
    """Give what the dialplan makes of a number: the first pattern that takes it."""
    for line in DIALPLAN.lines:
        if line.context == "transfer" and _takes(line.extension, number):
            return line.text.partition("s,1(")[2].partition(",")[0]
    return None


def _takes(extension: str, number: str) -> bool:
    if not extension.startswith("_"):
        return extension == number
    pattern = extension[1:].replace("X", "[0-9]")
    return re.fullmatch(pattern, number) is not None


def test_every_shipped_target_is_let_through_as_what_it_is() -> None:
    targets = load_targets(DefinitionSettings().transfers)
    assert {"110", "119", "120", "12356", "01012320", "031112320"} <= {
        target.number for target in targets.values()
    }
    for target in targets.values():
        assert kind_in_the_dialplan(target.number) == target.kind.value, target


@pytest.mark.parametrize("number", ["13800000000", "02583000000", "01083000000", "03112300000"])
def test_an_expert_is_reached_by_mobile_or_area_code(number: str) -> None:
    text = f'[targets.rabies]\nname = "狂犬病专家"\nkind = "expert"\nnumber = "{number}"'
    assert parsed(text)["rabies"].kind is Kind.EXPERT
    assert kind_in_the_dialplan(number) == "expert"


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("expert", "0085212345678"),
        ("expert", "120"),
        ("emergency", "13800000000"),
        ("emergency", "12356"),
        ("hotline", "12320"),
        ("psych", "12345"),
        ("oncall", "13800000000"),
    ],
)
def test_a_number_that_its_kind_does_not_have_is_refused_with_its_line(
    kind: str, number: str
) -> None:
    text = f'\n[targets.x]\nname = "x"\nkind = "{kind}"\nnumber = "{number}"'
    with pytest.raises(DefinitionInvalid, match=r"transfers\.toml:5: targets\.x\.number"):
        parsed(text)


@pytest.mark.parametrize("number", ["", "0085212345678", "19001234567890", "12320", "rating", "s"])
def test_the_dialplan_takes_nothing_else(number: str) -> None:
    assert kind_in_the_dialplan(number) is None


def test_another_places_12320_is_made_of_its_area_code() -> None:
    target = parsed('[places]\n"0571" = "浙江杭州"')["place_0571"]
    assert target == Target("place_0571", "浙江杭州12320", Kind.HOTLINE, "057112320")
    with pytest.raises(DefinitionInvalid, match="571"):
        parsed('[places]\n"571" = "浙江杭州"')


def test_a_colleague_is_asked_for_behind_a_star() -> None:
    assert colleague("a1002", "李四") == Target("a1002", "李四", Kind.COLLEAGUE, "*a1002")


@pytest.mark.parametrize("agent", ["", "A1", "a1&b", "a" * 17, "a1\n"])
def test_who_is_no_agent_is_no_colleague(agent: str) -> None:
    with pytest.raises(ValueRefused):
        colleague(agent)


def test_no_line_of_the_list_is_a_colleague() -> None:
    with pytest.raises(DefinitionInvalid, match="colleague"):
        parsed('[targets.x]\nname = "x"\nkind = "colleague"\nnumber = "*a1002"')
