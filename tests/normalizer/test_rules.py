"""The rules in their order, and what they decide."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config.settings import Config, Match, Query, Rules, Topic, TopicSettings, Where
from aggregator.model.feeds import Site
from aggregator.model.items import FOREVER, Provider, Related, Seed
from aggregator.normalizer import rules
from aggregator.normalizer.rules import Policy, Verdict, decide, effective_seed, policy_of, slug_for, unmet_condition

DAY = 86_400
PUBLISHED = 1_000 * DAY


def seed_of(**fields: Any) -> Seed:
    """Return a seed that passes all rules, except for `fields`."""
    known: dict[str, Any] = {
        "title": "Tides run a mill", "link": "https://news.example.org/tides", "published": PUBLISHED, "quality": 80, "heat": 50,
        "type": "article", "topics": ("Oceans",), "provider": Provider(name="Example News", domain="news.example.org"),
    }  # fmt: skip
    return Seed(**{**known, **fields})


def policy(
    *,
    topics: tuple[Topic, ...] = (),
    queries: tuple[Query, ...] = (),
    related: Any = "list",
    from_keywords: bool = False,
    **fields: Any,
) -> Policy:
    """Return a policy of rules and the other parts of a config that decide."""
    return policy_of(
        Config(
            path="", site=Site(title="Test", url="https://feeds.example.org/"), seeds=(), feeds="", state="", rules=Rules(**fields),
            topics=topics, feeds_by_query=queries, related=related, topic_settings=TopicSettings(from_keywords=from_keywords),
        )
    )  # fmt: skip


def other(**fields: Any) -> Related:
    """Return a related item."""
    return Related(**{"title": "Tides, told elsewhere", "link": "https://other.example/tides", "quality": 70, **fields})


STRICT: dict[str, Any] = {
    "min_quality": 70, "require_quality": True, "min_heat": 10, "max_age": 30 * DAY,
    "allow": Match(providers=("example.org",), types=("article",), titles=("(?i)tide",)),
    "block": Match(providers=("spam.example.org",), types=("advert",), titles=("(?i)sponsored",)),
}  # fmt: skip

# From the first rule to the last: the fields with which a seed fails the rule, the rule, and the detail.
IN_ORDER: list[tuple[dict[str, Any], str, str]] = [
    ({"is_published": False}, "state", "published: false"),
    ({"quality": 69}, "quality", "quality 69 is below min_quality 70"),
    ({"heat": 9}, "heat", "heat 9 is below min_heat 10"),
    ({"provider": Provider(domain="x.spam.example.org")}, "provider", "its provider is blocked by 'spam.example.org'"),
    ({"type": "Advert"}, "type", "type 'Advert' is blocked"),
    ({"title": "Sponsored tide"}, "title", "its title matches '(?i)sponsored'"),
    ({"expires": PUBLISHED}, "window", "it expires before it appears"),
]


@pytest.mark.parametrize("number", range(len(IN_ORDER)))
def test_the_first_rule_that_fails_is_the_reason(number) -> None:
    """A seed that fails a rule and all later rules is held back by the first, with its detail."""
    wrong: dict[str, Any] = {}
    for fields, _, _ in IN_ORDER[number:]:
        wrong |= fields
    _, rule, detail = IN_ORDER[number]

    assert decide(seed_of(**wrong), policy(**STRICT)) == Verdict(rule=rule, detail=detail)


@pytest.mark.parametrize(
    ("fields", "rule", "detail"),
    [
        ({"removed": True}, "state", "removed: true"),
        ({"deleted": True, "removed": True, "is_published": False}, "state", "deleted: true"),
        ({"quality": None}, "quality", "no quality, and require_quality is on"),
        ({"provider": Provider(domain="post.example")}, "provider", "its provider is not among those allowed"),
        ({"provider": None, "link": "https://post.example/a"}, "provider", "its provider is not among those allowed"),
        ({"type": "video"}, "type", "type 'video' is not among those allowed"),
        ({"title": "Wind runs a mill"}, "title", "its title matches none of the allowed patterns"),
        ({"expires": PUBLISHED - 1}, "window", "it expires before it appears"),
    ],
)
def test_held_back(fields, rule, detail) -> None:
    """Every other way to fail a rule has its detail too."""
    assert decide(seed_of(**fields), policy(**STRICT)) == Verdict(rule=rule, detail=detail)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"quality": 70},
        {"heat": None},
        {"heat": 10},
        {"provider": None},
        {"type": "ARTICLE"},
        {"expires": PUBLISHED + 1},
    ],
)
def test_what_passes(fields) -> None:
    """A seed that only just meets a rule passes."""
    assert decide(seed_of(**fields), policy(**STRICT)).rule == ""


def test_without_rules_everything_passes() -> None:
    """Without rules, a seed without score, type, topic or provider is shown from its date on, for ever."""
    verdict = decide(Seed(title="A", link="https://example.org/", published=5), policy())

    assert verdict == Verdict(
        starts=5, ends=FOREVER, feeds=(("all", FOREVER),), published=5, link="https://example.org/"
    )


@pytest.mark.parametrize(
    ("expires", "max_age", "ends"),
    [
        (None, None, FOREVER),
        (None, DAY, PUBLISHED + DAY),
        (PUBLISHED + 5, DAY, PUBLISHED + 5),
        (PUBLISHED + 2 * DAY, DAY, PUBLISHED + DAY),
    ],
)
def test_the_window(expires, max_age, ends) -> None:
    """A seed appears at its date, and goes when it expires or is too old, whichever comes first."""
    verdict = decide(seed_of(expires=expires), policy(max_age=max_age))

    assert (verdict.starts, verdict.ends) == (PUBLISHED, ends)


def test_a_pattern_that_would_hang_times_out() -> None:
    """A title that takes too long to compare is held back, whether the pattern blocks or allows."""
    title = "a" * 290 + "!"
    began = time.thread_time()

    blocked = decide(seed_of(title=title), policy(block=Match(titles=(r"(a|a|b?a)+$",))))
    not_allowed = decide(seed_of(title=title), policy(allow=Match(titles=(r"(a|a|b?a)+$",))))
    usual = decide(seed_of(title=title), policy(block=Match(titles=(r"(a+)+$",))))

    assert time.thread_time() - began < 3
    assert blocked == Verdict(rule="title", detail=r"its title takes too long to compare with '(a|a|b?a)+$'")
    assert not_allowed.rule == "title"
    assert usual.rule in {"", "title"}


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("news.example.org", True), ("example.org", True), ("EXAMPLE.ORG", True), ("www.example.org", True), ("org", True),
        ("Example News", True), (" example  news ", True), ("ample.org", False), ("news.example", False), ("sub.news.example.org", False),
        ("Example", False),
    ],
)  # fmt: skip
def test_providers(pattern, matches) -> None:
    """A provider matches its host, a host above that, or its name, in any case, but no part of a word."""
    assert bool(rules.matches_provider((pattern,), seed_of())) is matches


def test_a_provider_without_a_domain_has_that_of_the_link() -> None:
    """Without the provider's domain, the link's host counts."""
    bare = seed_of(provider=Provider(name="Else"), link="https://www.post.example/a")

    assert rules.matches_provider(("x.example", "post.example"), bare) == "post.example"
    assert rules.matches_provider(("else",), bare) == "else"


# -- stand-ins


def test_the_best_that_passes_stands_in() -> None:
    """With `promote`, the related item with the best score that passes replaces the seed, not before the seed's embargo ends."""
    seed = seed_of(
        quality=10,
        related=(
            other(quality=60),
            other(quality=90, link="https://spam.example/tides"),
            other(quality=75, link="https://third.example/tides", published=PUBLISHED - 5 * DAY),
            other(quality=74),
        ),
    )

    verdict = decide(seed, policy(min_quality=70, block=Match(providers=("spam.example",)), related="promote"))

    assert (verdict.rule, verdict.stand_in, verdict.link) == ("", 2, "https://third.example/tides")
    assert verdict.detail == "quality 10 is below min_quality 70"
    assert (verdict.starts, verdict.published) == (PUBLISHED, PUBLISHED - 5 * DAY)
    assert verdict.topics == (("oceans", "Oceans"),)
    shown = effective_seed(seed, verdict)
    assert (shown.title, shown.link, shown.quality) == ("Tides, told elsewhere", "https://third.example/tides", 75)
    assert len(shown.related) == 3


