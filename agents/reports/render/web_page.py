"""The bulletin as one HTML file without a script and without anything fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from agents.reports.document import Block, Bulletin, Cell, Chart, Heading, Prose, Table
from agents.reports.render.drawing import draw

_STYLE = """
body{max-width:56rem;margin:2rem auto;padding:0 1rem;font:1.05rem/1.9 "Noto Serif CJK SC",serif}
h1{color:#c00;text-align:center;font-size:2.6rem;letter-spacing:.2em;margin:.5rem 0}
h1+p{text-align:center}.dated{display:flex;justify-content:space-between;
border-bottom:3px solid #c00;padding-bottom:.3rem}
h2,h3,h4,h5,th,caption,nav,figcaption{font-family:"Noto Sans CJK SC",sans-serif}
h2{text-align:center}h2::before{content:"【"}h2::after{content:"】"}h3{text-align:center}
p{text-indent:2em;margin:.4rem 0}.plain,td p{text-indent:0}.source{text-align:right}
table{border-collapse:collapse;margin:1rem auto;font-size:.92rem;line-height:1.5}
caption{font-weight:bold;padding:.3rem}th,td{border:1px solid #333;padding:.15rem .6rem}
td{text-align:center}th{background:#f2f2f2}tr.total td{font-weight:bold}
figure{margin:1.5rem auto;text-align:center}figure svg{max-width:100%;height:auto}
footer{border-top:2px solid #000;margin-top:2rem}footer p{text-indent:0}
.watermark{color:#888;font-size:.8rem}
@media print{table{break-inside:auto}tr,figure{break-inside:avoid}thead{display:table-header-group}}
"""


def to_html(bulletin: Bulletin) -> str:
    """Write a bulletin as HTML; every word is escaped."""
    return "\n".join(_page(bulletin)) + "\n"


def _page(bulletin: Bulletin) -> Iterator[str]:
    head = bulletin.masthead
    title = f"{head.title}{head.issue}"
    yield '<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
    yield f'<header><h1>{escape(head.title)}</h1><p class="plain">{escape(head.issue)}</p>'
    publishers = " ".join(head.publishers)
    yield f'<div class="dated"><span>{escape(publishers)}</span><span>{escape(head.dated)}</span>'
    yield "</div></header>"
    yield from _contents(bulletin)
    yield "<main>"
    for column in bulletin.columns:
        if column.name:
            yield f"<h2>{escape(column.name)}</h2>"
        for article in column.articles:
            if article.title:
                yield f"<h3>{escape(article.title)}</h3>"
            for block in article.blocks:
                yield _block(block, article.title)
            if article.source:
                yield f'<p class="source">（{escape(article.source)}）</p>'
    yield "</main>"
    yield from _imprint(bulletin)
    yield "</body></html>"


def _contents(bulletin: Bulletin) -> Iterator[str]:
    yield f"<nav><h3>{escape(bulletin.contents_title)}</h3>"
    for name, titles in bulletin.contents:
        if name:
            yield f'<p class="plain"><strong>{escape(name)}</strong></p>'
        if titles:
            yield "<ul>" + "".join(f"<li>{escape(title)}</li>" for title in titles) + "</ul>"
    yield "</nav>"


def _block(block: Block, under: str) -> str:
    if isinstance(block, Heading):
        tag = f"h{block.level + 3}"
        return f"<{tag}>{escape(block.text)}</{tag}>"
    if isinstance(block, Prose):
        return f"<p>{escape(block.text)}</p>"
    if isinstance(block, Chart):
        return _figure(block)
    return _table(block, under)


def _figure(chart: Chart) -> str:
    drawn = draw(chart, "svg").decode()
    svg = drawn[drawn.index("<svg") :]
    title = escape(chart.title)
    return f'<figure id="{escape(chart.id)}">{svg}<figcaption>{title}</figcaption></figure>'


def _table(table: Table, under: str) -> str:
    title = "" if table.title == under else table.title
    caption = escape(title + table.unit)
    parts = [f'<table id="{escape(table.id)}">']
    if caption:
        parts.append(f"<caption>{caption}</caption>")
    parts.append("<thead>" + "".join(_row(row, "th") for row in table.head) + "</thead><tbody>")
    *rows, last = table.body or ((),)
    parts += [_row(row, "td") for row in rows]
    parts.append(_row(last, "td", total=bool(last) and last[0].text == "合计") + "</tbody></table>")
    if table.note:
        parts.append(f'<p class="plain">{escape(table.note)}</p>')
    return "".join(parts)


def _row(cells: tuple[Cell, ...], tag: str, *, total: bool = False) -> str:
    inner = "".join(f"<{tag}{_spans(cell)}>{escape(cell.text)}</{tag}>" for cell in cells)
    return f'<tr class="total">{inner}</tr>' if total else f"<tr>{inner}</tr>"


def _spans(cell: Cell) -> str:
    rows = f' rowspan="{cell.rows}"' if cell.rows > 1 else ""
    columns = f' colspan="{cell.columns}"' if cell.columns > 1 else ""
    origin = f' title="{cell.count}/{cell.base}"' if cell.base else ""
    return rows + columns + origin


def _imprint(bulletin: Bulletin) -> Iterator[str]:
    foot = bulletin.imprint
    lines = [f"{label}：{value}" for label, value in foot.contacts]
    if foot.reported_to:
        lines.append(f"本期报送：{foot.reported_to}")
    if foot.sent_to:
        lines.append(f"本期发送：{foot.sent_to}")
    lines += [foot.printed_by, foot.printed_on]
    yield "<footer>" + "".join(f"<p>{escape(line)}</p>" for line in lines)
    if bulletin.watermark:
        yield f'<p class="watermark">{escape(bulletin.watermark)}</p>'
    yield "</footer>"
