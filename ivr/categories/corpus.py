"""The seed corpus: what the classifier knows before a centre has confirmed anything.

Three parts, all ours: call notes written for this project (`written.jsonl`), telegraphic notes
for every category (`*.txt`, one code and its texts a line), and sentences that the lexicon's
terms are put into (`templates.toml`). The same on every machine: what is chosen is chosen by a
hash, never by chance. Apart from them stand the notes of dangers that nobody names
(`dangers.txt`).
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from ivr.categories.lexicon import Lexicon, lexicon
from ivr.categories.redflags import watch
from ivr.categories.taxonomy import Taxonomy, edition
from ivr.errors import DefinitionInvalid

TEMPLATE: Final = "template"
"""Source of sentences made from terms; they count for less, see `training`."""
SEED: Final = "seed"


@dataclass(frozen=True, slots=True, order=True)
class Example:
    """A text and the category that people file it under."""

    text: str
    code: str
    source: str
    """Who wrote it: a corpus part, a desk, an export. Grouped cross-validation leaves one out."""


def parse_notes(document: str, taxonomy: Taxonomy, name: str) -> Iterator[Example]:
    """Read `CODE text|text|…` lines.

    Raises:
        DefinitionInvalid: naming the file, the line and the code.
    """
    for number, line in enumerate(document.splitlines(), 1):
        code, _, texts = line.partition(" ")
        if code not in taxonomy:
            raise DefinitionInvalid(f"{name}:{number}: {taxonomy.id} has no code {code!r}.")
        yield from (Example(text, code, SEED) for text in texts.split("|"))


def expand_templates(document: str, terms: Lexicon, taxonomy: Taxonomy) -> Iterator[Example]:
    """Put the terms of each template's lists into its sentences.

    Raises:
        DefinitionInvalid: a list is unknown, or a sentence has no node to be filed under.
    """
    for number, template in enumerate(tomllib.loads(document)["template"]):
        for name in template["lists"]:
            entry = terms.named(name)
            node = template.get("node", entry.node)
            if node is None or node not in taxonomy:
                raise DefinitionInvalid(f"Template {number}, list {name}: no node {node!r}.")
            for term in entry.terms:
                for sentence in _chosen(template, f"{number}|{name}|{term}"):
                    yield Example(sentence.replace("{}", term), node, TEMPLATE)


def parse_dangers(document: str, flags: Collection[str]) -> Iterator[str]:
    """Read `FLAG text|text|…` lines: calls that a person must see, in words that hide it.

    Raises:
        DefinitionInvalid: naming the line and the red flag that there is none of.
    """
    for number, line in enumerate(document.splitlines(), 1):
        flag, _, texts = line.partition(" ")
        if flag not in flags:
            raise DefinitionInvalid(f"dangers.txt:{number}: no red flag {flag!r}.")
        yield from texts.split("|")


def _chosen(template: dict[str, Any], key: str) -> list[str]:
    """Return `each` of the sentences; a fraction is the share of terms that get one."""
    each = template["each"]
    drawn = 1 if _hash(key) % 1000 < each * 1000 else 0
    count = drawn if each < 1 else int(each)
    return sorted(template["texts"], key=lambda text: _hash(f"{key}|{text}"))[:count]


def _hash(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")


@cache
def dangers() -> tuple[str, ...]:
    """Return our notes of dangers that are not named: what the alarm learns from, see `training`.

    They carry no category: what somebody means who gives the cat away is for a person to say.
    """
    document = resources.files("ivr.categories").joinpath("dangers.txt").read_text("utf-8")
    return tuple(sorted(parse_dangers(document, {flag.name for flag in watch().flags})))


@cache
def seed_corpus() -> tuple[Example, ...]:
    """Return the shipped corpus, sorted, without repeats."""
    folder = resources.files("ivr.categories") / "corpus"
    taxonomy = edition()
    examples: set[Example] = set()
    for item in folder.iterdir():
        if item.name.endswith(".txt"):
            document = item.read_text(encoding="utf-8")
            examples.update(parse_notes(document, taxonomy, item.name))
    for line in (folder / "written.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        examples.add(Example(row["text"], row["code"], row["source"]))
    document = (folder / "templates.toml").read_text(encoding="utf-8")
    examples.update(expand_templates(document, lexicon(), taxonomy))
    return tuple(sorted(examples))
