"""`python -m ivr classify | learn | evaluate`: lines in, lines out; no database.

Without a model folder the seed model is used: trained once from the shipped corpus, then kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import structlog

from ivr.categories.classify import Classifier
from ivr.categories.corpus import seed_corpus
from ivr.categories.evaluation import Evaluation, Judged, evaluate
from ivr.categories.learn import Learnt, fit, learn
from ivr.categories.lexicon import lexicon
from ivr.categories.rows import RowInvalid, labelled, requests
from ivr.categories.taxonomy import edition
from ivr.categories.versions import current, load, put
from ivr.config import REPOSITORY
from ivr.errors import DefinitionInvalid

log = structlog.get_logger()

SEED_MODEL = REPOSITORY / "var/models/seed"
"""Where the model of the shipped corpus is kept once it has been trained."""


def open_classifier(directory: Path | None = None, seed: Path = SEED_MODEL) -> Classifier:
    """Return the classifier of a model folder, or the seed model's, training it if need be.

    Raises:
        DefinitionInvalid: the folder was named and holds no usable model.
    """
    if directory is not None:
        return load(directory, lexicon())
    if (trained := _usable(seed)) is not None:
        return trained
    stored = fit(seed_corpus(), ())
    put(seed, stored)
    log.info("classifier.seed_trained", version=stored.version, directory=str(seed))
    return load(seed, lexicon())


def open_learnt(directory: Path) -> Classifier:
    """Return the classifier learnt from people's labels; the seed model's until there is one.

    The seed model is kept beside that folder: where a release lies, a service may not write.
    """
    return _usable(directory) or open_classifier(seed=directory.with_name(SEED_MODEL.name))


def _usable(directory: Path) -> Classifier | None:
    if current(directory) is None:
        return None
    try:
        return load(directory, lexicon())
    except DefinitionInvalid:
        log.info("classifier.outdated", directory=str(directory))
        return None


def classify_lines(lines: Iterable[str], classifier: Classifier) -> Iterator[str]:
    """Yield one JSON line for each row, in order.

    Raises:
        RowInvalid: naming the line; the lines before it have been answered.
    """
    for request in requests(lines):
        yield json.dumps(classifier.classify(request).as_row(), ensure_ascii=False)


def learn_file(rows: Path, directory: Path) -> Learnt:
    """Learn from a file of confirmed rows (`text`, `code`, optional `source`) into a folder.

    Raises:
        RowInvalid: naming the line; nothing was changed.
        OSError: the file cannot be read or the folder not written.
    """
    with rows.open(encoding="utf-8") as lines:
        confirmed = [example for _, example in labelled(lines, edition())]
    if not confirmed:
        raise RowInvalid(f"{rows}: expected at least one row, came none.")
    learnt = learn(confirmed, directory)
    figures = {
        "version": learnt.version,
        "before": learnt.before,
        "examples": learnt.examples,
        "confirmed": learnt.confirmed,
        "held": learnt.guard.held,
    }
    if learnt.taken:
        log.info("classifier.learnt", **figures)
    else:
        log.warning("classifier.refused", **figures)
    return learnt


def evaluate_file(rows: Path, classifier: Classifier, *, text_alone: bool = False) -> Evaluation:
    """Judge a classifier by a file of rows with codes.

    Args:
        rows: the file.
        classifier: what is judged.
        text_alone: ignore direction, menu path, campaign, service and queue.

    Raises:
        RowInvalid: naming the line, or that there is none.
    """
    with rows.open(encoding="utf-8") as lines:
        judged = []
        for request, example in labelled(lines, edition()):
            asked = type(request)(text=request.text) if text_alone else request
            judged.append(Judged(example.code, classifier.classify(asked)))
    if not judged:
        raise RowInvalid(f"{rows}: expected at least one row, came none.")
    return evaluate(judged, edition())
