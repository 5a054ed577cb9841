"""Which seed represents a story when, and which keys recognise a story."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aggregator.model.items import FOREVER, Seed
from aggregator.normalizer.identity import Candidate, Share, key_number, keys, shares

moment = st.integers(0, 12)
candidates = st.lists(
    st.builds(
        Candidate,
        file=st.just(0),
        path=st.just(""),
        newest=st.integers(0, 3),
        quality=st.integers(0, 2),
        starts=moment,
        ends=moment,
    ),
    max_size=6,
).map(lambda found: [one._replace(file=number, path=f"{number}.md") for number, one in enumerate(found)])


@given(candidates)
def test_at_any_moment_the_best_visible_seed_represents_the_story(found) -> None:
    """Each moment in any window belongs to exactly one share: that of the best seed whose window holds it."""
    given_shares = shares(found)

    for now in range(-1, 14):
        covering = [share.file for share in given_shares if share.starts <= now < share.ends]
        may = [one for one in found if one.starts <= now < one.ends]
        best = min(may, key=lambda one: (-one.newest, -one.quality, one.path), default=None)
        assert covering == ([best.file] if best else [])


@given(candidates, st.randoms())
def test_the_order_of_candidates_does_not_matter(found, random) -> None:
    """Shares depend only on the candidates, not on their order."""
    shuffled = list(found)
    random.shuffle(shuffled)

    assert {one for one in shares(shuffled) if one.starts < one.ends} == {
        one for one in shares(found) if one.starts < one.ends
    }


def test_an_older_seed_fills_the_gaps() -> None:
    """An older seed represents the story before the embargo of the newer one and after its expiry."""
    newer = Candidate(file=1, path="b.md", newest=20, quality=0, starts=20, ends=30)
    older = Candidate(file=2, path="a.md", newest=10, quality=99, starts=10, ends=FOREVER)

    assert sorted(shares([older, newer]), key=lambda share: share.starts) == [
        Share(2, 10, 20), Share(1, 20, 30), Share(2, 30, FOREVER),
    ]  # fmt: skip


def test_keys() -> None:
    """The keys of a seed are its own id, then its link without scheme, then its copies."""
    seed = Seed(title="A", link="https://example.org/a/", published=0, aliases=("amp.example.org/a",), id="tag:a")

    assert keys(seed) == ("id:tag:a", "example.org/a", "amp.example.org/a")
    assert keys(Seed(title="A", link="http://example.org/a", published=0)) == ("example.org/a",)


@given(st.text(st.characters()))
def test_key_numbers(key) -> None:
    """The number of a key is the same in every process and fits into 64 bits."""
    assert -(2**63) <= key_number(key) == key_number(key) < 2**63
    assert key_number("example.org/a") == 6512574191639841822
