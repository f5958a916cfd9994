"""Roles and permissions: data, complete, and nothing granted by accident."""

from __future__ import annotations

from agents.roles import GRANTS, Permission, Role, may


def test_every_role_has_its_grants_written_down() -> None:
    assert set(GRANTS) == set(Role)


def test_an_administrator_may_all_and_others_only_what_is_listed() -> None:
    matrix = {(role, right) for role in Role for right in Permission if may(role, right)}
    assert matrix == {
        (Role.AGENT, Permission.LIVE_SEE),
        (Role.SUPERVISOR, Permission.LIVE_SEE),
        (Role.ADMINISTRATOR, Permission.LIVE_SEE),
        (Role.ADMINISTRATOR, Permission.METRICS_SEE),
    }


def test_every_permission_is_granted_to_somebody() -> None:
    assert {right for rights in GRANTS.values() for right in rights} == set(Permission)
