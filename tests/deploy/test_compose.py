"""The compose file: cannot be run here, so its shape and its references are checked."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ivr.config import REPOSITORY, load_settings

_SERVICE_KEYS = {
    *("image", "command", "working_dir", "network_mode", "read_only", "tmpfs", "cap_drop"),
    *("security_opt", "init", "restart", "user", "environment", "depends_on", "ports"),
    *("volumes", "healthcheck"),
}
_CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
_COMPOSE: dict[str, Any] = yaml.safe_load(
    (REPOSITORY / "deploy/compose.yaml").read_text(encoding="utf-8")
)
_SERVICES: dict[str, dict[str, Any]] = _COMPOSE["services"]
_OURS = sorted(name for name, service in _SERVICES.items() if "HOTLINE_IMAGE" in service["image"])


def test_the_file_uses_only_keys_of_the_specification() -> None:
    assert {key for key in _COMPOSE if not key.startswith("x-")} == {"name", "services", "volumes"}
    assert {key for service in _SERVICES.values() for key in service} <= _SERVICE_KEYS


def test_whatever_a_service_waits_for_exists() -> None:
    for service in _SERVICES.values():
        for name, how in service.get("depends_on", {}).items():
            assert name in _SERVICES
            assert how["condition"] in _CONDITIONS
            if how["condition"] == "service_healthy":
                assert "healthcheck" in _SERVICES[name]


def test_named_volumes_are_declared() -> None:
    mounts = [mount for service in _SERVICES.values() for mount in service.get("volumes", [])]
    named = {mount.split(":")[0] for mount in mounts if not mount.startswith("/")}
    assert named == set(_COMPOSE["volumes"])


def test_no_server_listens_beyond_this_machine() -> None:
    published = [port for service in _SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("name", _OURS)
def test_one_of_our_services_runs_a_command_that_exists_with_no_rights(name: str) -> None:
    service = _SERVICES[name]
    python, dash, package, command, *options = service["command"]
    assert (python, dash) == ("python", "-m")
    source = (REPOSITORY / package.replace(".", "/") / "__main__.py").read_text(encoding="utf-8")
    assert f"def {command}(" in source or f'@app.command("{command}")' in source
    assert all(f"    {option[2:]}: Annotated" in source for option in options[::2])
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True


def test_browsers_are_given_the_desktop_that_was_built_before() -> None:
    people, builder = _SERVICES["agents"], _SERVICES["desktop"]
    assert people["depends_on"]["desktop"]["condition"] == "service_completed_successfully"
    assert people["environment"]["HOTLINE_WEB__DESKTOP"] == builder["command"][-1]
    assert people["environment"]["DATABASE_URL"]
    shared = "/var/cache/hotline:/var/cache/hotline"
    assert shared in builder["volumes"]
    assert f"{shared}:ro" in people["volumes"]


def test_the_peoples_side_may_write_where_it_learns() -> None:
    people = _SERVICES["agents"]
    assert people["environment"]["HOTLINE_WEB__MODEL"] == "/var/lib/hotline/models/learnt"
    assert "/var/lib/hotline/models:/var/lib/hotline/models" in people["volumes"]


def test_the_environment_is_understood_by_the_settings() -> None:
    environment = _SERVICES["ivr"]["environment"]
    readable = {k: v for k, v in environment.items() if k != "HOTLINE_SETTINGS"}
    settings = load_settings(readable)
    assert settings.redis.url == "redis://127.0.0.1:6379/0"
    assert settings.database.url.endswith("@127.0.0.1:5432/hotline")
