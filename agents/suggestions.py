"""The classifier at the desk: what a note is about, while the agent types it.

The model runs in one thread of its own, a verdict takes a fifth of a millisecond; what it cannot
begin in time is refused rather than shown late. Until the model is loaded nothing is suggested,
and the form works without.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import structlog

from ivr.categories.classify import Classifier, Verdict
from ivr.categories.commands import open_classifier
from ivr.categories.redflags import watch
from ivr.categories.rules import Request
from ivr.categories.text import normalise
from ivr.errors import DefinitionInvalid

DEADLINE_SECONDS: Final = 0.5
MOST_WAITING: Final = 32
"""Questions that may wait for the thread; two hundred agents ask a few times a second."""

ADVICE: Final[Mapping[str, str]] = {
    "self_harm": (
        "不要挂断，不要让来电者独处。评估风险等级；"
        "高或极高风险时请班长介入，由另一位同事拨打 110 或 120。"
    ),
    "poisoning": "请来电者立即拨打 120；三人以上或疑似集体中毒时勾选“疑似突发公共卫生事件”。",
    "emergency": "疑似突发公共卫生事件：勾选标记，班长将立即收到通知。",
    "report": "举报内容保密：单位、姓名和电话不写入备注；可接受匿名。",
    "medical_accident": "涉及医疗纠纷：不作责任判断，告知投诉和鉴定途径。",
    "urgent": "请来电者立即拨打 120 或就近就医。电话中不作诊断，不指导用药剂量。",
}
"""What an agent is told when a flag is raised, by its name in `ivr/categories/redflags.toml`."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Flag:
    """A red flag that a note shows."""

    name: str
    title: str
    advice: str


def flags_in(text: str) -> tuple[Flag, ...]:
    """Return the red flags of a note; they do not need the model."""
    return tuple(
        Flag(flag.name, flag.title, ADVICE.get(flag.name, ""))
        for flag in watch().raised(normalise(text))
    )


class Suggestions:
    """A classifier behind a bounded queue.

    Attributes:
        ready: whether the model is loaded.
    """

    def __init__(self, load: Callable[[], Classifier] = open_classifier) -> None:
        self._load = load
        self._classifier: Classifier | None = None
        self._thread = ThreadPoolExecutor(1, "classifier")
        self._waiting = 0

    @property
    def ready(self) -> bool:
        """Whether the model is loaded."""
        return self._classifier is not None

    async def prepare(self) -> None:
        """Load the model, and have it learnt first where there is none yet."""
        loop = asyncio.get_running_loop()
        try:
            self._classifier = await loop.run_in_executor(self._thread, self._load)
        except (OSError, DefinitionInvalid) as error:
            _log.error("suggestions.unavailable", reason=str(error))
            return
        _log.info("suggestions.ready", model=self._classifier.version)

    async def verdict(self, request: Request) -> Verdict | None:
        """Say what a request is about; None while there is no model, or no time.

        Args:
            request: the note, and whatever else is known.
        """
        classifier = self._classifier
        if classifier is None or self._waiting >= MOST_WAITING:
            return None
        self._waiting += 1
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                return await loop.run_in_executor(self._thread, classifier.classify, request)
        except TimeoutError:
            return None
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let the thread end; what it has not begun is dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)
