"""Long runs: asked for in the browser, done by a process of their own, told by steps, cancelled.

One is done at a time, whatever the number of servers. Its state is in PostgreSQL, so a page that is
loaded anew and a server that was restarted show what is true. The process that works keeps what it
made in one transaction together with the run's end: a run that was cancelled, cut off or lost
meanwhile has ended otherwise, and nothing of it is kept.

The worker is a command that reads one line of JSON (`Task`) from its standard input, and writes one
line of JSON for each step (`Step`), and one (`Failure`) when it cannot go on.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from tempfile import TemporaryDirectory
from typing import Any, Final, NoReturn

import asyncpg
import structlog
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from agents.database import queries
from ivr.config import DatabaseSettings
from ivr.database import OUTSIDE_FAILURES, Pool, Session
from ivr.errors import HotlineError

LOOK_SECONDS: Final = 5.0
"""How long a run that was asked for on another server waits at most."""
BEAT_SECONDS: Final = 1.0
"""How soon a cancelled run's process is killed, and how often it is said to be alive."""
LOST_SECONDS: Final = 20.0
"""The lease: how long a run is its server's after the server has last said so."""
_ANSWER_SECONDS: Final = 5.0
"""How long the database may take to be told."""
_HOLD_SECONDS: Final = LOST_SECONDS - _ANSWER_SECONDS - BEAT_SECONDS
"""When a worker is killed whose run could not be told of: before the lease ends."""
LONGEST_SECONDS: Final = 900.0
_FAREWELL_SECONDS: Final = 2.0
_TAIL_BYTES: Final = 2_000
_LONGEST_LINE: Final = 1_048_576

FIRST_WORDS: Final = ("setpriv", "--pdeathsig", "KILL", "--", "nice", "-n", "10")
"""A worker dies with its server, and goes behind the desks, but does not starve beside them."""

_log = structlog.get_logger()


class RunEnded(HotlineError):
    """The run has ended meanwhile; nothing of it is kept."""


class Task(BaseModel):
    """What a worker is told; a refusal of it, which goes to the log, does not repeat it."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    run_id: int
    database: DatabaseSettings
    log_level: str = "INFO"


class Step(BaseModel):
    """How far a worker is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: int
    steps: int
    doing: str


