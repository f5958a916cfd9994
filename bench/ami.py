"""AMI events per CPU-second through our link, as a ratio to panoramisk as it comes.

What is measured is the whole way an event takes: socket, protocol, the ordered bounded stream,
the handler. Once the handler asks for two headers (`asked`), once it has all of them decoded
(`everything`). Beside it run panoramisk with a plain callback that reads the same two, and the
limit: `StreamReader.readuntil`, which parses nothing. Rounds are interleaved, and of each client
the round that the machine disturbed least counts. Then every odd input is sent through the
link, and one stream is cut at every byte.

    python bench/ami.py [--rounds 5] [--events 200000] [--perf FOLDER]

The load generator and the other clients are not part of this repository: they are looked for
in `--perf`, in `HOTLINE_PERF`, or in `../shared/perf` beside the repository. The last line is
JSON; the exit status is 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

REPOSITORY: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from pydantic import SecretStr  # noqa: E402 - imports of ours must not count as measured time

from ivr.asterisk.ami import Event, Framer  # noqa: E402 - as above
from ivr.asterisk.link import Handler, Item, Link, Pace  # noqa: E402 - as above
from ivr.config import AmiSettings  # noqa: E402 - as above

GOAL_ASKED: Final = 5.0
GOAL_ALL: Final = 3.0
LAST: Final = "PerfEnd"
"""Name of the event with which the generator ends."""
BANNER: Final = b"Asterisk Call Manager/9.0.0\r\n"
SECONDS: Final = 120.0
"""How long one run may take before it counts as failed."""

FLOOR: Final = "floor_readuntil"
PANORAMISK: Final = "panoramisk"
ASKED: Final = "bench.ami:asked"
ALL: Final = "bench.ami:everything"

OnEvent = Callable[[str, str | None], None]


def asked(port: int, on_event: OnEvent) -> None:
    """Be the client under test: the handler asks for the name and one header."""
    done = asyncio.Event()

    def handle(event: Item) -> None:
        if isinstance(event, Event):
            name = event.name
            if name == LAST:
                done.set()
            else:
                on_event(name, event.get("Uniqueid"))

    asyncio.run(_through_link(port, handle, done))


def everything(port: int, on_event: OnEvent) -> None:
    """Be the client under test: the handler has all headers decoded."""
    done = asyncio.Event()

    def handle(event: Item) -> None:
        if isinstance(event, Event):
            headers: Mapping[str, Any] = event.headers
            if headers["Event"] == LAST:
                done.set()
            else:
                on_event(headers["Event"], headers.get("Uniqueid"))

    asyncio.run(_through_link(port, handle, done))


async def _through_link(port: int, handle: Handler, done: asyncio.Event) -> None:
    """Give everything that a real link delivers to the handler, until it is done."""
    settings = AmiSettings(
        port=port, username="u", secret=SecretStr("s"), ping_seconds=SECONDS, backlog=20_000
    )
    link = Link(settings, pace=Pace(snapshot=None))  # the generator answers no lists
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(link.run()), tasks.create_task(link.deliver(handle))]
        async with asyncio.timeout(SECONDS):
            await done.wait()
        for task in running:
            task.cancel()
    assert link.dropped.shed == link.dropped.lost == link.failures == 0


def _rounds(perf: Path, count: int, events: int) -> dict[str, list[dict[str, Any]]]:
    """Run every client in turn, `count` times, against the generator's server."""
    bench = importlib.import_module("ami_bench")
    stream = importlib.import_module("ami_stream")
    results: dict[str, list[dict[str, Any]]] = {
        name: [] for name in (FLOOR, PANORAMISK, ASKED, ALL)
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stream"
        data, sent = stream.build(events)
        path.write_bytes(data)
        for number in range(count):
            for name, found in results.items():
                command = [sys.executable, str(perf / "ami_clients.py"), name, "{port}"]
                result = bench.one(command, str(path), SECONDS)
                assert result.get("events") == sent, f"{name}: expected {sent} events, {result}"
                found.append(result)
                rate = sent / result["cpu"]
                print(f"round {number + 1}: {name:24} {rate:10,.0f} events per CPU-second")
    return results


def _rate(results: list[dict[str, Any]]) -> float:
    """Return the rate of the least disturbed round: other work can only add CPU time."""
    return float(max(result["events"] / result["cpu"] for result in results))


def _median_ratio(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> float:
    """Return the median of the rounds' own ratios, disturbed or not, for comparison."""
    pairs = zip(ours, theirs, strict=True)
    ratios = [float(their["cpu"]) / float(our["cpu"]) for our, their in pairs]
    return round(statistics.median(ratios), 2)


async def _odd_inputs() -> dict[str, dict[str, bool]]:
    """Send every odd input through a real link, and give panoramisk's reading beside ours."""
    quirks = importlib.import_module("ami_quirks")
    got: list[Event] = []

    done = asyncio.Event()

    def keep(item: Item) -> None:
        if isinstance(item, Event):
            got.append(item)
            if item.name == LAST:
                done.set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(BANNER)
        login = await reader.readuntil(b"\r\n\r\n")
        tag = next(line for line in login.split(b"\r\n") if line.startswith(b"ActionID"))
        writer.write(b"Response: Success\r\n" + tag + b"\r\nMessage: ok\r\n\r\n")
        for raw, _ in quirks.CASES.values():
            writer.write(raw)
        writer.write(f"Event: {LAST}\r\n\r\n".encode())
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        await _through_link(server.sockets[0].getsockname()[1], keep, done)
    theirs = quirks.parsers()["panoramisk"]
    return {
        name: {"ours": _right(right, got, place), "panoramisk": _holds(right, theirs, raw)}
        for place, (name, (raw, right)) in enumerate(quirks.CASES.items())
    }


def _right(right: Callable[[Any], bool], got: Sequence[Event], place: int) -> bool:
    return place < len(got) and right(got[place].headers)


def _holds(right: Callable[[Any], bool], parse: Callable[[bytes], Any], raw: bytes) -> bool:
    try:
        return bool(right(parse(raw)))
    except Exception:  # noqa: BLE001 - whatever a peer's parser raises, it did not read it
        return False


def _cuts() -> tuple[int, int]:
    """Cut one stream at every byte; return how many cuts there are and how many changed it."""
    quirks = importlib.import_module("ami_quirks")
    stream = importlib.import_module("ami_stream")
    calls, _ = stream.build(30, concurrent=3)
    data = BANNER + calls + b"".join(raw for raw, _ in quirks.CASES.values())
    whole = _read([data])
    changed = sum(_read([data[:cut], data[cut:]]) != whole for cut in range(len(data)))
    changed += _read([data[n : n + 1] for n in range(len(data))]) != whole
    return len(data) + 1, changed


def _read(chunks: Sequence[bytes]) -> list[Any]:
    framer = Framer()
    return [event.headers for chunk in chunks for event in framer.feed(chunk).events]


def _report(results: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    rates = {name: _rate(found) for name, found in results.items()}
    odd = asyncio.run(_odd_inputs())
    cuts, changed = _cuts()
    print(f"\n{'odd input':40} {'ours':>8} {'panoramisk':>12}")
    for name, read in odd.items():
        print(
            f"{name:40} "
            + "{:>8} {:>12}".format(*("right" if r else "WRONG" for r in read.values()))
        )
    print(f"{cuts:,} ways to cut one stream, {changed} of them change what is read")
    asked_ratio, all_ratio = rates[ASKED] / rates[PANORAMISK], rates[ALL] / rates[PANORAMISK]
    wrong = [name for name, read in odd.items() if not read["ours"]]
    return {
        "ratio": round(asked_ratio, 2),
        "ratio_all_headers": round(all_ratio, 2),
        "ratio_to_readuntil": round(rates[ASKED] / rates[FLOOR], 2),
        "median_of_rounds": _median_ratio(results[ASKED], results[PANORAMISK]),
        "median_of_rounds_all_headers": _median_ratio(results[ALL], results[PANORAMISK]),
        "goal": GOAL_ASKED,
        "goal_all_headers": GOAL_ALL,
        "events_per_cpu_second": {
            "ours, headers asked": round(rates[ASKED]),
            "ours, all headers": round(rates[ALL]),
            "panoramisk": round(rates[PANORAMISK]),
            "readuntil, nothing parsed": round(rates[FLOOR]),
        },
        "rounds": len(results[ASKED]),
        "events": results[ASKED][0]["events"],
        "odd_inputs_right": len(odd) - len(wrong),
        "odd_inputs_wrong": wrong,
        "cuts": cuts,
        "cuts_that_change_it": changed,
        "met": asked_ratio >= GOAL_ASKED and all_ratio >= GOAL_ALL and not wrong and not changed,
    }


def main() -> None:
    """Measure, print, and say by the exit status whether the goals are met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=200_000)
    default = os.environ.get("HOTLINE_PERF", str(REPOSITORY.parent / "shared/perf"))
    parser.add_argument("--perf", type=Path, default=Path(default))
    options = parser.parse_args()
    perf = options.perf.resolve()
    if not (perf / "ami_bench.py").is_file():
        sys.exit(
            f"{perf}: expected the load generator (ami_bench.py, ami_clients.py, ami_stream.py, "
            "ami_quirks.py); name its folder with --perf or HOTLINE_PERF."
        )
    sys.path.insert(0, str(perf))
    os.environ["PYTHONPATH"] = str(REPOSITORY)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    report = _report(_rounds(perf, options.rounds, options.events))
    print(json.dumps(report, ensure_ascii=False))
    sys.exit(not report["met"])


if __name__ == "__main__":
    main()
