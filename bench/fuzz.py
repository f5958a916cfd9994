"""Fuzzes what reads Asterisk's files: real lines, bent, cut, glued and mixed with noise.

For each input: nothing raises but what is documented, no byte is lost or invented, what is kept is
JSON in UTF-8 without NUL, and a stretch read in two goes is read as in one.

    python bench/fuzz.py [--inputs 1000000] [--seed 12320] [--only cel_json]

Prints a line for each parser and ends with JSON; the seed finds a failing input again. Exit 1 when
an input broke a promise.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

REPOSITORY: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from ivr.asterisk import spool  # noqa: E402 - the repository must be importable first
from ivr.asterisk.counterpart import parse_cdr, parse_queue_log  # noqa: E402
from ivr.calls import CALL_ID  # noqa: E402
from ivr.errors import PeerBroke  # noqa: E402

DATA: Final = REPOSITORY / "tests/data"
NOISE: Final = (
    *(b"\n", b"\r\n", b"\0", b"\x1b[31m", b"\\", b'"', b'\\"', b"{", b"}", b"[" * 200, b"|", b","),
    *(b"\xff\xfe", "张三".encode(), "张".encode("gbk"), b"\xed\xa0\x80", b"\\ud800", b"\\u0000"),
    *(b"NaN", b"1e999", b"-0", b"9" * 400, b"null", b"n1-7-1795000000.1", b"NONE", b"${SHELL(id)}"),
    *(b'"linkedid":"n1-7-1795000000.2"', b'{"eventtype":"CHAN_START",', b"%0d%0a", b"\xe2\x80\xa8"),
)


def check_cel(data: bytes) -> None:
    """Read a stretch of the journal, whole and in two goes, and every fact that it keeps."""
    reading = spool.read(data, 7, complete=True)
    kept = sum(len(line.text.encode()) for line in reading.lines)
    refused = sum(len(found.content) for found in reading.refused)
    assert kept + refused + data.count(b"\n") == len(data), "a byte is lost or invented"
    middle = len(data) // 2
    first = spool.read(data[:middle], 7)
    rest = spool.read(data[first.position - 7 :], first.position, complete=True)
    assert [*first.lines, *rest.lines] == reading.lines, "cut in two it reads otherwise"
    for line in reading.lines:
        assert CALL_ID.fullmatch(line.call_id), "a call that is none of ours"
        assert "\0" not in line.text
        json.loads(line.text)
        try:
            event = spool.parse(line.text)
        except PeerBroke:
            continue
        assert event is None or event.at_us >= 0


def check_cdr(data: bytes) -> None:
    """Read a line of the CDR file."""
    found = parse_cdr(data)
    if found is not None:
        assert CALL_ID.fullmatch(found.call_id), "a call that is none of ours"
        assert found.began.tzinfo is found.ended.tzinfo is None, "stamps that cannot be compared"


def check_queue_log(data: bytes) -> None:
    """Read a line of queue_log."""
    found = parse_queue_log(data)
    if found is not None:
        assert found.call_id == "" or CALL_ID.fullmatch(found.call_id), "a call of nobody's"
        assert all(part.isprintable() for part in found.data), "what a terminal would act upon"


def samples(*names: str) -> list[bytes]:
    """Return the lines of real files."""
    return [
        line
        for name in names
        for path in sorted(DATA.glob(name))
        for line in path.read_bytes().splitlines()
    ]


TARGETS: Final[dict[str, tuple[Callable[[bytes], None], list[bytes]]]] = {
    "cel_json": (check_cel, samples("cel/*.jsonl")),
    "cdr_json": (check_cdr, samples("counterparts/cdr-custom/cdr.jsonl")),
    "queue_log": (check_queue_log, samples("counterparts/queue_log")),
}


def bent(seeds: list[bytes], chance: random.Random) -> bytes:
    """Return up to three real lines after up to four mishaps."""
    data = bytearray(b"\n".join(chance.choices(seeds, k=chance.choice((1, 1, 1, 2, 3)))))
    for _ in range(chance.randint(0, 4)):
        at, upto = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
        match chance.randrange(6):
            case 0:
                data[at:at] = chance.choice(NOISE)
            case 1:
                del data[at : min(upto, at + 40)]
            case 2 if at < len(data):
                data[at] = chance.randrange(256)
            case 3:
                data[at:at] = data[at : min(upto, at + 200)]
            case 4:
                del data[upto:]
            case _:
                data += b"\n" * chance.randrange(2) + chance.randbytes(chance.randrange(12))
    return bytes(data)


def fuzz(
    check: Callable[[bytes], None], seeds: list[bytes], inputs: int, seed: int
) -> dict[str, Any]:
    """Give a parser so many inputs; the figures, with the first input that broke a promise."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    slowest, broken, first = 0.0, 0, None
    began = time.perf_counter()
    for _ in range(inputs):
        data = bent(seeds, chance)
        since = time.perf_counter()
        try:
            check(data)
        except Exception as error:  # noqa: BLE001 - whatever is raised is what is looked for
            broken += 1
            first = first or f"{type(error).__name__}: {error} at {data!r}"
        slowest = max(slowest, time.perf_counter() - since)
    return {
        "inputs": inputs,
        "broken": broken,
        "slowest_ms": round(slowest * 1000, 2),
        "seconds": round(time.perf_counter() - began, 1),
        "first": first,
    }


def main() -> None:
    """Read the arguments, fuzz, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1_000_000, help="for each parser")
    parser.add_argument("--seed", type=int, default=12320)
    parser.add_argument("--only", choices=sorted(TARGETS))
    arguments = parser.parse_args()
    found = {}
    for name, (check, seeds) in TARGETS.items():
        if arguments.only in (None, name):
            found[name] = fuzz(check, seeds, arguments.inputs, arguments.seed)
            print(f"{name:10} {found[name]}", flush=True)
    print(json.dumps({"bench": "fuzz", "seed": arguments.seed, "parsers": found}))
    sys.exit(any(figures["broken"] for figures in found.values()))


if __name__ == "__main__":
    main()
