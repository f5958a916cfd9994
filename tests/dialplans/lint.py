"""Reads dialplans and says what in them could be turned against the hotline.

The rules stand in `RULES`; each takes a line and yields complaints. A value that somebody
outside can write is good only inside `FILTER()` with a set of harmless characters: whoever
dials must not be able to write an argument, an expression, a channel or a file name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

OUTSIDE = re.compile(
    r"""(EXTEN|INVALID_EXTEN|ARG\d+|DIGITS|ROUTE|ROUTE_QUEUE|ROUTE_PRIORITY|ROUTE_NUMBERS|ROUTE_MANNER|TRANSFER_FOR|TRANSFER_BY|RATING_EXEMPT|RATING_EXEMPT_BY|DIALEDPEERNUMBER|CALLBACK_NUMBER|CALLBACK_OF|CALLBACK_QUEUE|CALLBACK_PLACE
    |CALLBACK_UNTIL|NOT_AFTER)\b
    |(CALLERID|CALLERPRES|CONNECTEDLINE|REDIRECTING|CDR|CHANNEL|PJSIP_HEADER|PJSIP_HEADERS
      |PJSIP_RESPONSE_HEADER|PJSIP_DIAL_CONTACTS|SIP_HEADER|GLOBAL|SHARED|HASH|CURLOPT)\(""",
    re.VERBOSE,
)
"""Names inside `${…}` that hold what a caller, an agent's telephone or another process wrote."""

FORBIDDEN = re.compile(
    r"""\b(System|TrySystem|Exec|ExecIf|TryExec|ExternalIVR|Originate|EAGI|DeadAGI|DumpChan
    |Log|Verbose|DBput|DBdel|Monitor|Record|Macro|ChanSpy|Page|SendText|UserEvent|While|Directory|DISA)\("""
    r"|\b(SHELL|EVAL|EVAL_EXTEN|FILE|CURL|ODBC\w*|REALTIME\w*|ENV|DB|AST_CONFIG|SPRINTF|STAT|JSON_DECODE)\(",
    re.VERBOSE,
)
"""Applications and functions that run programs, read files, or carry bytes to places unseen."""

HARMLESS = re.compile(r"(?:[A-Za-z0-9+._*#]|\\-|-)*")
"""What a FILTER set may consist of; a range is written a-z, a hyphen itself \\-."""

RANGES = re.compile(r"A-Z|a-z|0-9|\\-")

PROVIDED_BY = {
    **dict.fromkeys(
        ["Answer", "Busy", "Congestion", "Goto", "GotoIf", "Hangup", "Set", "Wait"], ""
    ),
    **dict.fromkeys(["Gosub", "Return", "StackPop"], "app_stack"),
    **dict.fromkeys(["MixMonitor", "StopMixMonitor"], "app_mixmonitor"),
    "AGI": "res_agi",
    "CELGenUserEvent": "app_celgenuserevent",
    "Dial": "app_dial",
    "Playback": "app_playback",
    "Queue": "app_queue",
    "Read": "app_read",
    "CALLERID": "func_callerid",
    "CUT": "func_cut",
    "DEVICE_STATE": "func_devstate",
    "Bridge": "",
    "BridgeAdd": "app_bridgeaddchan",
    "IMPORT": "func_logic",
    "CHANNEL_EXISTS": "func_channel",
    **dict.fromkeys(["StartMusicOnHold", "StopMusicOnHold"], "res_musiconhold"),
    **dict.fromkeys(["CHANNEL", "MASTER_CHANNEL"], "func_channel"),
    "DIALPLAN_EXISTS": "func_dialplan",
    **dict.fromkeys(["FILTER", "LEN", "STRFTIME"], "func_strings"),
    **dict.fromkeys(["GLOBAL", "SHARED"], "func_global"),
    **dict.fromkeys(["GROUP", "GROUP_COUNT"], "func_groupcount"),
    "IF": "func_logic",
    "PJSIP_DIAL_CONTACTS": "chan_pjsip",
    "PJSIP_HEADER": "res_pjsip_header_funcs",
    **dict.fromkeys(["QUEUE_EXISTS", "QUEUE_MEMBER", "QUEUE_WAITING_COUNT"], "app_queue"),
}
"""Module of every application and function that the dialplan may use; empty: Asterisk itself."""


@dataclass(frozen=True, slots=True)
class Line:
    """One priority of a dialplan."""

    context: str
    extension: str
    priority: str
    """As written: `1`, `n`, `n(label)`."""
    text: str
    """Application and arguments."""
    number: int
    """Line of the file, from 1."""

    @property
    def application(self) -> str:
        """Name of the application."""
        return self.text.partition("(")[0].strip()


@dataclass(slots=True)
class Dialplan:
    """What a file or several hold."""

    lines: list[Line] = field(default_factory=list)
    includes: list[tuple[str, str]] = field(default_factory=list)
    """Context, and the context it includes."""
    unread: list[tuple[int, str]] = field(default_factory=list)
    """Lines that are none of dialplan, with their numbers."""

    @property
    def contexts(self) -> set[str]:
        """Names of all contexts with at least one line or inclusion."""
        return {line.context for line in self.lines} | {name for name, _ in self.includes}


_SECTION = re.compile(r"^\[([\w-]+)\](?:\(\+\))?$")
_EXTEN = re.compile(r"^exten\s*=>?\s*([^,]+),([^,]+),(.+)$")
_SAME = re.compile(r"^same\s*=>?\s*([^,]+),(.+)$")
_INCLUDE = re.compile(r"^include\s*=>?\s*([\w-]+)$")


def read(text: str, into: Dialplan | None = None) -> Dialplan:
    """Read the text of a dialplan; `;` begins a comment unless a backslash stands before it."""
    plan = into or Dialplan()
    context = extension = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(?<!\\);.*", "", raw).strip()
        if not line:
            continue
        if found := _SECTION.match(line):
            context = found[1]
        elif found := _EXTEN.match(line):
            extension = found[1].strip()
            plan.lines.append(Line(context, extension, found[2].strip(), found[3], number))
        elif found := _SAME.match(line):
            plan.lines.append(Line(context, extension, found[1].strip(), found[2], number))
        elif found := _INCLUDE.match(line):
            plan.includes.append((context, found[1]))
        else:
            plan.unread.append((number, line))
    return plan


def expansions(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give every `${…}` of a text with the texts of those around it, outermost first."""
    around: list[int] = []
    spans: list[tuple[int, int]] = []
    for at, char in enumerate(text):
        if text.startswith("${", at):
            around.append(at + 2)
        elif text.startswith("$[", at) or (char == "{" and not text.startswith("${", at - 1)):
            continue
        elif char == "}" and around:
            spans.append((around.pop(), at))
    for start, end in spans:
        outer = sorted(s for s in spans if s[0] < start and s[1] > end)
        yield text[start:end], tuple(text[s:e] for s, e in outer)


def _is_filtered(inside: str, around: tuple[str, ...]) -> bool:
    """Tell whether the nearest expansion around is a FILTER by a harmless set."""
    if not around or not around[-1].startswith("FILTER("):
        return False
    allowed, _, rest = around[-1].removeprefix("FILTER(").partition(",")
    without_ranges = RANGES.sub("", allowed)
    harmless = bool(HARMLESS.fullmatch(allowed)) and "-" not in without_ranges
    return harmless and f"${{{inside}}}" in rest


def _without_expansions(text: str) -> str:
    inner = re.compile(r"\$\{[^{}]*\}")
    while inner.search(text):
        text = inner.sub("", text)
    return text


def pattern_is_exact(line: Line) -> Iterator[str]:
    """No pattern that takes any length; in the trunk's context no pattern at all."""
    if not line.extension.startswith("_"):
        return
    if "." in line.extension or "!" in line.extension:
        yield f"pattern {line.extension} takes numbers of any length"
    if line.context == "from-trunk":
        yield f"pattern {line.extension} where callers from outside arrive"


def outside_values_are_filtered(line: Line) -> Iterator[str]:
    """Every value that somebody outside can write stands inside a FILTER."""
    for inside, around in expansions(line.text):
        if OUTSIDE.match(inside) and not _is_filtered(inside, around):
            yield f"${{{inside}}} is not filtered"


def nothing_dangerous_is_called(line: Line) -> Iterator[str]:
    """No programs, no files, no network."""
    for found in FORBIDDEN.finditer(line.text):
        yield f"{found.group().rstrip('(')} is not for this dialplan"
    if line.application == "AGI" and not line.text.startswith("AGI(${AGI_URL},"):
        yield "AGI that starts a program or asks a stranger"
    if line.application == "MixMonitor" and _without_expansions(line.text).count(",") > 1:
        yield "MixMonitor with a command that runs afterwards"


def what_is_called_is_loaded(line: Line) -> Iterator[str]:
    """Asterisk hangs up on a caller whose dialplan names what is not loaded."""
    functions = re.findall(r"\b([A-Z][A-Z_]+)\(", line.text)
    for name in [line.application, *functions]:
        if name not in PROVIDED_BY:
            yield f"{name}: no known module provides it"


RULES: tuple[Callable[[Line], Iterator[str]], ...] = (
    pattern_is_exact,
    outside_values_are_filtered,
    nothing_dangerous_is_called,
    what_is_called_is_loaded,
)


def complaints(
    plan: Dialplan, rules: Iterable[Callable[[Line], Iterator[str]]] = RULES
) -> list[str]:
    """Apply every rule to every line."""
    found = [
        f"[{line.context}] {line.number}: {complaint}: {line.text}"
        for line in plan.lines
        for rule in rules
        for complaint in rule(line)
    ]
    return found + [f"{number}: not understood: {text}" for number, text in plan.unread]


_PLACE = re.compile(r"(?:^|[?:]|Gosub\()([a-z][\w-]*),[\w${]+")


def targets(line: Line) -> Iterator[str]:
    """Give the contexts that a line goes to by name."""
    inside = line.text.partition("(")[2]
    if line.application in {"Goto", "Gosub"}:
        yield from _PLACE.findall(inside)[:1]
    elif line.application == "GotoIf":
        yield from _PLACE.findall(inside.partition("?")[1] + inside.partition("?")[2])
    elif line.application == "Queue":
        yield inside.rstrip(")").rpartition(",")[2]
