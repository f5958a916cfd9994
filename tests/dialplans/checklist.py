"""The default-secure checklist for Asterisk's configuration, as a reader and one list of rules.

Works on rendered text, so it holds for what Asterisk reads, not for what we meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

Sections = list[tuple[str, list[tuple[str, str]]]]
"""Sections in order (names may repeat, as pjsip.conf does) with their keys and values."""

MUST_NOT_BE_LOADED = re.compile(
    r"chan_(iax2|unistim|ooh323|motif|sip|websocket|audiosocket)|res_pjsip_(refer|mwi\w*|messaging"
    r"|exten_state|publish\w*|notify|t38|stir_shaken|phoneprov\w*|geolocation|config_wizard|history"
    r"|endpoint_identifier_anonymous)|res_(stir_shaken|xmpp|config_\w+|ari\w*|stasis\w*|phoneprov"
    r"|fax\w*|http_post|http_media_cache|clialiases|clioriginate|snmp|curl|odbc\w*|aeap|websocket_client)"
    r"|app_(sms|externalivr|system|exec|originate|chanspy|audiosocket|stasis|userevent|minivm"
    r"|voicemail\w*|disa|record|dictate|test|festival|db)|func_(shell|curl|env|odbc|realtime|db|export"
    r"|evalexten|json|sorcery|config)|(cel|cdr)_(pgsql|tds|odbc|radius|sqlite3_custom|manager"
    r"|adaptive_odbc|beanstalkd)|pbx_(dundi|ael|lua|spool|realtime|loopback)|format_ogg_\w+|codec_codec2"
)

SAFE_FIELDS = frozenset(
    {
        *("eventtype", "eventenum", "userdeftype", "eventtime", "context", "channame", "appname"),
        *("uniqueid", "linkedid", "peer", "eventextra"),
    }
)
SAFE_CDR_FIELDS = frozenset(
    {
        *("dcontext", "channel", "dstchannel", "lastapp", "start", "answer", "end", "duration"),
        *("billsec", "disposition", "uniqueid", "linkedid", "sequence"),
    }
)
RIGHTS = {
    "live": ("call,agent,reporting,user,system", "call,agent,reporting"),
    "dialer": (None, "originate"),
    "desk": (None, "agent"),
    "beat": (None, "call"),
    "watch": (None, "reporting"),
}


def read(text: str) -> Sections:
    """Read a file of Asterisk's; a comment begins with `;`."""
    sections: Sections = []
    for raw in text.splitlines():
        line = re.sub(r"(?<!\\);.*", "", raw).strip()
        if line.startswith("["):
            sections.append((line, []))
        elif line and sections:
            key, _, value = line.partition("=")
            sections[-1][1].append((key.strip(), value.strip().lstrip("> ")))
    return sections


def _named(sections: Sections, name: str) -> dict[str, str]:
    return {k: v for title, pairs in sections if title.startswith(f"[{name}]") for k, v in pairs}


def _expect(found: Mapping[str, str], **wanted: str) -> Iterator[str]:
    for key, value in wanted.items():
        if found.get(key) != value:
            yield f"{key}: expected {value}, found {found.get(key)}"


def asterisk(sections: Sections) -> Iterator[str]:
    """Check asterisk.conf."""
    options = _named(sections, "options")
    yield from _expect(
        options, live_dangerously="no", disable_remote_console_shell="yes", execincludes="no"
    )
    if not re.fullmatch(r"[a-z][a-z0-9]*-[1-9]\d*", options.get("systemname", "")):
        yield "systemname: expected node and boot counter"
    if not {"maxcalls", "minmemfree"} <= set(options):
        yield "expected maxcalls and minmemfree"
    if any("(!)" in title for title, _ in sections):
        yield "a template: Asterisk ignores what is in it"


def modules(sections: Sections) -> Iterator[str]:
    """Check modules.conf."""
    pairs = [pair for _, section in sections for pair in section]
    if ("autoload", "no") not in pairs:
        yield "autoload: expected no"
    for key, value in pairs:
        if key in {"load", "require", "preload"} and MUST_NOT_BE_LOADED.fullmatch(value[:-3]):
            yield f"{value} must not be loaded"


def manager(sections: Sections) -> Iterator[str]:
    """Check manager.conf."""
    general = _named(sections, "general")
    yield from _expect(general, webenabled="no", bindaddr="127.0.0.1", allowmultiplelogin="yes")
    yield from _expect(general, authtimeout="5", authlimit="10", displayconnects="yes")
    accounts = {title.strip("[]"): dict(pairs) for title, pairs in sections if title != "[general]"}
    if set(accounts) != set(RIGHTS):
        yield f"accounts: expected {sorted(RIGHTS)}, found {sorted(accounts)}"
    for name, account in accounts.items():
        reads, writes = RIGHTS.get(name, (None, None))
        if (account.get("read"), account.get("write")) != (reads, writes):
            yield f"{name}: other rights than {reads} and {writes}"
        if len(account.get("secret", "")) < 32:
            yield f"{name}: a secret of fewer than 32 characters"
        yield from _expect(account, deny="0.0.0.0/0.0.0.0", writetimeout="5000")
        yield from _expect(account, permit="127.0.0.1/255.255.255.255")
    if not any("action(include)" in key for key in accounts.get("live", {})):
        yield "live: no event filter"


