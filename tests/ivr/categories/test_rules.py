from __future__ import annotations

import pytest

from ivr.categories.rules import CERTAIN, Request, campaign_node, evidence, request_of
from ivr.categories.taxonomy import edition


def nodes(**inputs: str | tuple[str, ...]) -> list[tuple[str, bool]]:
    found = evidence(request_of(inputs), edition())
    return [(item.node, item.odds == CERTAIN) for item in found]


def test_each_input_speaks_for_its_own_part_of_the_tree() -> None:
    assert nodes(service="投诉") == nodes(service="T") == [("T", True)]
    assert nodes(menu_path="12320-2016:C02") == [("C02", False)]
    assert nodes(menu_path="咨询 > 疾病预防控制") == [("C02", False)]
    assert nodes(queue="appt") == [("B", False)]
    assert nodes(operation="cancel") == [("B03", True)]
    assert nodes(direction="out") == [("O", True)]
    assert nodes(direction="in", text="你好") == []


def test_the_agents_choice_stands_above_the_direction() -> None:
    assert nodes(direction="out", service="投诉") == [("T", True)]


@pytest.mark.parametrize(
    ("name", "code"),
    [("戒烟干预随访", "O03"), ("2016年吸烟基线调查", "O01"), ("艾滋病第三方调查", "O02"),
     ("投诉回访", "O04"), ("满意度调查", "O05"), ("停诊通知", "O99"), ("O02", "O02")],
)  # fmt: skip
def test_a_campaign_is_filed_by_its_name(name: str, code: str) -> None:
    assert campaign_node(name, edition()) == code


def test_an_unknown_menu_path_or_queue_says_nothing() -> None:
    assert nodes(menu_path="没有这一类", queue="general", text="x") == []


def test_a_row_needs_one_input_of_the_right_type() -> None:
    assert request_of({"text": "x", "extra": 1, "campaign": None}) == Request("x")
    assert request_of({"menu_path": ["C", "C02"]}).menu_path == ("C", "C02")
    for row, fault in (({}, "came none"), ({"text": 5}, "text"), ({"menu_path": [1]}, "menu_path")):
        with pytest.raises(ValueError, match=fault):
            request_of(row)
