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
    CALLS_TAKE = "calls.take"
    """Have a telephone and a presence, see one's own calls, and write down their requests."""
    CALLS_EXEMPT = "calls.exempt"
    """Say that a caller of one's own is not to be asked to rate, and why."""
    CALLS_SEE = "calls.see"
    """See calls and requests of others, numbers masked."""
    FORMS_READ = "forms.read"
    """Read and correct what was written of calls that one may see; use the categories."""
    NUMBER_REVEAL = "number.reveal"
    """See a number whole, with a reason that is written down."""
    REQUESTS_CORRECT = "requests.correct"
    """Correct requests of others."""
    MESSAGES_WORK = "messages.work"
    """See what callers left on the line, take it and deal with it."""
    RECORDINGS_HEAR = "recordings.hear"
    """Hear one's own conversations, and messages that one may deal with."""
    RECORDINGS_HEAR_ALL = "recordings.hear_all"
    """Hear conversations of others."""
    RECORDINGS_PAUSE = "recordings.pause"
    """Pause the recording of the call at one's own telephone, and let it go on."""
    RECORDINGS_HOLD = "recordings.hold"
    """Put calls under a legal hold, and take it off."""
    REPORTS_SEE = "reports.see"
    """Run reports and take them out; the calls behind a figure need `calls.see`."""
    REPORTS_MAIL = "reports.mail"
    """Have reports mailed on a schedule, to addresses that the centre allows."""
    SUBMISSIONS_WORK = "submissions.work"
    """See who has reported, hand in months of units, accept them and send them back."""
    BULLETINS_WORK = "bulletins.work"
    """Compile the bulletin, write its text, send it to review and back, and take it out."""
    BULLETINS_PUBLISH = "bulletins.publish"
    """Publish a bulletin that somebody else has sent to review."""
    ARTICLES_READ = "articles.read"
    """Search and read the knowledge base, and say what is wrong in it or missing."""
    ARTICLES_WRITE = "articles.write"
    """Write new versions of articles, bring articles in and take them out."""
    ARTICLES_APPROVE = "articles.approve"
    """Put versions in force that somebody else has written."""
    PEOPLE_NOTIFY = "people.notify"
    """Send a line to somebody's desk."""
    USERS_MANAGE = "users.manage"
    """Create users, give roles, make links, end sessions."""
    AUDIT_READ = "audit.read"
    """Read what was done by whom."""


class Role(StrEnum):
    """The hotline's posts."""

    AGENT = "agent"
    """咨询员"""
    SUPERVISOR = "supervisor"
    """班长"""
    QUALITY = "quality"
    """质检"""
    EDITOR = "editor"
    """知识库编辑"""
    ANALYST = "analyst"
    """统计分析"""
    AUDITOR = "auditor"
    """安全审计"""
    ADMINISTRATOR = "administrator"
    """系统管理员"""


NAMES: Final[Mapping[Role, str]] = MappingProxyType(
    {
        Role.AGENT: "咨询员",
        Role.SUPERVISOR: "班长",
        Role.QUALITY: "质检",
        Role.EDITOR: "知识库编辑",
        Role.ANALYST: "统计分析",
        Role.AUDITOR: "安全审计",
        Role.ADMINISTRATOR: "系统管理员",
    }
)

_AT_A_DESK: Final = frozenset(
    {
        Permission.LIVE_SEE,
        Permission.CALLS_TAKE,
        Permission.CALLS_EXEMPT,
        Permission.FORMS_READ,
        Permission.NUMBER_REVEAL,
        Permission.MESSAGES_WORK,
        Permission.RECORDINGS_HEAR,
        Permission.RECORDINGS_PAUSE,
        Permission.ARTICLES_READ,
    }
)

GRANTS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.AGENT: _AT_A_DESK,
        Role.SUPERVISOR: _AT_A_DESK
        | {
            Permission.CALLS_SEE,
            Permission.REPORTS_SEE,
            Permission.REPORTS_MAIL,
            Permission.SUBMISSIONS_WORK,
            Permission.BULLETINS_WORK,
            Permission.BULLETINS_PUBLISH,
            Permission.RECORDINGS_HEAR_ALL,
            Permission.RECORDINGS_HOLD,
            Permission.REQUESTS_CORRECT,
            Permission.ARTICLES_APPROVE,
            Permission.PEOPLE_NOTIFY,
        },
        Role.QUALITY: frozenset(
            {
                Permission.LIVE_SEE,
                Permission.FORMS_READ,
                Permission.CALLS_SEE,
                Permission.REPORTS_SEE,
                Permission.RECORDINGS_HEAR,
                Permission.RECORDINGS_HEAR_ALL,
                Permission.REQUESTS_CORRECT,
                Permission.ARTICLES_READ,
            }
        ),
        Role.EDITOR: frozenset(
            {Permission.ARTICLES_READ, Permission.ARTICLES_WRITE, Permission.ARTICLES_APPROVE}
        ),
        Role.ANALYST: frozenset(
            {
                Permission.LIVE_SEE,
                Permission.REPORTS_SEE,
                Permission.REPORTS_MAIL,
                Permission.SUBMISSIONS_WORK,
                Permission.BULLETINS_WORK,
            }
        ),
        # Three who watch each other (GB/T 22239): who runs the system reads no caller's words
        # and no audit, and who reads the audit runs nothing.
        Role.AUDITOR: frozenset({Permission.AUDIT_READ}),
        Role.ADMINISTRATOR: frozenset(
            {Permission.LIVE_SEE, Permission.METRICS_SEE, Permission.USERS_MANAGE}
        ),
    }
)

ONE_FACTOR: Final = frozenset({Role.AGENT, Role.ANALYST})
"""Roles that come in by a password alone; every other needs a code besides."""


def may(role: Role, permission: Permission) -> bool:
    """Tell whether a role has a permission."""
    return permission in GRANTS[role]
