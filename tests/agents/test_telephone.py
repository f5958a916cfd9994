from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.telephone import SipRefused, Telephone, pass_for, relayed, telephone_secret

KEY, SESSION = "site-key", b"s" * 32
SECRET = telephone_secret(KEY, "a2001")
PHONE = Telephone("agent-a2001", SECRET, pass_for(SECRET, SESSION))


def md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode()).hexdigest()  # noqa: S324 - what SIP asks for


def response_of(password: str, method: str = "REGISTER") -> str:
    owner = md5("agent-a2001", "asterisk", password)
    return md5(owner, "n0", "00000001", "c0", "auth", md5(method, "sip:asterisk"))


def register(response: str, user: str = "agent-a2001", extra: str = "") -> str:
    return (
        "REGISTER sip:asterisk SIP/2.0\r\n"
        "Via: SIP/2.0/WS x.invalid;branch=z9hG4bK1\r\n"
        f'Authorization: Digest algorithm=MD5, username="{user}", realm="asterisk", nonce="n0", '
        f'uri="sip:asterisk", response="{response}", qop=auth, cnonce="c0", nc=00000001{extra}\r\n'
        "Content-Length: 0\r\n\r\n"
    )


def test_the_password_of_the_session_becomes_the_one_that_asterisk_has() -> None:
    sent = register(response_of(PHONE.granted))
    assert relayed(sent, PHONE) == register(response_of(SECRET))


def test_no_two_agents_and_no_two_sessions_share_a_password() -> None:
    other = telephone_secret(KEY, "a2002")
    passes = {pass_for(SECRET, SESSION), pass_for(SECRET, b"t" * 32), pass_for(other, SESSION)}
    assert len(passes) == 3
    assert SECRET not in passes


@pytest.mark.parametrize(
    "message",
    [
        register(response_of(SECRET)),
        register(response_of(pass_for(SECRET, b"t" * 32))),
        register(response_of(PHONE.granted), user="agent-a2002"),
        register(response_of(PHONE.granted), extra="\r\nAuthorization: Digest username=x"),
        register(response_of(PHONE.granted)).replace("MD5", "SHA-256"),
        register(response_of(PHONE.granted)).replace('cnonce="c0", ', ""),
        "GET / HTTP/1.1\r\n\r\n",
        "",
    ],
    ids=[
        *("asterisk's own", "another session's", "another's name", "two answers"),
        *("another algorithm", "a field missing", "no SIP", "nothing"),
    ],
)
def test_what_the_telephone_would_not_send_is_refused(message: str) -> None:
    with pytest.raises(SipRefused):
        relayed(message, PHONE)


@pytest.mark.parametrize("start", ["INVITE sip:120@asterisk SIP/2.0", "SIP/2.0 200 OK"])
def test_what_answers_no_challenge_passes_as_it_is(start: str) -> None:
    message = f"{start}\r\nCSeq: 1 INVITE\r\n\r\nv=0\r\nAuthorization: in the body\r\n"
    assert relayed(message, PHONE) == message


@pytest.mark.parametrize("pulse", ["\r\n", "\r\n\r\n"])
def test_empty_lines_keep_the_way_open(pulse: str) -> None:
    assert relayed(pulse, PHONE) == pulse


@given(st.text(max_size=300))
def test_no_text_breaks_the_relay(text: str) -> None:
    for message in (text, f"REGISTER sip:a SIP/2.0\r\nAuthorization: Digest {text}\r\n\r\n"):
        try:
            passed = relayed(message, PHONE)
        except SipRefused:
            continue
        assert SECRET not in passed


def test_a_response_that_is_no_digest_is_refused_as_a_wrong_one() -> None:
    with pytest.raises(SipRefused, match="password of this session"):
        relayed(register("密码"), PHONE)
