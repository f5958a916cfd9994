"""Letters, given to a real mail server: well, refusing, hanging, gone, not encrypted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.mail import (
    Attachment,
    Letter,
    MailFailed,
    RecipientRefused,
    check_recipient,
    compose,
    mail_server,
)
from ivr.errors import ValueRefused
from tests.agents.post_office import PostOffice, certify, post_office, settings_for

NOW = datetime(2026, 11, 22, 1, tzinfo=UTC)
LETTER = Letter(
    "report.7.1",
    "chief@wjw.example.cn",
    "日报 2026年11月21日",
    "12320热线2026年11月21日来电1234。\n",
    [Attachment("day.csv", "text/csv", "\ufeff日期,来电\r\n".encode())],
)
DOMAINS = ("wjw.example.cn",)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    certify(folder)
    return folder


async def test_a_letter_arrives_encrypted_with_all_that_it_says(keys: Path) -> None:
    async with (
        post_office(keys) as office,
        mail_server(settings_for(office, keys / "authority.pem")) as server,
    ):
        await server.give(LETTER, NOW)
        await server.give(replace(LETTER, recipient="Two@wjw.example.cn"), NOW)
    assert office.to == ["chief@wjw.example.cn", "Two@wjw.example.cn"]
    came = office.letters[0]
    assert came["Subject"] == LETTER.subject
    assert came["Message-ID"] == "<report.7.1@hotline.example.cn>"
    assert came["Auto-Submitted"] == "auto-generated"
    body = came.get_body()
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == LETTER.text
    [attached] = came.iter_attachments()
    assert attached.get_filename() == "day.csv"
    assert attached.get_payload(decode=True) == LETTER.attachments[0].content


async def test_who_is_refused_for_good_keeps_the_letter_from_nobody_else(keys: Path) -> None:
    office = PostOffice(
        answers={
            "gone@wjw.example.cn": "550 5.1.1 no such user",
            "full@wjw.example.cn": "452 4.2.2 mailbox full",
        }
    )
    async with (
        post_office(keys, office),
        mail_server(settings_for(office, keys / "authority.pem")) as server,
    ):
        with pytest.raises(RecipientRefused) as refused:
            await server.give(replace(LETTER, recipient="gone@wjw.example.cn"), NOW)
        with pytest.raises(MailFailed) as put_off:
            await server.give(replace(LETTER, recipient="full@wjw.example.cn"), NOW)
        await server.give(LETTER, NOW)
        office.content = "554 5.6.0 not wanted"
        with pytest.raises(RecipientRefused, match="refused 554"):
            await server.give(LETTER, NOW)
    assert (refused.value.reason, put_off.value.reason) == ("refused 550", "put_off 452")
    assert office.to == ["chief@wjw.example.cn"]


@pytest.mark.parametrize("account", [{}, {"username": "", "password": ""}])
async def test_a_server_without_encryption_is_told_nothing(
    keys: Path, account: dict[str, str]
) -> None:
    async with post_office(None) as office:
        settings = settings_for(office, keys / "authority.pem", **account)
        with pytest.raises(MailFailed) as failed:
            async with mail_server(settings) as server:
                await server.give(LETTER, NOW)
    assert failed.value.reason == "tls_missing"
    assert office.letters == []


async def test_a_server_that_nobody_vouches_for_is_told_nothing(keys: Path) -> None:
    async with post_office(keys) as office:
        trusting = settings_for(office, keys / "authority.pem")
        settings = trusting.model_copy(update={"authority": None})
        with pytest.raises(MailFailed) as failed:
            async with mail_server(settings):
                pass
    assert failed.value.reason == "certificate"


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_an_authority_that_cannot_be_read_is_said_to_be_that(
    tmp_path: Path, content: str | None
) -> None:
    authority = tmp_path / "authority.pem"
    if content is not None:
        authority.write_text(content)
    with pytest.raises(MailFailed) as failed:
        async with mail_server(settings_for(PostOffice(port=1), authority)):
            pass
    assert failed.value.reason == "authority"


async def test_a_wrong_password_is_said_to_be_one(keys: Path) -> None:
    async with post_office(keys) as office:
        settings = settings_for(office, keys / "authority.pem", password="wrong")  # noqa: S106 - wrong
        with pytest.raises(MailFailed) as failed:
            async with mail_server(settings):
                pass
    assert failed.value.reason == "login_refused 535"


async def test_a_server_that_has_gone_is_said_to_be_away() -> None:
    async with post_office(None) as office:
        settings = settings_for(office, None)
    with pytest.raises(MailFailed) as failed:
        async with mail_server(settings):
            pass
    assert failed.value.reason == "away"


async def test_a_server_that_goes_in_the_middle_is_said_to_be_away() -> None:
    async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        await reader.readline()
        writer.write(b"250 SIZE\r\n")
        await reader.readline()
        writer.close()

    server = await asyncio.start_server(hello, "127.0.0.1", 0)
    async with server:
        office = PostOffice(port=server.sockets[0].getsockname()[1])
        with pytest.raises(MailFailed) as failed:
            async with mail_server(settings_for(office, None)) as mail:
                await mail.give(LETTER, NOW)
    assert failed.value.reason == "away"


async def test_a_server_that_hangs_is_left() -> None:
    async with post_office(None, PostOffice(hangs_for="*")) as office:
        settings = settings_for(office, None, deadline_seconds=0.3)
        with pytest.raises(MailFailed) as failed:
            async with mail_server(settings) as server:
                await server.give(LETTER, NOW)
    assert failed.value.reason == "slow"


@pytest.mark.parametrize(
    "address",
    [
        "chief@elsewhere.example.cn",
        "chief@sub.wjw.example.cn",
        "chief@wjw.example.cn\nBcc: x@y.cn",
        "chief@wjw.example.cn\r",
        '"a b"@wjw.example.cn',
        "a,b@wjw.example.cn",
        "<a@wjw.example.cn>",
        "chief@wjw.example.cn@wjw.example.cn",
        "",
    ],
)
def test_what_may_not_be_sent_to_is_refused(address: str) -> None:
    with pytest.raises(ValueRefused):
        check_recipient(address, DOMAINS)
    letter = replace(LETTER, recipient=address)
    with pytest.raises(ValueRefused):
        compose(letter, settings_for(PostOffice(port=25), None), NOW)


@given(typed=st.text(max_size=40))
def test_no_typed_word_becomes_a_header(typed: str) -> None:
    letter = replace(LETTER, subject=f"日报{typed}", recipient="chief@wjw.example.cn")
    try:
        written = compose(letter, settings_for(PostOffice(port=25), None), NOW).as_bytes()
    except ValueRefused:
        assert any(one in typed for one in "\r\n") or not typed.isprintable()
        return
    head = written.partition(b"\r\n\r\n")[0].decode("ascii")
    names = [line.partition(":")[0] for line in head.split("\r\n") if line[:1] not in {" ", "\t"}]
    known = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version"]
    assert names == [*known, "Content-Type"]


@given(typed=st.text(max_size=60))
def test_an_address_that_passes_is_one_word_of_plain_characters(typed: str) -> None:
    for address in (typed, f"{typed}@wjw.example.cn"):
        try:
            passed = check_recipient(address, DOMAINS)
        except ValueRefused:
            continue
        assert passed.isascii()
        assert passed.isprintable()
        assert not set(passed) & set(' ,;<>"()[]\\:')
        assert passed.endswith("@wjw.example.cn")
