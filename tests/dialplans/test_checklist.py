from __future__ import annotations

import pytest

from deploy.stack.asterisk import check_values, render
from tests.dialplans.checklist import complaints

SECRET = "s" * 32


def rendered(**changes: object) -> dict[str, str]:
    values: dict[str, object] = {
        "node": "n1",
        "boot": 17,
        "secrets": dict.fromkeys(("live", "dialer", "desk", "beat", "watch"), SECRET),
        "agi_token": SECRET,
        "agents": (
            {"id": "a1001", "secret": SECRET},
            {"id": "b7", "secret": SECRET, "browser": True},
        ),
        "trunk": {"addresses": ("127.0.0.2", "192.0.2.0/28"), "contact": "sip:192.0.2.1:5060"},
        "sip_port": 5060,
        "rtp_first": 10_000,
        "rtp_last": 10_999,
        "ami_port": 5038,
        "agi_port": 4573,
        "http_port": 8088,
    }
    return render(check_values(**(values | changes)))


def test_the_shipped_configuration_keeps_the_checklist() -> None:
    assert complaints(rendered()) == []


def test_it_keeps_the_checklist_with_everything_switched_on() -> None:
    tls = {
        "host": "192.0.2.9",
        "port": 8089,
        "certificate": "/etc/ssl/a.pem",
        "key": "/etc/ssl/a.key",
    }
    nat = {"external_address": "192.0.2.9", "local_networks": ("10.0.0.0/8",)}
    assert complaints(rendered(tls=tls, run_as="asterisk", **nat)) == []


@pytest.mark.parametrize(
    ("file", "good", "bad"),
    [
        ("asterisk.conf", "live_dangerously = no", "live_dangerously = yes"),
        ("asterisk.conf", "disable_remote_console_shell = yes", ""),
        ("asterisk.conf", "execincludes = no", "execincludes = yes"),
        ("asterisk.conf", "systemname = n1-17", "systemname = n1"),
        ("asterisk.conf", "[directories]", "[directories](!)"),
        ("modules.conf", "autoload = no", "autoload = yes"),
        ("modules.conf", "require = app_read.so", "require = app_system.so"),
        ("modules.conf", "require = app_read.so", "load = func_shell.so"),
        ("modules.conf", "require = app_read.so", "load = res_pjsip_refer.so"),
        ("modules.conf", "require = app_read.so", "load = cel_pgsql.so"),
        ("manager.conf", "bindaddr = 127.0.0.1", "bindaddr = 0.0.0.0"),
        ("manager.conf", "webenabled = no", "webenabled = yes"),
        ("manager.conf", "write = originate", "write = originate,system"),
        ("manager.conf", "write = call,agent,reporting", "write = all"),
        ("manager.conf", "read = call,agent", "read = command,call,agent"),
        ("manager.conf", "deny = 0.0.0.0/0.0.0.0", ""),
        ("manager.conf", "writetimeout = 5000", "writetimeout = 100"),
        ("manager.conf", f"secret = {SECRET}", "secret = short"),
        ("manager.conf", "[watch]", "[admin]"),
        ("http.conf", "enable_status = no", "enable_status = yes"),
        ("http.conf", "bindaddr = 127.0.0.1", "bindaddr = 0.0.0.0"),
        ("pjsip.conf", "endpoint_identifier_order = ip,username", ""),
        ("pjsip.conf", "allow_transfer = no", "allow_transfer = yes"),
        ("pjsip.conf", "auth = agent-a1001\n", ""),
        ("pjsip.conf", f"password = {SECRET}", "password = 1234"),
        ("pjsip.conf", "max_contacts = 1", "max_contacts = 5"),
        ("pjsip.conf", "rtp_timeout = 60\n", "rtp_timeout = 60\ndevice_state_busy_at = 1\n"),
        ("pjsip.conf", "context = from-agent", "context = from-trunk"),
        ("pjsip.conf", "allow = alaw,ulaw", "allow = all"),
        ("pjsip.conf", "match = 127.0.0.2\nmatch = 192.0.2.0/28", ""),
        ("rtp.conf", "strictrtp = yes", "strictrtp = no"),
        ("queues.conf", "ringinuse = no", "ringinuse = yes"),
        ("queues.conf", "strategy = leastrecent", "strategy = ringall"),
        ("queues.conf", "joinempty = yes", "joinempty = strict"),
        ("queues.conf", "autopause = all", ""),
        ("cel_custom.conf", "AppName,", "AppName,AppData,"),
        ("cel_custom.conf", "Context,", "Context,Exten,"),
        ("cel_custom.conf", "format = json", "format = dsv"),
        ("cdr_custom.conf", "channel,", "channel,clid,"),
        ("extensions.conf", "writeprotect = yes", "writeprotect = no"),
        ("logger.conf", "[json]error", "[json]verbose,error"),
        ("logger.conf", "[json]security", "security"),
    ],
)
def test_a_configuration_that_breaks_one_point_is_refused(file: str, good: str, bad: str) -> None:
    texts = rendered()
    assert good in texts[file]
    texts[file] = texts[file].replace(good, bad)
    assert [c for c in complaints(texts) if c.startswith(file)] != []


def test_every_agent_is_in_his_queues_and_rings_nowhere_else() -> None:
    queues = rendered(agents=({"id": "a1", "secret": SECRET, "queues": ("psych",)},))["queues.conf"]
    assert queues.count("member => PJSIP/agent-a1,0,a1,PJSIP/agent-a1") == 1
    assert "member" in queues.partition("[psych]")[2]
