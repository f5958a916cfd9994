"""What the desk says when an issue of the bulletin cannot take a step, or a run came to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from agents.reports.proofreading import MOST
from agents.statistics.issues import IssueRefused
from agents.web.problems import Fault, Refused

_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")

WORDS: Final[Mapping[str, str]] = {
    "wrong_state": "简报当前的状态不允许此操作，请刷新。",
    "not_compiled": "文字已修改，请先重新编制。",
    "same_person": "送审人不能自己发布，须由另一人发布。",
    "in_review": "这些月份的简报正在审核，请先退回。",
    "under_way": "这些月份的简报正在编制，请等待或取消。",
    "changed_meanwhile": "编制期间简报已被他人送审或另行编制，未保留任何内容。",
    "written_by_another": "{by} 已于 {at} 保存第 {version} 版文字；您的修改未保存，请对照后再改。",
    "nothing_counted": "{months} 没有已统计的数据；未上报单位：{units}。",
    "no_units": "{months} 没有登记上报单位，请先登记。",
    "figures_disagree": "{months} 的统计数字前后不一致，请系统管理员重新统计（recount）后再编制。",
    "rendering_impossible": "本机无法出图，请联系系统管理员。",
    "editorial_invalid": "文字部分有误，请打开草稿检查并保存，再重新编制。",
    "misprinted": "文字不能印出：{misprints}。",
    "no_version": "没有此版本的文字，请刷新。",
    "text_kept": "此期已有文字，未被覆盖。",
    "has_files": "此期已有文件，请刷新。",
    "store_away": "数据库没有及时应答，未保留任何内容；请稍后重新开始。",
    "too_long": "用时过长，已停止；未保留任何内容。",
    "broken": "编制程序异常结束，已记录；未保留任何内容。",
    "lost": "服务器中断，未保留任何内容；可重新开始。",
}

_PLACES: Final[Mapping[str, str]] = {
    "title": "标题",
    "issue": "期号",
    "total_issue": "总期号",
    "copies": "份数",
    "dated": "日期",
    "publishers": "编发单位",
    "reported_to": "本期报送",
    "sent_to": "本期发送",
    "contact": "联系方式",
    "label": "名称",
    "value": "内容",
    "name": "名称",
    "text": "正文",
    "topic": "主题",
    "source": "供稿单位",
}
_COUNTED: Final[Mapping[str, str]] = {
    "column": "第 {} 栏",
    "article": "第 {} 篇",
    "statement": "第 {} 句",
    "publishers": "编发单位第 {} 行",
    "contact": "联系方式第 {} 行",
}
MOST_SAID: Final = 3
MOST_FAULTS: Final = 20


def refused(refusal: IssueRefused) -> Refused:
    """Say a refusal as the API does."""
    if refusal.code == "unknown":
        return Refused(404)
    words = said(refusal.code, refusal.named)
    if refusal.code == "no_version":
        return Refused(422, "invalid", words, faults=[Fault(field="version", message=words)])
    if refusal.code == "misprinted":
        faults = [
            Fault(field=f"editorial.{one['path']}", message=misprint(**one))
            for one in refusal.named["misprints"]
        ]
        return Refused(422, "invalid", words, faults=faults[:MOST_FAULTS])
    return Refused(409, refusal.code, words)


def misprint(path: str, at: int, what: str) -> str:
    """Say one thing that cannot be printed, and where it stands."""
    if at == 0:
        return f"{_place_of(path)} {what} 过大，应不超过 {MOST}"
    return f"{_place_of(path)}第 {at} 字是控制字符 {what}，请删除"


def _place_of(path: str) -> str:
    """Name a place of the written part, such as `column.0.article.1.text`."""
    places: list[str] = []
    for part in path.split("."):
        if part.isdigit():
            places[-1] = _COUNTED.get(places[-1], f"{places[-1]}第 {{}} 项").format(int(part) + 1)
        else:
            places.append(part)
    return "".join(_PLACES.get(place, place) for place in places)


def why(state: str, code: str, named: Mapping[str, Any]) -> str:
    """Say why a run came to nothing; empty for one that did not."""
    if state == "lost":
        return WORDS["lost"]
    return said(code, named) if state == "failed" else ""


def said(code: str, named: Mapping[str, Any]) -> str:
    """Say a code with what it names."""
    if code == "nothing_counted" and not named.get("units"):
        code = "no_units"
    if code == "misprinted":
        told = "；".join(misprint(**one) for one in named["misprints"][:MOST_SAID])
        named = {"misprints": f"{told} 等" if len(named["misprints"]) > MOST_SAID else told}
    words = WORDS.get(code, WORDS["broken"])
    return words.format_map({key: _shown(value) for key, value in named.items()})


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(_SHANGHAI):%m-%d %H:%M}"
    if isinstance(value, list):
        return "、".join(map(str, value))
    return str(value)
