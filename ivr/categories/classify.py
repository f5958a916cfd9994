"""Three voices, one verdict: rules, memory and the linear model, for one request.

Pure: the same request, model and memory give the same verdict. What is settled is the deepest
level that the verdict is sure of; everything else goes to the agent's top three and the review
list. Red flags and the categories that may never settle by themselves are reviewed whatever the
confidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from ivr.categories.features import Touched
from ivr.categories.memory import Memory, Recall
from ivr.categories.model import LEVELS, SHARPNESS, Belief, Model, Row, at_level
from ivr.categories.redflags import NEVER_AUTOMATIC, raised
from ivr.categories.rules import CERTAIN, Evidence, Request, evidence
from ivr.categories.taxonomy import Taxonomy
from ivr.categories.text import normalise

SURE: Final = 0.90
"""Calibrated confidence from which a level is settled without a person."""
SUSPICION: Final = 0.10
"""Probability of all that may never settle by itself, from which nothing is settled."""
CANDIDATES: Final = 3
_RULED_OUT: Final = -60.0
_EXACT_ODDS: Final = 8.0
_NEAR_ODDS: Final = 4.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the codes offered to the agent."""

    code: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the classifier says about a request."""

    code: str
    """Settled: the deepest level it is sure of; empty when nothing is."""
    guess: str
    """The deepest best guess."""
    path: tuple[str, ...]
    """Displayed path of the guess."""
    confidence: tuple[float, ...]
    """Of the guess: service type, levels 1 to 3; calibrated, never rising with depth. A guess
    that ends higher repeats its own for the levels below."""
    top: tuple[Candidate, ...]
    reason: str
    """Chinese, for the agent: the rule, the confirmed note or the words that led here."""
    review: bool
    flags: tuple[str, ...]
    """Names of the red flags that the text shows."""
    model: str
    taxonomy: str
    alarming: tuple[str, ...] | None = None
    """Not None: the text sounds like a danger that it does not name, most of all by these words."""

    def as_row(self) -> dict[str, Any]:
        """Return the JSON form of `python -m ivr classify`."""
        return {
            "code": self.code,
            "guess": self.guess,
            "path": list(self.path),
            "confidence": [round(value, 4) for value in self.confidence],
            "top": [{"code": c.code, "confidence": round(c.confidence, 4)} for c in self.top],
            "reason": self.reason,
            "review": self.review,
        }


@dataclass(frozen=True)
class Classifier:
    """A model, what it remembers and the tree that it files into."""

    model: Model
    memory: Memory
    taxonomy: Taxonomy
    version: str
    """Id of the model: a digest of its weights and memory."""
    _traffic: Row = field(init=False, repr=False, compare=False)
    _inbound: Row = field(init=False, repr=False, compare=False)
    _never: tuple[tuple[int, int], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Weigh the categories by the bulletin's month, for requests without a text."""
        counts = [_printed(self.taxonomy, code) for code in self.model.codes]
        object.__setattr__(self, "_traffic", np.log(np.array(counts, np.float32)))
        low, high = self.model.span("O")
        inbound = np.zeros(len(counts), np.float32)
        inbound[low:high] = _RULED_OUT
        object.__setattr__(self, "_inbound", inbound)
        object.__setattr__(self, "_never", tuple(map(self.model.span, NEVER_AUTOMATIC)))

    def classify(self, request: Request) -> Verdict:
        """Return the verdict on a request."""
        text = normalise(request.text)
        known = evidence(request, self.taxonomy)
        touched = self.model.features.touched(text)
        recall = self.memory.recall(text) if text else None
        read = len(touched.columns) > 0
        rows = self.model.rows(touched)
        scores = self.model.summed(touched, rows) if read else self._traffic.copy()
        if request.direction == "in" and not any(e.node.startswith("O") for e in known):
            scores += self._inbound
        for item in known:
            self._weigh(scores, item)
        if recall is not None:
            self._weigh(scores, Evidence(recall.code, _recall_odds(recall), "记录"))
        belief = Belief(scores, SHARPNESS if read else 1.0)
        at = int(scores.argmax())
        confidence = self.model.levels(at, belief, len(text))
        flags = raised(text) if text else ()
        guess = self.model.codes[at]
        alarmed = read and self._alarmed(touched, recall)
        barred = alarmed or self._suspicious(belief) or any(flag.forbids_settling for flag in flags)
        code = "" if barred else _settled(guess, confidence)
        fears = self.model.alarming(touched) if alarmed else None
        return Verdict(
            code=code,
            guess=guess,
            path=self.taxonomy.path(guess),
            confidence=confidence,
            top=self._top(at, confidence[-1], belief, len(text)),
            reason="；".join(
                [
                    *(f"红旗：{flag.title}" for flag in flags),
                    *(_feared(fears) if fears is not None and not flags else ()),
                    *(f"{item.said_by}：{self.taxonomy.node(item.node).name}" for item in known),
                    *_cited(recall, guess),
                    *_words(self.model.reasons(touched, rows, at)),
                ]
            )
            or "无依据，按平时来电量猜测",
            review=barred or len(code) <= 1 < len(guess),
            flags=tuple(flag.name for flag in flags),
            model=self.version,
            taxonomy=self.taxonomy.id,
            alarming=fears,
        )

    def _suspicious(self, belief: Belief) -> bool:
        """Whether what may never settle by itself is at all likely, guessed or not."""
        return sum(map(belief.within, self._never)) >= SUSPICION

    def _alarmed(self, touched: Touched, recall: Recall | None) -> bool:
        """Whether a text sounds like a danger that it does not name.

        Not where a person has filed this very note: that person has seen it.
        """
        seen = recall is not None and recall.likeness == 1.0
        return not seen and self.model.danger(touched) > 0

    def _weigh(self, scores: Row, item: Evidence) -> None:
        low, high = self.model.span(item.node)
        if low == high:
            return
        if item.odds != CERTAIN:
            scores[low:high] += item.odds
        elif scores[low:high].max() > _RULED_OUT / 2:
            # Of two certainties that exclude each other the first one stands.
            scores[:low] += _RULED_OUT
            scores[high:] += _RULED_OUT

    def _top(
        self, at: int, confidence: float, belief: Belief, length: int
    ) -> tuple[Candidate, ...]:
        """Return the guess and the best of the two likeliest other matters.

        Never a sibling of the guess: those stand beside it in the tree that an agent opens, and
        a wrong level 1 is what three siblings cannot mend.
        """
        model = self.model
        others = [c for c in model.matters(belief, CANDIDATES) if c != at][: CANDIDATES - 1]
        left = max(0.0, 1.0 - confidence)
        rest = [
            Candidate(model.codes[c], min(model.deepest(c, belief, length), left)) for c in others
        ]
        rest.sort(key=lambda candidate: -candidate.confidence)
        return (Candidate(model.codes[at], confidence), *rest)


