"""Roles and permissions: data, complete, and nothing granted by accident."""

from __future__ import annotations

from agents.roles import GRANTS, NAMES, ONE_FACTOR, Permission, Role, may


def test_every_role_has_its_grants_written_down() -> None:
    assert set(GRANTS) == set(Role)


def test_nobody_both_runs_the_system_and_reads_callers_words_or_the_audit() -> None:
    for role in Role:
        if may(role, Permission.USERS_MANAGE):
            assert not may(role, Permission.CALLS_SEE)
            assert not may(role, Permission.NUMBER_REVEAL)
            assert not may(role, Permission.AUDIT_READ)
        if may(role, Permission.AUDIT_READ):
            assert GRANTS[role] == {Permission.AUDIT_READ}


def test_an_agent_sees_his_own_work_and_no_more() -> None:
    assert GRANTS[Role.AGENT].isdisjoint(
        {
            Permission.CALLS_SEE,
            Permission.REQUESTS_CORRECT,
            Permission.USERS_MANAGE,
            Permission.AUDIT_READ,
            Permission.ARTICLES_APPROVE,
        }
    )


def test_whoever_has_power_over_others_needs_a_second_factor() -> None:
    for role in ONE_FACTOR:
        assert not may(role, Permission.CALLS_SEE)
        assert not may(role, Permission.USERS_MANAGE)
    assert Role.SUPERVISOR not in ONE_FACTOR
    assert Role.ADMINISTRATOR not in ONE_FACTOR


def test_every_role_has_a_name() -> None:
    assert set(NAMES) == set(Role)


def test_every_permission_is_granted_to_somebody() -> None:
    assert {right for rights in GRANTS.values() for right in rights} == set(Permission)
