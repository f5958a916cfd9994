"""The web application: which routes there are, and what each one needs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from redis.asyncio import Redis

from agents.auth import Sessions
from agents.feed import Feed
from agents.listening import Links
from agents.live import Watch
from agents.roles import Permission
from agents.runs import Runner
from agents.signin import SignIn
from agents.suggestions import Suggestions
from agents.throttle import Throttle
from agents.web import (
    access,
    alarms,
    api,
    articles,
    audit,
    bulletins,
    calls,
    categories,
    desk,
    desktop,
    dialling,
    doors,
    enter,
    events,
    exemptions,
    forms,
    headers,
    health,
    notices,
    openapi,
    pausing,
    presence,
    problems,
    quality,
    recordings,
    report_steps,
    reports,
    saved_reports,
    schedules,
    session,
    submissions,
    telephone,
    transfers,
    users,
    work,
)
from agents.web.access import Access, Open
from agents.web.problems import Handler
from ivr.config import Settings
from ivr.database import Pool
from ivr.recall import policy_of

LONGEST_BODY: Final = 1_048_576
"""Bytes of a request."""

Route = tuple[str, str, Handler, Access]

_V1: Final = "/api/v1"

ROUTES: Final[tuple[Route, ...]] = (
    # Supervisors and load balancers have no session; these tell nothing but yes and no.
    ("GET", "/health", health.health, Open.PUBLIC),
    ("GET", "/ready", health.ready, Open.PUBLIC),
    ("GET", "/metrics", health.metrics, Permission.METRICS_SEE),
    # The way in, and what its page needs; no data in any of them.
    ("GET", "/", desktop.show, Open.PUBLIC),
    ("GET", "/enter", desktop.show, Open.PUBLIC),
    ("GET", f"{desktop.PARTS}{{name:.+}}", desktop.part, Open.PUBLIC),
    ("POST", "/enter", enter.enter, Open.PUBLIC),
    ("POST", f"{_V1}/login", session.login, Open.PUBLIC),
    # Leaving needs no permission: a session that has ended is left all the same.
    ("POST", "/leave", session.leave, Open.PUBLIC),
    ("DELETE", f"{_V1}/session", session.leave, Open.PUBLIC),
    ("GET", f"{_V1}/live", desk.live, Permission.LIVE_SEE),
    ("GET", f"{_V1}/events", events.connect, Permission.LIVE_SEE),
    ("GET", f"{_V1}/presence", presence.show, Permission.CALLS_TAKE),
    ("PUT", f"{_V1}/presence", presence.set_own, Permission.CALLS_TAKE),
    ("GET", f"{_V1}/presence/all", presence.show_all, Permission.CALLS_SEE),
    ("GET", f"{_V1}/presence/reasons", presence.show_reasons, Permission.CALLS_TAKE),
    ("GET", f"{_V1}/softphone", telephone.show, Permission.CALLS_TAKE),
    ("GET", telephone.PATH, telephone.connect, Permission.CALLS_TAKE),
    ("GET", f"{_V1}/openapi.json", openapi.show, Open.SESSION),
    ("GET", f"{_V1}/docs", desktop.explain, Open.SESSION),
    # What everybody may do with his own account, also before a second factor is set up.
    ("GET", f"{_V1}/session", session.show, Open.SESSION),
    ("PUT", f"{_V1}/session/password", session.set_password, Open.SESSION),
    ("POST", f"{_V1}/session/second-factor", session.offer_factor, Open.SESSION),
    ("PUT", f"{_V1}/session/second-factor", session.take_factor, Open.SESSION),
    ("GET", f"{_V1}/calls/current", calls.current, Permission.CALLS_TAKE),
    ("POST", f"{_V1}/calls", dialling.dial, Permission.CALLS_TAKE),
    ("GET", f"{_V1}/calls/{{call_id}}", calls.show, Permission.FORMS_READ),
    ("POST", f"{_V1}/calls/{{call_id}}/reveal", calls.reveal, Permission.NUMBER_REVEAL),
    ("POST", f"{_V1}/calls/{{call_id}}/transfer", transfers.transfer, Permission.CALLS_TAKE),
    ("GET", f"{_V1}/transfers", transfers.show_targets, Permission.CALLS_TAKE),
    ("GET", f"{_V1}/calls/{{call_id}}/exemption", exemptions.show, Permission.CALLS_EXEMPT),
    ("PUT", f"{_V1}/calls/{{call_id}}/exemption", exemptions.exempt, Permission.CALLS_EXEMPT),
    ("DELETE", f"{_V1}/calls/{{call_id}}/exemption", exemptions.withdraw, Permission.CALLS_EXEMPT),
    ("PUT", f"{_V1}/calls/{{call_id}}/quality", quality.tell, Permission.CALLS_TAKE),
    ("GET", f"{_V1}/calls/{{call_id}}/quality", quality.show, Permission.FORMS_READ),
    ("POST", f"{_V1}/help", alarms.cry, Permission.CALLS_TAKE),
    ("GET", f"{_V1}/calls/{{call_id}}/form", forms.show, Permission.FORMS_READ),
    ("PUT", f"{_V1}/calls/{{call_id}}/draft", forms.keep_draft, Permission.CALLS_TAKE),
    ("DELETE", f"{_V1}/calls/{{call_id}}/draft", forms.drop_draft, Permission.CALLS_TAKE),
    ("POST", f"{_V1}/calls/{{call_id}}/requests", forms.save, Permission.CALLS_TAKE),
    ("PUT", f"{_V1}/requests/{{request_id}}", forms.correct, Permission.FORMS_READ),
    ("GET", f"{_V1}/requests/{{request_id}}/versions", forms.show_versions, Permission.FORMS_READ),
    (
        "GET",
        f"{_V1}/calls/{{call_id}}/recordings",
        recordings.show,
        Permission.RECORDINGS_HEAR,
    ),
    (
        "GET",
        f"{_V1}/calls/{{call_id}}/recordings/{{leg}}/peaks",
        recordings.peaks,
        Permission.RECORDINGS_HEAR,
    ),
    (
        "POST",
        f"{_V1}/calls/{{call_id}}/recordings/{{leg}}/link",
        recordings.link,
        Permission.RECORDINGS_HEAR,
    ),
    ("PUT", f"{_V1}/calls/{{call_id}}/pause", pausing.pause, Permission.RECORDINGS_PAUSE),
    ("DELETE", f"{_V1}/calls/{{call_id}}/pause", pausing.resume, Permission.RECORDINGS_PAUSE),
    ("PUT", f"{_V1}/calls/{{call_id}}/hold", recordings.hold, Permission.RECORDINGS_HOLD),
    ("DELETE", f"{_V1}/calls/{{call_id}}/hold", recordings.release, Permission.RECORDINGS_HOLD),
    ("GET", f"{recordings.PATH}{{link}}", recordings.play, Permission.RECORDINGS_HEAR),
    ("HEAD", f"{recordings.PATH}{{link}}", recordings.play, Permission.RECORDINGS_HEAR),
    ("GET", f"{_V1}/drafts", forms.show_drafts, Permission.CALLS_TAKE),
    # Whoever files and whoever writes articles chooses among them.
    ("GET", f"{_V1}/categories", categories.show_tree, Permission.ARTICLES_READ),
    ("GET", f"{_V1}/categories/search", categories.search, Permission.ARTICLES_READ),
    ("POST", f"{_V1}/categories/suggestion", categories.suggest, Permission.FORMS_READ),
    ("GET", f"{_V1}/day", work.show_day, Permission.CALLS_TAKE),
    ("GET", f"{_V1}/messages", work.show_messages, Permission.MESSAGES_WORK),
    ("POST", f"{_V1}/messages/{{call_id}}/claim", work.take_message, Permission.MESSAGES_WORK),
    (
        "DELETE",
        f"{_V1}/messages/{{call_id}}/claim",
        work.release_message,
        Permission.MESSAGES_WORK,
    ),
    ("POST", f"{_V1}/messages/{{call_id}}/done", work.finish_message, Permission.MESSAGES_WORK),
    ("GET", f"{_V1}/callbacks", work.show_callbacks, Permission.MESSAGES_WORK),
    ("GET", f"{_V1}/missed", work.show_missed, Permission.MESSAGES_WORK),
    ("POST", f"{_V1}/missed/{{missed_id}}/claim", work.claim, Permission.MESSAGES_WORK),
    ("DELETE", f"{_V1}/missed/{{missed_id}}/claim", work.release, Permission.MESSAGES_WORK),
    ("POST", f"{_V1}/missed/{{missed_id}}/outcome", work.finish_missed, Permission.MESSAGES_WORK),
    ("GET", f"{_V1}/articles", articles.search, Permission.ARTICLES_READ),
    ("POST", f"{_V1}/articles", articles.create, Permission.ARTICLES_WRITE),
    ("POST", f"{_V1}/articles/import", articles.bring_in, Permission.ARTICLES_WRITE),
    ("GET", f"{_V1}/articles/review", articles.show_review, Permission.ARTICLES_APPROVE),
    ("GET", f"{_V1}/articles/remarks", articles.show_remarks, Permission.ARTICLES_APPROVE),
    ("POST", f"{_V1}/articles/remarks", articles.miss, Permission.ARTICLES_READ),
    (
        "DELETE",
        f"{_V1}/articles/remarks/{{remark_id}}",
        articles.close_remark,
        Permission.ARTICLES_APPROVE,
    ),
    ("GET", f"{_V1}/articles/{{article_id}}", articles.show, Permission.ARTICLES_READ),
    ("PUT", f"{_V1}/articles/{{article_id}}", articles.write, Permission.ARTICLES_WRITE),
    ("DELETE", f"{_V1}/articles/{{article_id}}", articles.retire, Permission.ARTICLES_APPROVE),
    ("POST", f"{_V1}/articles/{{article_id}}/remarks", articles.remark, Permission.ARTICLES_READ),
    (
        "GET",
        f"{_V1}/articles/{{article_id}}/markdown",
        articles.take_out,
        Permission.ARTICLES_WRITE,
    ),
    (
        "GET",
        f"{_V1}/articles/{{article_id}}/versions",
        articles.show_versions,
        Permission.ARTICLES_APPROVE,
    ),
    (
        "GET",
        f"{_V1}/articles/{{article_id}}/versions/{{version}}",
        articles.show_version,
        Permission.ARTICLES_READ,
    ),
    (
        "POST",
        f"{_V1}/articles/{{article_id}}/versions/{{version}}/judgement",
        articles.judge,
        Permission.ARTICLES_APPROVE,
    ),
    ("GET", f"{_V1}/reports", reports.show_all, Permission.REPORTS_SEE),
    ("GET", f"{_V1}/reports/{{name}}", reports.show, Permission.REPORTS_SEE),
    ("GET", f"{_V1}/reports/{{name}}/file", reports.take_out, Permission.REPORTS_SEE),
    ("GET", f"{_V1}/reports/{{name}}/steps", report_steps.run, Permission.REPORTS_SEE),
    ("GET", f"{_V1}/reports/{{name}}/behind", reports.show_calls, Permission.CALLS_SEE),
    ("GET", f"{_V1}/short-text", saved_reports.show_text, Permission.REPORTS_SEE),
    ("GET", f"{_V1}/saved-reports", saved_reports.show_all, Permission.REPORTS_SEE),
    ("POST", f"{_V1}/saved-reports", saved_reports.save, Permission.REPORTS_SEE),
    ("GET", f"{_V1}/saved-reports/{{saved_id}}", saved_reports.show, Permission.REPORTS_SEE),
    ("PUT", f"{_V1}/saved-reports/{{saved_id}}", saved_reports.replace, Permission.REPORTS_SEE),
    ("DELETE", f"{_V1}/saved-reports/{{saved_id}}", saved_reports.delete, Permission.REPORTS_SEE),
    (
        "POST",
        f"{_V1}/saved-reports/{{saved_id}}/restore",
        saved_reports.restore,
        Permission.REPORTS_SEE,
    ),
    ("GET", f"{_V1}/report-schedules", schedules.show_all, Permission.REPORTS_MAIL),
    ("POST", f"{_V1}/report-schedules", schedules.make, Permission.REPORTS_MAIL),
    ("DELETE", f"{_V1}/report-schedules/{{schedule_id}}", schedules.stop, Permission.REPORTS_MAIL),
    (
        "POST",
        f"{_V1}/report-schedules/{{schedule_id}}/run",
        schedules.send_now,
        Permission.REPORTS_MAIL,
    ),
    (
        "GET",
        f"{_V1}/submissions/choices",
        submissions.show_choices,
        Permission.SUBMISSIONS_WORK,
    ),
    ("GET", f"{_V1}/submissions", submissions.show_standings, Permission.SUBMISSIONS_WORK),
    ("POST", f"{_V1}/submissions", submissions.hand_in, Permission.SUBMISSIONS_WORK),
    (
        "POST",
        f"{_V1}/submissions/{{submission_id}}/accept",
        submissions.accept,
        Permission.SUBMISSIONS_WORK,
    ),
    (
        "POST",
        f"{_V1}/submissions/{{submission_id}}/return",
        submissions.send_back,
        Permission.SUBMISSIONS_WORK,
    ),
    (
        "GET",
        f"{_V1}/units/{{unit}}/months/{{month}}",
        submissions.show_versions,
        Permission.SUBMISSIONS_WORK,
    ),
    (
        "GET",
        f"{_V1}/units/{{unit}}/months/{{month}}/form",
        submissions.blank_form,
        Permission.SUBMISSIONS_WORK,
    ),
    ("GET", f"{_V1}/bulletins", bulletins.show_all, Permission.BULLETINS_WORK),
    ("POST", f"{_V1}/bulletins", bulletins.begin, Permission.BULLETINS_WORK),
    ("GET", f"{_V1}/bulletins/runs/{{run_id}}", bulletins.show_run, Permission.BULLETINS_WORK),
    ("DELETE", f"{_V1}/bulletins/runs/{{run_id}}", bulletins.cancel, Permission.BULLETINS_WORK),
    ("GET", f"{_V1}/bulletins/{{bulletin_id}}", bulletins.show, Permission.BULLETINS_WORK),
    ("PUT", f"{_V1}/bulletins/{{bulletin_id}}/text", bulletins.write, Permission.BULLETINS_WORK),
    (
        "POST",
        f"{_V1}/bulletins/{{bulletin_id}}/review",
        bulletins.review,
        Permission.BULLETINS_WORK,
    ),
    (
        "POST",
        f"{_V1}/bulletins/{{bulletin_id}}/return",
        bulletins.send_back,
        Permission.BULLETINS_WORK,
    ),
    (
        "POST",
        f"{_V1}/bulletins/{{bulletin_id}}/publish",
        bulletins.publish,
        Permission.BULLETINS_PUBLISH,
    ),
    ("POST", f"{_V1}/bulletins/{{bulletin_id}}/files", bulletins.draw, Permission.BULLETINS_WORK),
    (
        "GET",
        f"{_V1}/bulletins/{{bulletin_id}}/preview",
        bulletins.preview,
        Permission.BULLETINS_WORK,
    ),
    (
        "GET",
        f"{_V1}/bulletins/{{bulletin_id}}/files/{{form}}",
        bulletins.take_out,
        Permission.BULLETINS_WORK,
    ),
    ("GET", f"{_V1}/roles", users.show_roles, Permission.USERS_MANAGE),
    ("GET", f"{_V1}/users", users.show_all, Permission.USERS_MANAGE),
    ("POST", f"{_V1}/users", users.create, Permission.USERS_MANAGE),
    ("PATCH", f"{_V1}/users/{{person}}", users.change_user, Permission.USERS_MANAGE),
    ("POST", f"{_V1}/users/{{person}}/link", users.make_link, Permission.USERS_MANAGE),
    (
        "DELETE",
        f"{_V1}/users/{{person}}/second-factor",
        users.drop_factor,
        Permission.USERS_MANAGE,
    ),
    ("POST", f"{_V1}/notices", notices.send, Permission.PEOPLE_NOTIFY),
    ("GET", f"{_V1}/audit", audit.show, Permission.AUDIT_READ),
    ("GET", f"{_V1}/audit/actions", audit.show_actions, Permission.AUDIT_READ),
    ("GET", f"{_V1}/audit/chain", audit.show_chain, Permission.AUDIT_READ),
    ("GET", f"{_V1}/audit/file", audit.take_out, Permission.AUDIT_READ),
)


@dataclass(frozen=True, slots=True)
class Stores:
    """What the application asks: the truth, and the present."""

    pool: Pool
    redis: Redis


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs beside the application."""

    watch: Watch
    suggestions: Suggestions
    feed: Feed
    runner: Runner