def _settled(guess: str, confidence: tuple[float, ...]) -> str:
    """Return the deepest part of the guess that is sure; level 4 is as sure as level 3."""
    for level in range(LEVELS - 1, -1, -1):
        if confidence[level] >= SURE:
            return guess if level == LEVELS - 1 else at_level(guess, level)
    return ""


def _cited(recall: Recall | None, guess: str) -> list[str]:
    return [f"已确认的记录“{recall.note}”"] if recall is not None and recall.code == guess else []


def _feared(words: tuple[str, ...]) -> list[str]:
    return ["疑似险情，请人工核对" + ("：" + "、".join(words) if words else "")]


def _words(words: tuple[str, ...]) -> list[str]:
    return ["词：" + "、".join(words)] if words else []


def _recall_odds(recall: Recall) -> float:
    if recall.likeness == 1.0:
        return _EXACT_ODDS * recall.agreement
    return _NEAR_ODDS * recall.agreement * recall.likeness


def _printed(taxonomy: Taxonomy, code: str) -> float:
    """Return what the month's bulletin filed under a code itself, without its children."""
    if code not in taxonomy:
        return 0.5
    node = taxonomy.node(code)
    own = node.printed_count or node.estimated_count or 0
    below = sum(c.printed_count or c.estimated_count or 0 for c in taxonomy.children(code))
    return float(max(own - below, 0)) + 0.5
