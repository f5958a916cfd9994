"""The sentence forms of the bulletins. Each takes counts and returns a phrase with its figures.

Every share names its base through the figure it carries: the services of a month are shares of
the units that reported in full, a category is a share of its own parent, a city is a share of all
requests. Where the printed bulletins slipped, the form gives the right figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from agents.reports.document import Figure, Phrase, counted, listed, say, share, shared
from agents.reports.rounding import Growth, Ratio, points, ten_thousands
from agents.reports.scheme import LEADERS, Ranked, Reading, Scheme
from agents.reports.tally import Period

_TENTHS = 1


def leaders(reading: Reading, code: str) -> Phrase:
    """Name a node's leading children: 前三位分别为a、b和c, or all where there are at most three.

    Children that leave a part of the node unnamed, or of which one only groups others, are never
    all there is.
    """
    base = reading.count(code)
    rows = reading.children(code)
    whole = sum(row.count for row in rows) == base and not any(row.node.grouping for row in rows)
    if len(rows) <= LEADERS and whole:
        return say("分别为", _items(reading.scheme, rows, base))
    best = [r for r in reading.ranking(code) if r.count][:LEADERS]
    if not best:
        return Phrase("各类均为0件次")
    if len(best) == 1:
        return say("主要为", _items(reading.scheme, best, base))
    ordinal = {2: "两", 3: "三"}[len(best)]
    return say(f"前{ordinal}位分别为", _items(reading.scheme, best, base))


def _items(scheme: Scheme, rows: Sequence[Ranked], base: int, last: str = "和") -> Phrase:
    return listed(
        (shared(scheme.narrative_name(r.node.code), r.count, base, scheme.places) for r in rows),
        last,
    )


def opening(territory: str, period: Period, units: int, region: str, total: int) -> Phrase:
    """Say how many units took how many requests, whatever detail they sent."""
    return say(
        f"{period.label}，{territory}{units}个{region}12320卫生热线共",
        counted("受理各类服务请求", total),
        "。",
    )


def exclusion(units: Sequence[tuple[str, str, int]]) -> Phrase:
    """Say who sent only a total (name, reason, total) and is therefore left out of the analysis."""
    names = "、".join(name for name, _, _ in units)
    parts = [
        say(
            f"由于{name}{reason or '未提供分类数据'}，目前仅提供",
            counted("本月总受理量（", n),
            "），",
        )
        for name, reason, n in units
    ]
    return say(*parts, f"故以下分析均未包含{names}数据。")


def absence(names: Sequence[str]) -> Phrase:
    """Say who reported nothing: missing is not zero."""
    return Phrase(f"{'、'.join(names)}本期未报送数据，未计入以上合计。")


def overview(
    scheme: Scheme, units: int, services: Sequence[tuple[str, int]], *, others: bool
) -> Phrase:
    """Say the analysed total and each service type's share of it."""
    total = sum(count for _, count in services)
    lead = f"其余{units}个" if others else f"{units}个"
    return say(
        f"{lead}{scheme.region}12320卫生热线共",
        counted("受理各类服务请求", total),
        "，其中：",
        listed((shared(name, n, total, scheme.places) for name, n in services), last="、"),
        "。",
    )


def class_leaders(reading: Reading, code: str) -> Phrase:
    """Say the leading classes of a service type as 咨询前三位的问题分别为 does."""
    base = reading.count(code)
    best = reading.ranking(code)[:LEADERS]
    name = reading.scheme.narrative_name(code)
    return say(f"{name}前三位的问题分别为", _items(reading.scheme, best, base, last="、"), "。")


def class_detail(reading: Reading, code: str, *, noun: str = "") -> Phrase:
    """Say a class's total and its leaders as 寻医问药咨询共…，前三位分别为… does."""
    total = reading.count(code)
    name = f"{reading.scheme.narrative_name(code)}{noun}"
    return say(counted(f"{name}共", total), "，", leaders(reading, code), "。")


