"""The score of a seed, term by term, and the order that follows from it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aggregator.config.settings import Score
from aggregator.model.items import Image, Provider, Related, Seed
from aggregator.normalizer.scores import DAY, all_terms, rank

NOW = 20_000 * DAY
SCORE = Score(source=1, coverage=10, fresh=-1, words={"breaking": 5, "opinion": -10}, has_image=3)


def seed_of(**fields: Any) -> Seed:
    """Return a seed of now."""
    return Seed(**{"title": "A tram", "link": "https://e.example/", "published": NOW, **fields})


def test_each_term_is_named_with_its_points() -> None:
    """Quality, source, coverage, words of the title, image and age; what does not apply is left out."""
    seed = seed_of(
        title="BREAKING: a tram, breakings", quality=80, provider=Provider(name="X"), images=(Image(url="https://e.example/a.png"),),
        related=tuple(Related(title="a", link=f"https://e.example/{number}") for number in range(2)), published=NOW - 3 * DAY - 5,
    )  # fmt: skip
    assert all_terms(seed, SCORE, NOW) == [
        ("quality", 80), ("source", 1), ("coverage (2 related)", 20), ("'breaking' in the title", 5), ("has_image", 3), ("fresh (3 days)", -3),
    ]  # fmt: skip
    assert all_terms(seed_of(), SCORE, NOW) == []
    assert all_terms(seed_of(title="Opinion: breaking"), SCORE, NOW) == [
        ("'breaking' in the title", 5), ("'opinion' in the title", -10)
    ]  # fmt: skip


SEEDS = st.builds(
    lambda days, quality, title: seed_of(published=NOW - days * DAY, quality=quality, title=title),
    st.integers(0, 30), st.none() | st.integers(-50, 50), st.sampled_from(["a", "breaking", "opinion"]),
)  # fmt: skip


@given(SEEDS, SEEDS, st.integers(-3, 3), st.integers(0, 100))
def test_the_order_is_that_of_the_scores_at_any_moment(one: Seed, other: Seed, fresh: int, later: int) -> None:
    """Time alone never changes the order."""
    score = Score(fresh=fresh, words={"breaking": 5, "opinion": -10})

    def at(seed: Seed) -> int:
        return sum(points for _, points in all_terms(seed, score, NOW + later * DAY))

    assert (rank(one, score) > rank(other, score)) == (at(one) > at(other))