class Failure(BaseModel):
    """Why a worker cannot go on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    failed: str
    """A stable code."""
    named: dict[str, Any] = {}
    """What the reason names."""


_LINE: Final[TypeAdapter[Step | Failure]] = TypeAdapter(Step | Failure)


async def ask(session: Session, kind: str, about: str, wanted: object, *, by: str) -> int | None:
    """Ask for a run; None when the same is waiting or under way."""
    await lose_forgotten(session)
    asked = await queries.ask_run(
        session, kind=kind, about=about, wanted=json.dumps(wanted), asked_by=by
    )
    return None if asked is None else int(asked["run_id"])


async def lose_forgotten(session: Session | Pool) -> None:
    """End the runs whose server died, so that nobody waits for them."""
    async for row in queries.lose_runs(session, seconds=LOST_SECONDS):
        _log.warning("run.lost", run_id=row["run_id"], kind=row["kind"])


async def keep(session: Session, run_id: int, result: Mapping[str, object]) -> None:
    """End a run as done, in the transaction that keeps what it made.

    Raises:
        RunEnded: it was cancelled, or taken for lost; the transaction must not be committed.
    """
    told = json.dumps(result, ensure_ascii=False)
    if await queries.end_run(session, run_id=run_id, state="done", why="", result=told) is None:
        raise RunEnded(f"Run {run_id}.")


class Runner:
    """Does the runs that are asked for, one after the other; runs beside the application."""

    def __init__(
        self,
        pool: Pool,
        database: DatabaseSettings,
        workers: Mapping[str, tuple[str, ...]],
        *,
        log_level: str = "INFO",
    ) -> None:
        """Know the command that does each kind of run, and from which level on it is to log."""
        self._pool = pool
        self._database = database
        self._log_level = log_level
        self._workers = workers
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        """Look at once: something was asked for or cancelled."""
        self._wanted.set()

    async def run(self) -> NoReturn:
        """Do what is asked for until cancelled."""
        while True:
            self._wanted.clear()
            done = False
            try:
                done = await self._do_next()
            except OUTSIDE_FAILURES as failure:
                _log.warning("run.deferred", reason=type(failure).__name__)
            if not done:
                await self._rest(LOOK_SECONDS)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wanted.wait()

    async def _do_next(self) -> bool:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await lose_forgotten(self._pool)
                claimed = await queries.claim_run(self._pool, kinds=list(self._workers))
        except asyncpg.UniqueViolationError:  # another server was quicker
            return False
        if claimed is None:
            return False
        await self._do(claimed["run_id"], claimed["kind"])
        return True

    async def _do(self, run_id: int, kind: str) -> None:
        state, failure, tail = "failed", Failure(failed="broken"), bytearray()
        try:
            async with asyncio.timeout(LONGEST_SECONDS), self._worker(run_id, kind) as process:
                failure = await self._follow(process, run_id, tail) or failure
        except TimeoutError:
            failure = Failure(failed="too_long")
        except asyncio.CancelledError:
            state, failure = "lost", Failure(failed="")
            raise
        except Exception as error:  # noqa: BLE001 - whatever a worker writes, the desks go on
            tail += repr(error).encode()
        finally:
            await self._end(run_id, kind, state, failure, tail)

    @asynccontextmanager
    async def _worker(self, run_id: int, kind: str) -> AsyncIterator[asyncio.subprocess.Process]:
        pipe = asyncio.subprocess.PIPE
        # What a killed worker leaves in its folder goes with the folder.
        with TemporaryDirectory(prefix="run-") as folder:
            process = await asyncio.create_subprocess_exec(
                *(*FIRST_WORDS, "env", f"TMPDIR={folder}", *self._workers[kind]),
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                limit=_LONGEST_LINE,
            )
            _log.info("run.started", run_id=run_id, kind=kind, process=process.pid)
            try:
                await self._hand_over(process, run_id)
                yield process
            finally:
                if process.returncode is None:
                    with suppress(ProcessLookupError):
                        process.kill()
                await process.wait()

    async def _hand_over(self, process: asyncio.subprocess.Process, run_id: int) -> None:
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        task = Task(run_id=run_id, database=self._database, log_level=self._log_level)
        with suppress(ConnectionError):
            process.stdin.write(task.model_dump_json().encode() + b"\n")
            await process.stdin.drain()
            process.stdin.close()

    async def _follow(
        self, process: asyncio.subprocess.Process, run_id: int, tail: bytearray
    ) -> Failure | None:
        """Keep the run's state in step with its process until either ends."""
        assert process.stdout is not None  # noqa: S101 - both are pipes
        assert process.stderr is not None  # noqa: S101
        async with asyncio.TaskGroup() as tasks:
            beating = tasks.create_task(self._beat(process, run_id))
            tasks.create_task(_pass_on(process.stderr, tail))
            failure = await self._hear(process.stdout, run_id)
            await process.wait()
            beating.cancel()
        if not beating.cancelled() and beating.result():
            return Failure(failed="lost")
        return failure

    async def _beat(self, process: asyncio.subprocess.Process, run_id: int) -> bool:
        """Say that the run is being done; kill its process once it is no longer ours.

        Returns:
            Whether that is because nobody could be told until the lease was about to end, and
            another server would take the run for lost; otherwise it has ended, by whomever.
        """
        clock = asyncio.get_running_loop().time
        renewed, is_wanted = clock(), True
        while is_wanted and clock() - renewed < _HOLD_SECONDS:
            self._wanted.clear()
            asked = clock()
            # While the database is away, the work goes on; it is the worker who needs it.
            with suppress(*OUTSIDE_FAILURES):
                async with asyncio.timeout(_ANSWER_SECONDS):
                    is_wanted = await queries.beat_run(self._pool, run_id=run_id) is not None
                renewed = asked
            if is_wanted:
                await self._rest(BEAT_SECONDS)
        with suppress(ProcessLookupError):
            process.kill()
        return is_wanted

    async def _hear(self, lines: asyncio.StreamReader, run_id: int) -> Failure | None:
        failure = None
        async for line in lines:
            try:
                told = _LINE.validate_json(line)
            except ValidationError:  # a library's own words
                continue
            if isinstance(told, Failure):
                failure = told
                continue
            with suppress(*OUTSIDE_FAILURES):
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await queries.tell_run(self._pool, run_id=run_id, **told.model_dump())
        return failure

    async def _end(
        self, run_id: int, kind: str, state: str, failure: Failure, tail: bytearray
    ) -> None:
        """Say how a run ended whose process did not."""
        named = json.dumps(failure.named, ensure_ascii=False)
        ended = None
        with suppress(*OUTSIDE_FAILURES):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                ended = await queries.end_run(
                    self._pool, run_id=run_id, state=state, why=failure.failed, result=named
                )
        if ended is None:
            _log.info("run.ended", run_id=run_id, kind=kind)
        elif failure.failed == "broken":
            _log.error("run.broken", run_id=run_id, kind=kind, said=tail.decode("utf-8", "replace"))
        else:
            _log.info("run.stopped", run_id=run_id, kind=kind, state=state, why=failure.failed)


async def _pass_on(stream: asyncio.StreamReader, tail: bytearray) -> None:
    """Pass a worker's log on to ours; keep the end of whatever else it writes."""
    async for line in stream:
        if line.startswith(b"{"):
            sys.stderr.write(line.decode("utf-8", "replace"))
        else:
            tail += line
            del tail[:-_TAIL_BYTES]
