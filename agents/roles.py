"""Who may do what: roles and permissions as data. What is not granted here is refused."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Permission(StrEnum):
    """Everything that can be allowed; each route declares the one it needs."""

    LIVE_SEE = "live.see"
    """See the queues and what every agent does now."""
    METRICS_SEE = "metrics.see"
    """Read the figures for monitoring."""


class Role(StrEnum):
    """The hotline's posts."""

    AGENT = "agent"
    """咨询员"""
    SUPERVISOR = "supervisor"
    """班长"""
    ADMINISTRATOR = "administrator"
    """系统管理员"""


GRANTS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.AGENT: frozenset({Permission.LIVE_SEE}),
        Role.SUPERVISOR: frozenset({Permission.LIVE_SEE}),
        Role.ADMINISTRATOR: frozenset({Permission.LIVE_SEE, Permission.METRICS_SEE}),
    }
)


def may(role: Role, permission: Permission) -> bool:
    """Tell whether a role has a permission."""
    return permission in GRANTS[role]
