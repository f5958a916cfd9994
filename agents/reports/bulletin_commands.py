"""The 工作简报 at the command line: compiled, sent to review and back, published, taken out.

Each command does what the desk does (`agents/web/bulletins.py`), by the same functions. A file is
put into its folder only when the books hold what it says; whoever was cut off between the two
takes the files out of the books again.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from agents import audit
from agents.reports.commands import By, at_one_moment, in_transaction, on_a_connection, parse_months
from agents.reports.editorial import load_editorial
from agents.reports.scheme import scheme, schemes
from agents.statistics import issues
from agents.statistics.compilation import Gathered, compiled, gather
from agents.statistics.issue_drafts import draft_for, keep, with_text
from agents.statistics.issue_runs import send_to_review
from ivr.database import Session

_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")

Out = Annotated[Path, typer.Option(help="Folder for the files.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the people's side's command line."""
    for command in (bulletin, review, return_bulletin, publish, take_out):
        app.command(command.__name__.replace("_", "-"))(command)


def bulletin(  # noqa: PLR0913 - the options of a command line
    *,
    scheme_id: Annotated[str, typer.Option("--scheme", help=f"One of {', '.join(schemes())}.")],
    out: Out,
    month: Annotated[str, typer.Option(help="2016-10")] = "",
    months: Annotated[str, typer.Option(help="2014-11..2014-12")] = "",
    editorial: Annotated[
        Path | None, typer.Option(help="TOML: head, columns, foot; the kept text without it.")
    ] = None,
    over: Annotated[
        int | None, typer.Option(help="Version of the kept text that the file is to replace.")
    ] = None,
    outbound: Annotated[
        bool | None, typer.Option(help="Count outbound work as a service; else as it was kept.")
    ] = None,
    formats: Annotated[str, typer.Option(help="Of json,html,xlsx,docx,pdf; all if empty.")] = "",
    is_kept: Annotated[
        bool, typer.Option("--keep", help="Keep it as the draft of its months.")
    ] = False,
    by: By = "",
) -> None:
    """Compile a bulletin from the counts and write it in every format.

    Stopped before its end, it leaves nothing behind: no file, and no draft.
    """
    from agents.reports.files import chosen, put_aside, render_files

    period, shown = parse_months(months or month), scheme(scheme_id)
    wanted = chosen(tuple(filter(None, formats.split(","))))
    if is_kept and not by:
        raise typer.BadParameter("expected --by beside --keep")
    text = load_editorial(editorial) if editorial else None
    today = datetime.now(_SHANGHAI).date()

    async def begun(session: Session) -> tuple[issues.Draft, Gathered]:
        kept = await draft_for(session, shown, period, today, to_keep=is_kept)
        draft = kept if text is None else with_text(kept, text, over if is_kept else kept.version)
        return draft, await gather(session, shown, period)

    typer.echo(f"counts of {period.label}", err=True)
    draft, gathered = on_a_connection(begun)
    if outbound is not None:
        draft = draft.counting(outbound=outbound)
    made = compiled(gathered, shown, draft)
    # Outside of the loop, where an interrupt comes at once and not after the last page. A draft has
    # every format, whatever is wanted here.
    files = render_files(made, () if is_kept else wanted, _show_progress)
    with put_aside({name: files[name] for name in wanted}, out) as paths:
        if is_kept:
            number = in_transaction(lambda s: keep(s, made, draft, by=by, files=files))
            typer.echo(f"draft {number}")
    _tell(paths)


def _show_progress(form: str, position: int, forms: int) -> None:
    typer.echo(f"{form}, {position} of {forms}", err=True)


def _tell(paths: list[Path]) -> None:
    for path in paths:
        typer.echo(str(path))


def review(number: int, *, by: By) -> None:
    """Send a kept draft to review."""
    in_transaction(lambda s: send_to_review(s, number, by=by))
    typer.echo(f"issue {number} is in review")


def return_bulletin(
    number: int, *, by: By, reason: Annotated[str, typer.Option(help="Told to its writers.")]
) -> None:
    """Send a reviewed issue back to its writers; it is a draft again."""
    in_transaction(lambda s: issues.send_back(s, number, by=by, reason=reason))
    typer.echo(f"issue {number} is a draft")


def publish(number: int, *, by: By, out: Out) -> None:
    """Publish a reviewed issue: from now on it never changes.

    Stopped while its files are made, it is still in review.
    """
    from agents.reports.files import put_aside, render_files

    reviewed = in_transaction(lambda s: issues.may_publish(s, number, by=by))
    files = render_files(issues.final(reviewed), told=_show_progress)
    with put_aside(files, out) as paths:
        in_transaction(lambda s: issues.publish(s, number, reviewed, files, by=by))
    _tell(paths)


def take_out(number: int, *, by: By, out: Out) -> None:
    """Write an issue's files as they are kept; of one from before files were kept, make them."""
    from agents.reports.files import put_files, render_files

    async def kept(session: Session) -> tuple[dict[str, bytes], str]:
        return await issues.kept_files(session, number), await issues.state_of(session, number)

    files, state = at_one_moment(kept)
    if not files:
        document = at_one_moment(lambda s: issues.kept_issue(s, number))
        files = render_files(document, told=_show_progress)
    forms = " ".join(files)
    in_transaction(
        lambda s: audit.note(
            s, by, "bulletin.taken_out", f"bulletin:{number}", form=forms, state=state
        )
    )
    _tell(put_files(files, out))
