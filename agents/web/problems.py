"""The one shape of every refusal and failure of the API. None tells how we are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Final

import asyncpg
import structlog
from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from redis.exceptions import RedisError

from agents.passwords import Busy

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = structlog.get_logger()

_WORDS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("invalid", "请求内容有误。"),
    401: ("session_needed", "请先登录。"),
    403: ("not_allowed", "您没有此权限。"),
    404: ("not_found", "没有找到。"),
    405: ("method_unknown", "不支持此操作。"),
    409: ("conflict", "内容已被更改，请刷新后再试。"),
    413: ("too_large", "内容过长。"),
    415: ("type_unknown", "内容须为 JSON。"),
    422: ("unprocessable", "无法处理此内容。"),
    429: ("too_often", "操作过于频繁，请稍后再试。"),
    500: ("failed", "系统内部错误，已记录。"),
    503: ("unavailable", "暂时无法处理，请稍后再试。"),
}

_AWAY: Final = (
    OSError,
    TimeoutError,
    RedisError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    Busy,
)
"""What PostgreSQL, Redis or the way to them may do to us, and too much at a time."""


class Fault(BaseModel):
    """One field that cannot be taken."""

    field: str = Field(description="Where, e.g. `requests.0.code`")
    message: str


class Problem(BaseModel):
    """Why something was not done."""

    model_config = ConfigDict(title="Problem")

    code: str = Field(description="Stable, for programs, e.g. `login_refused`")
    message: str = Field(description="Chinese, for people")
    fields: list[Fault] = []


class Refused(web.HTTPException):
    """An answer other than the one that was asked for."""

    def __init__(
        self,
        status: int,
        code: str = "",
        message: str = "",
        *,
        faults: Iterable[Fault] = (),
        retry_seconds: int = 0,
    ) -> None:
        """Say it with the usual words of the status where none are given."""
        self.status_code = status
        usual = _WORDS.get(status, ("refused", HTTPStatus(status).phrase))
        said = Problem(code=code or usual[0], message=message or usual[1], fields=list(faults))
        headers = {hdrs.RETRY_AFTER: str(retry_seconds)} if retry_seconds else None
        super().__init__(
            headers=headers, text=said.model_dump_json(), content_type="application/json"
        )


async def invalid(error: ValidationError, context: str) -> web.StreamResponse:
    """Say which fields cannot be taken; what was sent is not repeated.

    Raises:
        Refused: always.
    """
    faults = [
        Fault(field=".".join(str(part) for part in fault["loc"]) or context, message=fault["msg"])
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    raise Refused(400, faults=faults[:20])


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every refusal the one shape; pages show its words to people."""
    try:
        return await handler(request)
    except Refused:
        raise
    except web.HTTPException as refusal:
        if refusal.status < HTTPStatus.BAD_REQUEST:
            raise
        shaped = Refused(refusal.status, message=_own_words(refusal))
        for name in (hdrs.ALLOW, hdrs.RETRY_AFTER):
            if name in refusal.headers:
                shaped.headers[name] = refusal.headers[name]
        raise shaped from None
    except _AWAY as failure:
        _log.warning("web.store_away", reason=type(failure).__name__)
        raise Refused(503, retry_seconds=1) from None


def _own_words(refusal: web.HTTPException) -> str:
    """Keep what we said ourselves, in Chinese; not the server's own phrases."""
    text = refusal.text or ""
    return "" if text.isascii() else text