def test_a_stand_in_without_a_score_comes_last() -> None:
    """A related item without a score replaces the seed only if none with a score does."""
    seed = seed_of(is_published=False, related=(other(quality=None), other(quality=-5)))

    assert decide(seed, policy(related="promote")).stand_in == 1
    assert decide(seed, policy(related="promote", min_quality=0)).stand_in == 0
    assert decide(seed, policy(related="promote", min_quality=0, require_quality=True)).rule == "state"


@pytest.mark.parametrize("fields", [{"removed": True}, {"deleted": True}, {"is_published": False, "deleted": True}])
def test_nothing_stands_in_for_a_withdrawn_seed(fields) -> None:
    """Nothing replaces a seed that was removed or deleted."""
    assert decide(seed_of(related=(other(),), **fields), policy(related="promote")).rule == "state"


def test_nothing_stands_in_without_promote() -> None:
    """Without `promote`, or if the seed passes, no related item replaces it."""
    assert decide(seed_of(is_published=False, related=(other(),)), policy()).rule == "state"
    assert decide(seed_of(related=(other(quality=99),)), policy(related="promote")).stand_in == -1


def test_a_related_item_that_is_too_old_does_not_stand_in() -> None:
    """A related item that is too old when the seed's embargo ends does not replace it."""
    old = other(quality=99, published=PUBLISHED - 10 * DAY)
    seed = seed_of(is_published=False, related=(old, other(link="https://third.example/tides")))

    assert decide(seed, policy(related="promote", max_age=5 * DAY)).stand_in == 1
    assert (
        decide(msgspec.structs.replace(seed, related=(old,)), policy(related="promote", max_age=5 * DAY)).rule
        == "state"
    )