def http(sections: Sections) -> Iterator[str]:
    """Check http.conf."""
    general = _named(sections, "general")
    yield from _expect(general, enable_status="no", enable_static="no", bindaddr="127.0.0.1")
    if "sessionlimit" not in general:
        yield "sessionlimit: expected one"


def pjsip(sections: Sections) -> Iterator[str]:
    """Check pjsip.conf."""
    yield from _expect(_named(sections, "global"), endpoint_identifier_order="ip,username")
    kinds: dict[str, list[dict[str, str]]] = {}
    templates = {t[1 : t.index("]")]: dict(p) for t, p in sections if t.endswith("(!)")}
    for title, pairs in sections:
        if title.endswith("(!)"):
            continue
        inherited = re.search(r"\(([\w,-]+)\)$", title)
        values: dict[str, str] = {"name": title[1 : title.index("]")]}
        for parent in inherited[1].split(",") if inherited else []:
            values |= templates[parent]
        values |= dict(pairs)
        kinds.setdefault(values.get("type", ""), []).append(values)
    for endpoint in kinds.get("endpoint", []):
        yield from _endpoint(endpoint)
    for auth in kinds.get("auth", []):
        if len(auth.get("password", "")) < 24:
            yield f"{auth['name']}: a password of fewer than 24 characters"
    for aor in kinds.get("aor", []):
        if aor["name"] != "trunk":
            yield from _expect(aor, max_contacts="1", remove_existing="yes")
    if not kinds.get("identify") or not all("match" in one for one in kinds["identify"]):
        yield "identify: expected the trunk's addresses"


def _endpoint(endpoint: Mapping[str, str]) -> Iterator[str]:
    name = endpoint["name"]
    yield from _expect(endpoint, disallow="all", allow_transfer="no", allow_subscribe="no")
    yield from _expect(endpoint, direct_media="no", max_video_streams="0", dtmf_mode="rfc4733")
    if not set(endpoint.get("allow", "").split(",")) <= {"alaw", "ulaw", "opus"}:
        yield f"{name}: more than alaw, ulaw and opus"
    if name == "trunk":
        yield from _expect(endpoint, context="from-trunk")
        return
    if "auth" not in endpoint or not name.startswith("agent-"):
        yield f"{name}: an endpoint without a password"
    yield from _expect(endpoint, context="from-agent", trust_id_inbound="no")
    # A silent browser is a lost one, and its caller is kept for it (rejoin.conf).
    yield from _expect(endpoint, rtp_timeout="5" if endpoint.get("webrtc") == "yes" else "60")
    if "device_state_busy_at" in endpoint:
        yield f"{name}: device_state_busy_at makes busy of what only rings"


def rtp(sections: Sections) -> Iterator[str]:
    """Check rtp.conf."""
    yield from _expect(_named(sections, "general"), strictrtp="yes")


def queues(sections: Sections) -> Iterator[str]:
    """Check queues.conf."""
    yield from _expect(
        _named(sections, "general"), persistentmembers="yes", autofill="yes", shared_lastcall="yes"
    )
    pattern = dict(next(pairs for title, pairs in sections if title.endswith("(!)")))
    yield from _expect(pattern, ringinuse="no", joinempty="yes", leavewhenempty="no", maxlen="0")
    yield from _expect(pattern, autopause="all", timeout="15")
    for title, pairs in sections:
        if ("strategy", "ringall") in pairs or ("ringinuse", "yes") in pairs:
            yield f"{title}: could offer an agent two calls"


def cel_custom(sections: Sections) -> Iterator[str]:
    """Check cel_custom.conf."""
    yield from _journal(sections, SAFE_FIELDS)


def cdr_custom(sections: Sections) -> Iterator[str]:
    """Check cdr_custom.conf."""
    yield from _journal(sections, SAFE_CDR_FIELDS)


def _journal(sections: Sections, safe: frozenset[str]) -> Iterator[str]:
    if len(sections) != 1:
        yield "expected one file"
    for _, pairs in sections:
        yield from _expect(dict(pairs), format="json")
        for name in dict(pairs).get("fields", "none at all").split(","):
            if name.strip().lower() not in safe:
                yield f"{name}: a field that a caller can write"


def extensions(sections: Sections) -> Iterator[str]:
    """Check extensions.conf."""
    yield from _expect(_named(sections, "general"), static="yes", writeprotect="yes")


def logger(sections: Sections) -> Iterator[str]:
    """Check logger.conf."""
    files = _named(sections, "logfiles")
    if "security" not in files.get("security.log", ""):
        yield "security.log: expected the security level"
    if any(re.search(r"verbose|debug|dtmf|\*", levels) for levels in files.values()):
        yield "a level that repeats callers' bytes"
    if not all(levels.startswith("[json]") for levels in files.values()):
        yield "expected JSON: a stranger's line end must not begin a line"
    yield from _expect(_named(sections, "general"), queue_log="yes", queue_log_to_file="yes")


RULES: Mapping[str, Callable[[Sections], Iterator[str]]] = {
    f"{rule.__name__}.conf": rule
    for rule in (
        *(asterisk, modules, manager, http, pjsip, rtp, queues),
        *(cel_custom, cdr_custom, extensions, logger),
    )
}


def complaints(texts: Mapping[str, str]) -> list[str]:
    """Apply the rules to rendered files, by name."""
    found = [f"{name}: missing" for name in RULES if name not in texts]
    for name, rule in RULES.items():
        found += [f"{name}: {complaint}" for complaint in rule(read(texts.get(name, "")))]
    return found
