"""Settings: one typed tree, and errors that name the key, what was expected and what came."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.config import Settings, load_settings
from ivr.errors import SettingsInvalid


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = load_settings({})
    assert settings.ami.port == 5038
    assert settings.node.name == "n1"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "hotline.toml"
    file.write_text('[ami]\nport = 1111\nhost = "10.0.0.1"\n', encoding="utf-8")
    settings = load_settings({"HOTLINE_SETTINGS": str(file), "HOTLINE_AMI__PORT": "2222"})
    assert (settings.ami.port, settings.ami.host) == (2222, "10.0.0.1")


def test_a_manager_account_keeps_its_name_when_only_its_secret_is_told() -> None:
    told = {
        "HOTLINE_AMI__SECRET": "a",
        "HOTLINE_DESK_AMI__SECRET": "b",
        "HOTLINE_CALLBACK__SECRET": "c",
    }
    settings = load_settings(told)
    names = (settings.ami.username, settings.desk_ami.username, settings.callback.username)
    assert names == ("live", "desk", "dialer")


def test_platform_names_of_the_two_addresses_are_understood() -> None:
    settings = load_settings({"DATABASE_URL": "postgresql://db/x", "REDIS_URL": "redis://r/1"})
    assert (settings.database.url, settings.redis.url) == ("postgresql://db/x", "redis://r/1")


def test_a_wrong_key_is_named_with_the_keys_that_exist() -> None:
    with pytest.raises(SettingsInvalid, match=r"ami\.prot: no such key; expected one of .*port"):
        load_settings({"HOTLINE_AMI__PROT": "1"})


def test_a_wrong_section_is_named_with_the_sections_that_exist() -> None:
    with pytest.raises(SettingsInvalid, match=r"asterisk: no such key; expected one of agi, ami"):
        load_settings({"HOTLINE_ASTERISK__PORT": "1"})


def test_a_wrong_value_is_named_with_what_came() -> None:
    with pytest.raises(SettingsInvalid, match=r"agi\.port: .*integer.*came 'many'"):
        load_settings({"HOTLINE_AGI__PORT": "many"})


def test_a_key_below_a_value_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="'log_level' is a value, expected a section"):
        load_settings({"HOTLINE_LOG_LEVEL": "INFO", "HOTLINE_LOG_LEVEL__X": "1"})


@pytest.mark.parametrize(
    ("content", "expected"), [("[ami\n", "expected TOML"), (None, "expected a readable file")]
)
def test_an_unusable_file_is_named(tmp_path: Path, content: str | None, expected: str) -> None:
    file = tmp_path / "hotline.toml"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsInvalid, match=expected):
        load_settings({"HOTLINE_SETTINGS": str(file)})


def test_a_secret_does_not_appear_in_the_text_of_the_settings() -> None:
    settings = load_settings({"HOTLINE_AMI__SECRET": "correct horse"})
    assert settings.ami.secret.get_secret_value() == "correct horse"
    assert "correct horse" not in repr(settings)


def test_a_list_comes_from_the_environment_separated_by_commas() -> None:
    settings = load_settings({"HOTLINE_TELEPHONY__TRUNK": "192.0.2.1,192.0.2.2"})
    assert settings.telephony.trunk == ("192.0.2.1", "192.0.2.2")


def test_skills_come_from_the_environment_one_by_one() -> None:
    name = "HOTLINE_TELEPHONY__SKILLS__A1001__PSYCH"
    assert load_settings({name: "2"}).telephony.skills == {"a1001": {"psych": 2}}
    with pytest.raises(SettingsInvalid, match=r"telephony\.skills\.a1001\.psych"):
        load_settings({name: "10"})


@pytest.mark.parametrize(
    "span", ["20:00-09:00", "09:00-09:00", "9-20", "09:00-25:00", "24:00-24:00"]
)
def test_times_in_which_people_may_be_called_are_two_of_one_day(span: str) -> None:
    name = "HOTLINE_CALLBACK__PERMITTED"
    assert load_settings({}).callback.permitted == "09:00-20:00"
    assert load_settings({name: "00:00-24:00"}).callback.permitted == "00:00-24:00"
    with pytest.raises(SettingsInvalid, match=r"callback\.permitted"):
        load_settings({name: span})


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("RETENTION__PSYCHOLOGY", "2y", r"psychology: .*at least 3y, came 2y"),
        ("RETENTION__COMPLAINT", "2y", r"complaint: .*at least 3y, came 2y"),
        ("RETENTION__OUTBOUND", "29d", r"outbound: .*at least 30d, came 29d"),
        ("RETENTION__GENERAL", "two years", r"general: .*as 30d, 24m or 3y"),
        ("RETENTION__HOUR", "24", r"retention\.hour"),
        ("FORMAT", "mp3", r"recordings\.format: .*'mp3'"),
        ("STORAGE", "s3", r"expected recordings\.s3\.endpoint"),
        ("S3__ENDPOINT", "ftp://x", r"recordings\.s3\.endpoint"),
        ("S3__PREFIX", "../up/", r"recordings\.s3\.prefix"),
    ],
)
def test_what_recordings_cannot_be_kept_by_is_refused(key: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsInvalid, match=expected):
        load_settings({f"HOTLINE_RECORDINGS__{key}": value})


def test_a_centre_may_keep_recordings_longer_and_settings_survive_being_written() -> None:
    settings = load_settings({"HOTLINE_RECORDINGS__RETENTION__PSYCHOLOGY": "5y"})
    written = settings.model_dump(mode="json")
    assert written["recordings"]["retention"]["psychology"] == "5y"
    assert Settings.model_validate(written).recordings == settings.recordings
    assert settings.recordings.formats == ("opus",)