def drill_down(reading: Reading, code: str) -> Phrase:
    """Say the leaders within a node as 就医引导…中前三位分别为… does."""
    total = reading.count(code)
    if total == 0:
        return Phrase("")
    return say(counted(reading.scheme.drill_name(code), total), "中", leaders(reading, code), "。")


def complaint_leaders(reading: Reading, code: str) -> Phrase:
    """Say which class of complaints is the most frequent and which comes next."""
    base = reading.count(code)
    name = reading.scheme.narrative_name(code)
    best = [r for r in reading.ranking(code) if r.count][:2]
    if not best:
        return say(counted(f"本期{name}", base), "。")
    first = shared(
        f"{name}中{_class_of(reading.scheme, best[0])}", best[0].count, base, reading.scheme.places
    )
    if len(best) == 1:
        return say(first, "最多。")
    second = shared(
        reading.scheme.narrative_name(best[1].node.code), best[1].count, base, reading.scheme.places
    )
    return say(first, "最多，", second, "次之。")


def main_class(reading: Reading, code: str) -> Phrase:
    """Say the leading class of 举报 or 建议; nothing when there was none."""
    base = reading.count(code)
    best = reading.ranking(code)
    if not best or best[0].count == 0:
        return Phrase("")
    name = f"{reading.scheme.narrative_name(code)}主要为{_class_of(reading.scheme, best[0])}"
    return say(shared(name, best[0].count, base, reading.scheme.places), "。")


def _class_of(scheme: Scheme, row: Ranked) -> str:
    return f"{scheme.narrative_name(row.node.code)}类"


def mediation(settled: int, complaints: int, places: int) -> Phrase:
    """Say how many complaints the agents settled by explaining and mediating."""
    return say(
        counted("经咨询员解释并协调化解投诉", settled),
        "，占投诉总数的",
        share("化解率", settled, complaints, places),
        "。",
    )


def transfer(settled: int, transferred: int, complaints: int) -> Phrase:
    """Say roughly how complaints were settled, as yearly notes do: 50%以上…，其余全部转办.

    The rest is said to be 全部转办 only when it was.
    """
    percent = Ratio(settled, complaints).percent(0)
    if percent is None:
        return Phrase("")
    tens = int(percent) // 10 * 10
    lead = f"{tens}%以上的投诉由12320解释并协调化解"
    rest = "，其余全部转办至相关部门办理。"
    if settled + transferred != complaints:
        rest = f"，转办至相关部门{transferred}件，其余{complaints - settled - transferred}件在办。"
    figures = (
        Figure("化解", settled, complaints, f"{tens}%以上"),
        Figure("转办", transferred, complaints, Ratio(transferred, complaints).printed()),
    )
    return Phrase(lead + rest, figures)


def growth(label: str, now: int, prior: int, *, against: str, kind: str = "同比") -> Phrase:
    """Say 同比 or 环比; computed from counts, never from rounded text."""
    change = Growth(now, prior)
    figure = Figure(f"{label}{kind}", now - prior, prior, change.change.printed(2))
    return Phrase(f"{label}{kind}{against}{change.words()}。", (figure,))


def multiple(now: int, base: int, *, against: str) -> Phrase:
    """Say 是…的k倍, a ratio and not a growth."""
    printed = Growth(now, base).multiple()
    return Phrase(f"是{against}的{printed}倍。", (Figure(against, now, base, printed),))


def cumulative(until: str, parts: Sequence[tuple[str, int]], total: int) -> Phrase:
    """Say totals since the line was opened, in 万; small ones in 件."""
    said = [Phrase(f"{name}{_large(n)}", (Figure(name, n, None, _large(n)),)) for name, n in parts]
    head = Phrase(f"共计受理公众来电{_large(total)}", (Figure("合计", total, None, _large(total)),))
    return say(f"截至{until}，12320卫生热线", head, "，其中", listed(said, last="、"), "。")