@given(
    st.builds(
        seed_of, is_published=st.booleans(), quality=st.none() | st.integers(0, 100), expires=st.none() | st.integers(0, 2 * PUBLISHED),
        related=st.lists(
            st.builds(other, quality=st.none() | st.integers(0, 100), published=st.none() | st.integers(0, 2 * PUBLISHED)), max_size=3
        ).map(tuple),
    ),
    st.sampled_from(["list", "promote"]),
    st.none() | st.integers(1, PUBLISHED),
)  # fmt: skip
def test_no_verdict_contradicts_itself(seed, related, max_age) -> None:
    """A verdict has a rule or a window; no feed ends after the window, and no window begins before the embargo ends."""
    verdict = decide(seed, policy(min_quality=50, max_age=max_age, related=related))

    assert (verdict.rule == "") is (verdict.starts < verdict.ends) is bool(verdict.feeds)
    assert verdict.rule or verdict.starts >= seed.published
    assert all(ends <= verdict.ends for _, ends in verdict.feeds)
    assert verdict.stand_in < len(seed.related)


# -- topics and queries

TOPICS = (
    Topic(
        slug="oceans",
        name="Oceans",
        shortname="Sea",
        keywords=("tide", "coral reef"),
        hashtags=("#ocean", "#sea #shore"),
    ),
    Topic(slug="reefs", name="Coral Reefs", parent="oceans", keywords=("reef",)),
    Topic(slug="atolls", name="Atolls", parent="reefs", keywords=("c++ atoll",)),
)


