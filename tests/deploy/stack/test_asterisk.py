from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.stack.asterisk import (
    Folders,
    asterisk_command,
    check_values,
    control_command,
    render,
    write_configuration,
)
from ivr.errors import SettingsInvalid

SECRET = "s" * 32
GOOD: dict[str, Any] = {
    "node": "n1",
    "boot": 1,
    "secrets": dict.fromkeys(("live", "dialer", "desk", "beat", "watch"), SECRET),
    "agi_token": SECRET,
    "agents": ({"id": "a1001", "secret": SECRET},),
    "trunk": {"addresses": ("127.0.0.2",)},
    "sip_port": 5060,
    "rtp_first": 10_000,
    "rtp_last": 10_999,
    "ami_port": 5038,
    "agi_port": 4573,
    "http_port": 8088,
}
MEANINGFUL = ["\r", "\n", ";", ",", "${", "$[", "[", "]", "\x00", '"', "\\", "|", "&", "#exec"]


def put(path: str, value: object) -> dict[str, Any]:
    """Give the good values with one of them, named by a dotted path, replaced."""
    head, _, rest = path.partition(".")
    if not rest:
        return GOOD | {head: value}
    if head == "agents":
        return GOOD | {"agents": ({**GOOD["agents"][0], rest: value},)}
    return GOOD | {head: {**GOOD[head], rest: value}}


TEXTS = [
    *("node", "secrets.live", "agi_token", "agents.id", "agents.secret", "trunk.contact"),
    *("sip_host", "ami_host", "external_address", "run_as"),
]


@pytest.mark.parametrize("path", TEXTS)
@given(before=st.text("a1", max_size=30), evil=st.sampled_from(MEANINGFUL), after=st.text("b2"))
def test_a_value_that_means_something_to_asterisk_is_refused_and_not_repeated(
    path: str, before: str, evil: str, after: str
) -> None:
    value = before + evil + after
    with pytest.raises(SettingsInvalid) as refused:
        check_values(**put(path, value))
    assert path.partition(".")[0] in str(refused.value)
    assert len(value) < 8 or value not in str(refused.value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("boot", 0),
        ("sip_port", 70_000),
        ("rtp_last", 10_000),
        ("secrets.beat", "x" * 31),
        ("agents.secret", "x" * 23),
        ("agents.queues", ("nowhere",)),
        ("agents.penalties", {"psych": 10}),
        ("trunk.addresses", ()),
        ("trunk.addresses", ("example",)),
        ("queues", ({"name": "consult"},)),
        ("queues", ({"name": "general"}, {"name": "anyone"})),
        ("surprise", 1),
        ("agents", ({"id": "a", "secret": SECRET}, {"id": "a", "secret": SECRET})),
    ],
)
def test_a_value_out_of_its_range_is_refused(path: str, value: object) -> None:
    with pytest.raises(SettingsInvalid):
        check_values(**put(path, value))


def test_every_file_is_closed_to_others(tmp_path: Path) -> None:
    folders = Folders(base=tmp_path / "asterisk", sounds=tmp_path / "sounds")
    write_configuration(folders, check_values(**GOOD))
    files = [path for path in folders.etc.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o640}
    assert all(not stat.S_IMODE(f.stat().st_mode) & 0o007 for f in folders.base.rglob("*"))


def test_the_music_that_the_queues_name_is_there_and_a_centres_own_is_kept(tmp_path: Path) -> None:
    own = tmp_path / "sounds/calm/own.wav"
    own.parent.mkdir(parents=True)
    own.touch()
    write_configuration(
        Folders(base=tmp_path / "asterisk", sounds=tmp_path / "sounds"), check_values(**GOOD)
    )
    assert [p.name for p in (tmp_path / "sounds/calm").iterdir()] == ["own.wav"]
    assert (tmp_path / "sounds/music/computed.wav").stat().st_size > 100_000


def test_nothing_but_asterisks_folders_can_be_written_in_the_sandbox(tmp_path: Path) -> None:
    folders = Folders(base=tmp_path / "asterisk", sounds=tmp_path / "sounds")
    argv = asterisk_command(Path("/root-of-asterisk"), folders)
    writable = [argv[at + 2] for at, word in enumerate(argv) if word == "--bind"]
    assert argv[:4] == ("bwrap", "--ro-bind", "/root-of-asterisk", "/")
    assert sorted(writable) == [
        "/etc/asterisk",
        "/run/asterisk",
        "/var/lib/asterisk",
        "/var/log/asterisk",
        "/var/spool/asterisk",
    ]
    assert "--die-with-parent" in argv
    assert control_command(Path("/"), folders, "core show uptime")[-2:] == (
        "-rx",
        "core show uptime",
    )


def test_the_agents_and_only_they_are_colleagues() -> None:
    texts = render(check_values(**GOOD))
    colleagues = texts["extensions.conf"].partition("[colleagues]")[2].partition("\n[")[0]
    assert colleagues.count("exten =>") == 1
    assert "exten => a1001,1," in colleagues


def test_skills_are_penalties_in_the_queues_that_an_agent_answers() -> None:
    skilled = {**GOOD["agents"][0], "queues": ("quit", "psych"), "penalties": {"psych": 5}}
    text = render(check_values(**GOOD | {"agents": (skilled,)}))["queues.conf"]
    sections = {part.partition("]")[0]: part for part in text.split("\n[")}
    assert "member => PJSIP/agent-a1001,0," in sections["quit"]
    assert "member => PJSIP/agent-a1001,5," in sections["psych"]
    assert "member =>" not in sections["consult"]


def test_the_psychological_line_overflows_only_where_there_is_a_trunk_to_reach_it_by() -> None:
    trunk = {**GOOD["trunk"], "contact": "sip:192.0.2.7:5060"}
    there = render(check_values(**GOOD | {"trunk": trunk}))["extensions.conf"]
    assert "OVERFLOW_TO = 12356\n" in there
    nowhere = {**trunk, "contact": None}
    alone = render(check_values(**GOOD | {"trunk": nowhere}))["extensions.conf"]
    assert "OVERFLOW_TO = \n" in alone


def test_permitted_times_are_seconds_of_the_day_and_a_trunk_may_go_unasked() -> None:
    texts = render(check_values(**GOOD))
    assert "PERMITTED_FROM = 32400\nPERMITTED_UNTIL = 72000\n" in texts["extensions.conf"]
    trunk = {**GOOD["trunk"], "contact": "sip:192.0.2.7:5060", "qualify_seconds": 0}
    texts = render(check_values(**GOOD | {"permitted": "00:00-24:00", "trunk": trunk}))
    assert "PERMITTED_UNTIL = 86400" in texts["extensions.conf"]
    assert "qualify_frequency = 0" in texts["pjsip.conf"]
