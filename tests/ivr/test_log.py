"""Logs: one JSON event a line, numbers masked whoever logs them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from ivr.log import configure_logging, mask_number


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("13812341234", "138****1234"),
        ("02583620521", "025****0521"),
        ("010-83150875", "010****0875"),
        ("", "匿名"),
        ("12320", "12320"),
        ("051283620521", "0512****0521"),
    ],
)
def test_oracle_26_masked_numbers(number: str, masked: str) -> None:
    assert mask_number(number) == masked


def test_a_number_is_masked_in_its_field_and_inside_other_texts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging()
    structlog.get_logger().info("call.started", caller="13812341234", why="dial 13812341234 again")
    line = json.loads(capsys.readouterr().err)
    assert line["caller"] == "138****1234"
    assert "13812341234" not in line["why"]


def test_call_ids_survive_the_mask(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    structlog.get_logger().info("call.started", call_id="n1-17-1763785000.42")
    assert json.loads(capsys.readouterr().err)["call_id"] == "n1-17-1763785000.42"


def test_a_line_break_in_a_value_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    structlog.get_logger().info("call.started", why="a\r\nforged\x1b[31m")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_lines_of_libraries_are_masked_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    logging.getLogger("panoramisk").warning("no route to %s", "13812341234")
    line = json.loads(capsys.readouterr().err)
    assert "13812341234" not in json.dumps(line)
    assert line["level"] == "warning"


def test_lines_below_the_level_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="WARNING")
    structlog.get_logger().info("call.started")
    logging.getLogger("panoramisk").info("chatter")
    assert capsys.readouterr().err == ""