@pytest.mark.parametrize(
    ("title", "tags", "slugs"),
    [
        ("The TIDE turns", (), {"oceans"}),
        ("The tides turn", (), set()),
        ("A coral reef", (), {"oceans", "reefs"}),
        ("Nothing here", ("#shore",), {"oceans"}),
        ("Nothing #oceanic", (), set()),
        ("A C++ atoll", (), {"atolls"}),
    ],
)
def test_topics_by_keyword(title, tags, slugs) -> None:
    """A seed without topics gets those whose keywords or hashtags it contains as whole words."""
    bare = seed_of(title=title, tags=tags, topics=())

    assert {slug for slug, _ in rules.topics_of(bare, policy(topics=TOPICS, from_keywords=True))} == slugs
    assert rules.topics_of(bare, policy(topics=TOPICS)) == ()


@pytest.mark.parametrize(
    ("keyword", "title", "matches"),
    [
        ("日本", "日本語を学ぶ", True), ("日本", "東日本の鉄道", True), ("日本", "日 本", False), ("アート", "街のアート展", True),
        ("ทะเล", "ชายทะเลใต้", True), ("ປາ", "ຫາປາໃນແມ່ນ້ຳ", True), ("ខ្មែរ", "ភាសាខ្មែរថ្មី", True), ("မြန်မာ", "မြန်မာစာ", True),
        ("AI", "生成AIが変える", True), ("AI", "生成AIRが変える", False), ("AI時代", "生成AI時代の街", True),
        ("AI時代", "OpenAI時代", False), ("море", "моретрясение", False), ("море", "«море»", True),
    ],
)  # fmt: skip
def test_keywords_in_scripts_without_spaces(keyword, title, matches) -> None:
    """Scripts without spaces do not show where a word ends, so their keywords match anywhere."""
    topics = (Topic(slug="one", name="One", keywords=("first", keyword)),)

    assert bool(rules.topics_of(seed_of(title=title, topics=()), policy(topics=topics, from_keywords=True))) is matches


def test_keywords_are_for_seeds_without_topics() -> None:
    """If a seed names topics, it gets no others by keyword."""
    assert rules.topics_of(seed_of(title="A tide"), policy(topics=TOPICS, from_keywords=True)) == (
        ("oceans", "Oceans"),
    )


def test_parents() -> None:
    """A seed is in the feeds of its topics and of all topics above them, once in each."""
    verdict = decide(seed_of(topics=("Atolls", "Sea")), policy(topics=TOPICS))

    assert verdict.topics == (("atolls", "Atolls"), ("oceans", "Sea"))
    assert [slug for slug, _ in verdict.feeds] == ["all", "atolls", "oceans", "reefs"]


def test_parents_in_a_circle() -> None:
    """Topics that are each other's parents cause no endless loop."""
    ring = (Topic(slug="a", name="A", parent="b"), Topic(slug="b", name="B", parent="a"))

    assert [slug for slug, _ in decide(seed_of(topics=("A",)), policy(topics=ring)).feeds] == ["all", "a", "b"]


@pytest.mark.parametrize("turn", [1, -1])
def test_slugs_come_before_names_and_names_before_short_names(turn) -> None:
    """A name in a seed means the same topic as in queries and parents, whatever the order of the files."""
    topics = (
        Topic(slug="avian-influenza", name="Avian influenza", shortname="AI"),
        Topic(slug="ai", name="Machine learning", shortname="Sea"),
        Topic(slug="oceans", name="Sea"),
    )[::turn]
    named = policy(topics=topics)
    assert [slug_for(name, named) for name in ("ai", "AI", "sea", "Machine Learning")] == ["ai", "ai", "oceans", "ai"]


