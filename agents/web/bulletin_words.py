"""What the desk says when an issue of the bulletin cannot take a step, or a run came to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from agents.statistics.issues import IssueRefused
from agents.web.problems import Refused

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
    "figures_disagree": "统计数字前后不一致，请先重新统计（recount）。{detail}",
    "rendering_impossible": "本机无法出图，请联系系统管理员。{detail}",
    "editorial_invalid": "文字部分有误。{detail}",
    "too_long": "用时过长，已停止；未保留任何内容。",
    "broken": "编制程序异常结束，已记录；未保留任何内容。",
    "lost": "服务器中断，未保留任何内容；可重新开始。",
}


def refused(refusal: IssueRefused) -> Refused:
    """Say a refusal as the API does."""
    if refusal.code == "unknown":
        return Refused(404)
    return Refused(409, refusal.code, said(refusal.code, refusal.named))


def why(state: str, code: str, named: Mapping[str, Any]) -> str:
    """Say why a run came to nothing; empty for one that did not."""
    if state == "lost":
        return WORDS["lost"]
    return said(code, named) if state == "failed" else ""


def said(code: str, named: Mapping[str, Any]) -> str:
    """Say a code with what it names."""
    if code == "nothing_counted" and not named.get("units"):
        code = "no_units"
    words = WORDS.get(code, WORDS["broken"])
    return words.format_map({key: _shown(value) for key, value in named.items()})


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(_SHANGHAI):%m-%d %H:%M}"
    if isinstance(value, list):
        return "、".join(map(str, value))
    return str(value)
