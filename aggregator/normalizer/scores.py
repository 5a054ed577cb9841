"""The score of an item: its quality and the points that the config gives it, term by term. Pure.

All items lose or gain the same points a day, so their order never changes by time alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aggregator.config.settings import Score
from aggregator.model.expression.folding import fold
from aggregator.model.items import Related, Seed
from aggregator.model.scripts import has_words

DAY = 86_400


def terms(seed: Seed, score: Score, beside: Sequence[Related] = ()) -> Iterator[tuple[str, int]]:
    """Yield the terms of a seed's score that do not depend on time: what each is for, and its points.

    `beside` are copies and other texts on its event that are listed with it, which count like its own `related`.
    """
    if seed.quality is not None:
        yield "quality", seed.quality
    if score.source and seed.provider is not None:
        yield "source", score.source
    if score.coverage and (related := len({one.link for one in (*seed.related, *beside)})):
        yield f"coverage ({related} related)", score.coverage * related
    title = fold(seed.title) if score.words else ""
    for word, points in score.words.items():
        if points and fold(word) and has_words(title, fold(word)):
            yield f"{word!r} in the title", points
    if score.has_image and seed.images:
        yield "has_image", score.has_image


def all_terms(seed: Seed, score: Score, now: int, beside: Sequence[Related] = ()) -> list[tuple[str, int]]:
    """Return every term of a seed's score at `now` (seconds since 1970); only whole days of its age count."""
    days = max(0, now - seed.published) // DAY
    fresh = [(f"fresh ({days} {'day' if days == 1 else 'days'})", score.fresh * days)] if score.fresh and days else []
    return [*terms(seed, score, beside), *fresh]


def rank(seed: Seed, score: Score, beside: Sequence[Related] = ()) -> int:
    """Return a number by which seeds are sorted as by their scores at any moment, the best with the highest."""
    return sum(points for _, points in terms(seed, score, beside)) * DAY - score.fresh * seed.published