def _large(count: int) -> str:
    return f"{ten_thousands(count)}件" if count >= 10_000 else f"{count}件"  # noqa: PLR2004 - 万


def coverage(opened: int, cities: int, new: Sequence[str], preparing: Sequence[str]) -> Phrase:
    """Say how far the network reaches: opened, newly opened, in preparation."""
    said = f"目前全国已有{opened}个省（区、市）、{cities}个城市开通了12320"
    if new:
        said += f"，年内新开通{len(new)}个：{'、'.join(new)}"
    if preparing:
        said += f"，{'、'.join(preparing)}{len(preparing)}个省（区、市）正在筹备"
    figures = (
        Figure("开通省", opened, None, str(opened)),
        Figure("开通城市", cities, None, str(cities)),
    )
    return Phrase(f"{said}。", figures)


def channel_split(since: str, until: str, inbound: int, outbound: int) -> Phrase:
    """Say a centre's cumulative volume with 接听量 and 外拨量."""
    total = inbound + outbound
    return say(
        f"自{since}至{until}，",
        Phrase(f"人工服务受理量累计{_large(total)}次", (Figure("累计", total, None, str(total)),)),
        Phrase(f"，其中接听量为{_large(inbound)}次", (Figure("接听量", inbound, total, ""),)),
        Phrase(f"，外拨量为{_large(outbound)}次。", (Figure("外拨量", outbound, total, ""),)),
    )


def appointments(booked: int, calls: int, succeeded: int) -> Phrase:
    """Say the share of appointments and the success rate: booked over booking requests."""
    return say(
        "受理来电中预约挂号占",
        share("预约挂号占比", booked, calls, 2),
        "，预约成功率为",
        share("预约成功率", succeeded, booked, _TENTHS),
        "。",
    )


def training(topic: str, before: Ratio, after: Ratio) -> Phrase:
    """Say how a share of trainees changed, in 百分点."""
    first, second = before.percent(_TENTHS), after.percent(_TENTHS)
    if first is None or second is None:
        return Phrase("")
    figures = (
        Figure(f"{topic}培训前", before.numerator, before.denominator, str(first)),
        Figure(f"{topic}培训后", after.numerator, after.denominator, str(second)),
    )
    text = f"{topic}的学员比例，由培训前的{first}%变为{second}%，{points(first, second)}。"
    return Phrase(text, figures)


def cessation(surveyed: int, files: int, quit_smoking: int) -> Phrase:
    """Say how far the smoking-cessation work has come."""
    return say(
        counted("已完成基线调查", surveyed, "人次"),
        counted("、建立干预档案", files, "份"),
        counted("，成功戒烟", quit_smoking, "人"),
        "。",
    )


def cessation_arms(arms: Sequence[tuple[str, Ratio, Ratio]]) -> Phrase:
    """Compare arms (name, completion, quit for one month) and say which did better."""
    said = [
        say(
            f"{name}干预方式戒烟完成率为",
            share(f"{name}完成率", done.numerator, done.denominator, _TENTHS),
            "，一个月戒烟成功率为",
            share(f"{name}成功率", quit_.numerator, quit_.denominator, _TENTHS),
        )
        for name, done, quit_ in arms
    ]
    rated = [(quit_.percent(_TENTHS) or Decimal(0), name) for name, _, quit_ in arms]
    best = max(rated)
    tied = sum(rate == best[0] for rate, _ in rated) > 1
    return say(listed(said, last="；"), "。" if tied else f"；{best[1]}方式较高。")


def smoking_survey(rates: Sequence[tuple[str, Ratio]]) -> Phrase:
    """Say a population survey's rates, two decimals each."""
    said = [
        say(f"{name}为", share(name, rate.numerator, rate.denominator, 2)) for name, rate in rates
    ]
    return say("调查结果显示，", listed(said, last="，"), "。")
