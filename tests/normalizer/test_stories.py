"""Which seeds are one story, and which remembered story each group of seeds continues."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aggregator.normalizer.stories import Claim, Telling, assign, group

TELLINGS = st.lists(
    st.tuples(st.sets(st.integers(0, 5), min_size=1, max_size=3), st.sampled_from(["", "", "urn:x:1", "urn:x:2"])),
    max_size=7,
).map(lambda said: [Telling(f"{number}.md", tuple(sorted(keys)), own) for number, (keys, own) in enumerate(said)])


def files(groups: list[list[Telling]]) -> list[list[str]]:
    return [[one.file for one in told] for told in groups]


@given(TELLINGS, st.randoms())
def test_groups_depend_on_the_seeds_alone(told, random) -> None:
    """In whatever order the seeds are found, the same ones belong together, and each is in one group."""
    shuffled = list(told)
    random.shuffle(shuffled)

    assert group(shuffled) == group(told)
    assert sorted(one for several in group(told) for one in several) == sorted(told)


@given(TELLINGS)
def test_a_group_has_one_id_and_an_id_one_group(told) -> None:
    """Two seeds that chose different ids are never one story; two that chose the same always are."""
    chosen = [{one.own_id for one in several if one.own_id} for several in group(told)]

    assert all(len(ids) <= 1 for ids in chosen)
    assert sum(map(len, chosen)) == len({one.own_id for one in told if one.own_id})


@given(TELLINGS)
def test_seeds_without_an_id_that_share_a_key_are_one_story(told) -> None:
    """Directly or by way of others."""
    of = {one: number for number, several in enumerate(group(told)) for one in several}
    without = [one for one in told if not one.own_id]

    assert all(of[one] == of[other] for one in without for other in without if {*one.keys} & {*other.keys})


def test_a_third_seed_joins_two() -> None:
    """The copy of one link that is another seed's own joins the three."""
    a, b = Telling("a.md", (1,), ""), Telling("b.md", (2,), "")

    assert files(group([a, b])) == [["a.md"], ["b.md"]]
    assert files(group([a, b, Telling("c.md", (3, 1, 2), "")])) == [["a.md", "b.md", "c.md"]]


def test_a_seed_between_two_ids_goes_to_the_first() -> None:
    """What shares a key with seeds of several ids belongs to one of them, whichever was there first."""
    one, other = Telling("a.md", (1,), "urn:x:2"), Telling("b.md", (1,), "urn:x:1")

    assert files(group([one, other, Telling("c.md", (1,), "")])) == [["a.md"], ["b.md", "c.md"]]


def test_the_strongest_claim_wins() -> None:
    """Each story has one group, each group one story; of equal claims the one that readers see wins."""
    weak, strong = Claim(3, False, False, 7, 0), Claim(1, True, True, 7, 1)
    seen, unseen = Claim(2, False, False, 8, 2), Claim(2, True, False, 8, 1)

    assert assign([weak, strong, seen, unseen]) == {1: 7, 2: 8}
