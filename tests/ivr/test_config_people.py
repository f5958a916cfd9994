"""The people's side's settings: mail is encrypted, has a sender, and its password is not shown."""

from __future__ import annotations

import pytest

from ivr.config import MailSettings, load_settings
from ivr.errors import SettingsInvalid

HOST = {"HOTLINE_MAIL__HOST": "mail.example.cn", "HOTLINE_MAIL__SENDER": "12320@example.cn"}


def test_without_a_host_nothing_is_mailed_and_with_one_it_is_encrypted() -> None:
    assert load_settings({}).mail.host == ""
    told = {**HOST, "HOTLINE_MAIL__DOMAINS": "wjw.example.cn, example.cn ,"}
    mail = load_settings(told).mail
    assert (mail.port, mail.tls) == (587, "starttls")
    assert mail.domains == ("wjw.example.cn", "example.cn")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"HOTLINE_MAIL__HOST": "mail.example.cn"}, "expected mail.sender, came none"),
        ({**HOST, "HOTLINE_MAIL__TLS": "none"}, "expected a host of 127.0.0.1"),
        ({**HOST, "HOTLINE_MAIL__DEADLINE_SECONDS": "300"}, r"mail\.deadline_seconds: "),
        ({**HOST, "HOTLINE_MAIL__TLS": "perhaps"}, r"mail\.tls: .*came 'perhaps'"),
        ({**HOST, "HOTLINE_MAIL__SENDER": "a@b.cn\nBcc: x@y.cn"}, r"mail\.sender: "),
        ({**HOST, "HOTLINE_MAIL__SENDER": "卫生热线 <a@b.cn>"}, r"mail\.sender: "),
    ],
)
def test_mail_that_could_not_be_sent_or_would_be_read_on_the_way_is_refused(
    told: dict[str, str], expected: str
) -> None:
    with pytest.raises(SettingsInvalid, match=expected):
        load_settings(told)


def test_the_mail_password_is_in_no_text_and_no_refusal() -> None:
    told = {"HOTLINE_MAIL__HOST": "mail.example.cn", "HOTLINE_MAIL__PASSWORD": "correct horse"}
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(told)
    assert "correct horse" not in str(refused.value)
    assert "correct horse" not in repr(load_settings({**told, **HOST}))


def test_a_server_on_this_machine_needs_no_encryption() -> None:
    mail = MailSettings(host="127.0.0.1", sender="12320@example.cn", tls="none")
    assert mail.tls == "none"