def make_app(
    settings: Settings, stores: Stores, parts: Parts, clock: Callable[[], float] = time.time
) -> web.Application:
    """Put the application together; it refuses to start with an undeclared route.

    Args:
        settings: of this node.
        stores: which it asks.
        parts: which run beside it.
        clock: seconds since 1970, by which limits are counted a minute.
    """
    app = web.Application(
        middlewares=(
            health.measure,
            headers.conceal,
            problems.explain,
            access.guard,
            api.clean,
        ),
        client_max_size=LONGEST_BODY,
    )
    sessions = Sessions(stores.redis, stores.pool)
    throttle = Throttle(stores.redis, clock)
    app[doors.SESSIONS] = sessions
    app[doors.SIGN_IN] = SignIn(stores.pool, sessions, throttle)
    app[doors.SECURE] = settings.web.address.startswith("https://")
    app[doors.ADDRESS] = settings.web.address
    app[doors.PROXIES] = doors.networks(settings.web.proxies)
    app[access.METRICS_TOKEN] = settings.web.metrics_token.get_secret_value()
    app[api.POOL] = stores.pool
    app[api.DATABASE] = settings.database
    app[api.THROTTLE] = throttle
    app[api.BRIDGE] = asyncio.Semaphore(api.BRIDGE_AT_ONCE)
    app[report_steps.LONG_PLACES] = asyncio.Semaphore(report_steps.AT_ONCE)
    app[schedules.MAIL] = settings.mail
    app[reports.PLACES] = asyncio.Semaphore(reports.AT_ONCE)
    app[desktop.DESKTOP] = desktop.read_desktop(settings.web.desktop)
    app[telephone.SOFTPHONE] = settings.softphone
    app[dialling.NODE] = settings.node.name
    app[telephone.BROWSERS] = frozenset(settings.telephony.browsers)
    app[transfers.TARGETS] = settings.definitions.transfers
    app[exemptions.POLICY] = policy_of(settings.callback)
    app[categories.SUGGESTIONS] = parts.suggestions
    app[events.FEED] = parts.feed
    app[bulletins.RUNNER] = parts.runner
    app[recordings.LINKS] = Links(stores.redis)
    app[recordings.SHELF] = recordings.Shelf(settings.recordings)
    app.cleanup_ctx.append(recordings.keep_open)
    app[health.REDIS] = stores.redis
    app[health.WATCH] = parts.watch
    app[health.FIGURES] = health.Figures()
    app.on_response_prepare.append(headers.harden)
    access.open_door(app)
    for method, path, handler, needed in ROUTES:
        access.declare(app, method, path, handler, needed)
    app[openapi.DOCUMENT] = openapi.describe(app, access.declared(app))
    return app