def test_names_that_look_alike_are_equal() -> None:
    """A letter with a combining accent equals the composed letter, in topics, providers, types and keywords."""
    composed, parted = "Café", "Cafe\u0301"
    for one, another in ((composed, parted), (parted, composed)):
        topics = (Topic(slug="coffee", name=one, keywords=(composed,)),)
        named = policy(topics=topics, from_keywords=True, block=Match(providers=(one,)))
        assert slug_for(another, named) == "coffee"
        assert decide(seed_of(provider=Provider(name=another, domain="e.org")), named).rule == "provider"
        assert decide(seed_of(type=another), policy(block=Match(types=(one,)))).rule == "type"
        assert rules.topics_of(seed_of(topics=(), title=f"A {another}"), named) == (("coffee", ""),)
        assert slug_for("한글", policy()) == slug_for("\u1112\u1161\u11ab\u1100\u1173\u11af", policy())


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("OCEANS", "oceans"),
        (" coral  reefs ", "reefs"),
        ("sea", "oceans"),
        ("Wind & Waves", "wind-waves"),
        ("All", "all-topic"),
        ("Top stories", "top-stories-topic"),
    ],
)
def test_slugs(name, slug) -> None:
    """A topic has a slug, name and short name; one that would have another feed's slug gets a different one."""
    assert slug_for(name, policy(topics=TOPICS, queries=(Query(slug="top-stories", title="Top"),))) == slug


@given(st.text(st.characters(), min_size=1, max_size=400))
def test_any_name_makes_a_slug(name) -> None:
    """Any topic name in any script makes a slug that is safe as a folder's name."""
    assert rules.slug_of(name) == slug_for(name, policy()) or slug_for(name, policy()) == "all-topic"
    assert rules._slug_of(name).strip("abcdefghijklmnopqrstuvwxyz0123456789-") == ""
    assert 0 < len(slug_for(name, policy())) <= 64


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        (Where(), ""),
        (Where(any_topics=("oceans", "wind")), ""),
        (Where(any_topics=("wind",)), "it has none of any_topics"),
        (Where(all_topics=("oceans", "wind")), "it lacks one of all_topics"),
        (Where(not_topics=("oceans",)), "it has one of not_topics"),
        (Where(providers=("example.org",)), ""),
        (Where(providers=("post.example",)), "its provider is not among providers"),
        (Where(not_providers=("example.org",)), "its provider is among not_providers"),
        (Where(types=("Article",)), ""),
        (Where(types=("video",)), "its type is not among types"),
        (Where(min_quality=80, min_heat=50), ""),
        (Where(min_quality=81), "its quality is 80, min_quality is 81"),
        (Where(min_heat=51), "its heat is 50, min_heat is 51"),
        (Where(title="(?i)MILL$"), ""),
        (Where(title="^mill"), "its title does not match"),
    ],
)
def test_queries(where, reason) -> None:
    """A seed must meet every condition of a query; the first that it does not meet is reported."""
    assert unmet_condition(seed_of(), where, ("oceans",)) == reason
    verdict = decide(seed_of(), policy(queries=(Query(slug="asked", title="Asked", where=where),)))
    assert (("asked", FOREVER) in verdict.feeds) is (reason == "")


def test_a_query_requires_a_score() -> None:
    """A query with a minimum requires a score; its `max_age` limits an item's time in that feed only."""
    query = Query(slug="asked", title="Asked", where=Where(max_age=DAY))

    assert unmet_condition(seed_of(quality=None), Where(min_quality=1), ()) == "it has no quality, min_quality is 1"
    assert unmet_condition(seed_of(heat=None), Where(min_heat=-1), ()) == "it has no heat, min_heat is -1"
    assert dict(decide(seed_of(), policy(queries=(query,))).feeds)["asked"] == PUBLISHED + DAY


def test_a_query_includes_subtopics() -> None:
    """A query for a topic includes the items of the topics below it."""
    query = Query(slug="asked", title="Asked", where=Where(all_topics=("oceans",)))

    assert "asked" in dict(decide(seed_of(topics=("Atolls",)), policy(topics=TOPICS, queries=(query,))).feeds)
