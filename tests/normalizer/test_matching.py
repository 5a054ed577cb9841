"""Which seeds an expression chooses, until when, and what it says of them."""

from __future__ import annotations

import pickle
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config.expressions import where_tree
from aggregator.config.settings import Config, Match, Query, Rules, SiteSettings, Topic, Where
from aggregator.model.expression.fields import FIELDS
from aggregator.model.expression.folding import fold
from aggregator.model.expression.parser import parse
from aggregator.model.expression.tree import And, Node, Not, Or, Range, Words
from aggregator.model.items import FOREVER, Image, Media, Provider, Related, Seed
from aggregator.normalizer.matching import Matcher, SlowPatternError, Subject, Vocabulary
from aggregator.normalizer.rule_expressions import vocabulary_of
from aggregator.normalizer.rules import decide, policy_of, topics_and_above, unmet_condition

DAY = 86_400
PUBLISHED = 20_000 * DAY
BODY = "Some **harbour** [walls](https://hidden.example/quay) <b class='veiled'>stand</b>.\n<!-- secret -->\n[note]: # (buried)"
SEED: dict[str, Any] = {
    "title": "Tides run a café's mill", "link": "https://www.news.example.org/tides?a=1", "published": PUBLISHED,
    "updated": PUBLISHED + DAY, "excerpt": "A <b>quiet</b> tariff &amp; more", "body": BODY, "quality": 80, "heat": -5,
    "topics": ("Oceans", "C++"), "tags": ("Tidal power",), "category": "Analysis", "type": "article", "locale": "de-AT",
    "provider": Provider(name="Harbour Desk", domain="desk.example.net"), "author": "Ann Lee", "images": (Image(url="https://e.org/a.png"),),
}  # fmt: skip
TOPICS = (Topic(name="Énergie", slug="power"), Topic(name="Oceans", slug="seas", shortname="Sea", parent="power"))


def config(**fields: Any) -> Config:
    """Return a config with two topics."""
    return Config(site=SiteSettings(url="https://feeds.example.org/"), topics=TOPICS, **fields)


def seed_of(**fields: Any) -> Seed:
    """Return a seed with every field, except for `fields`."""
    return Seed(**{**SEED, **fields})


def chosen(text: str, *, now: int = PUBLISHED + 3 * DAY, path: str = "news/2026/tides.md", **fields: Any) -> bool:
    """Return whether an expression chooses the seed."""
    policy, seed = policy_of(config()), seed_of(**fields)
    subject = Subject(
        seed, topics=frozenset(topics_and_above(seed, policy)), path=path, now=now, states=frozenset({"published"})
    )
    return Matcher(parse(text), vocabulary_of(policy)).holds(subject)


@pytest.mark.parametrize(
    "text",
    [
        "tides", "TIDES", '"run a CAFE"', "cafe’s", "title:mill", "text:quiet", "text:harbour", "text:walls", '"tariff & more"', "stand",
        "topic:Oceans", "topic:sea", "topic:seas", "topic:power", "topic:énergie", "topic:energie", 'topic:"c++"', 'tag:"TIDAL  power"',
        "category:analysis", "type:ARTICLE", 'source:"harbour desk"', "source:example.net", "source:www.desk.example.net",
        "domain:desk.example.net", "domain:example.net", "author:lee", 'author:"ann lee"', "lang:de", "lang:de_at", "lang:DE-AT",
        "link:example.org/tides", "path:news/2026/", "quality:80", "quality:>=80", "quality:<81", "quality:1..80", "heat:<0", "heat:-5",
        "age:<4d", "age:>=3d", "age:3d..4d", "published:2024-10", "published:>=2024-10-04", "updated:2024-10-05", "updated:>2024-10-04",
        "has:image", "has:updated", "has:body", "is:published", "/Tides?/", "title:/TIDES/i", "text:/harb.ur/", "source:/^Harbour/",
        "link:/[?]a=1$/", "topic:/^C\\+\\+$/", "path:/tides.md$/", "NOT spam", "-spam tides", "spam OR tides", "-(spam OR mills)",
    ],
)  # fmt: skip
def test_a_condition_chooses(text: str) -> None:
    """Words are whole and folded, names are compared as a whole, parts are contained, ranges include their ends."""
    assert chosen(text)


@pytest.mark.parametrize(
    "text",
    [
        "tide", "ill", "title:quiet", "text:tides", "hidden", "quay", "veiled", "class", "secret", "buried", "topic:Sea-life", "topic:Basic",
        "tag:tidal", "category:anal", "type:art", "source:harbour", "source:desk", "source:ample.net", "domain:news.example.org",
        "author:an", "lang:en", "lang:d", "link:other", "path:old/", "quality:>80", "quality:<80", "heat:>=0", "age:<3d",
        "published:<2024-10-04", "published:2024-11", "updated:<=2024-10-04", "has:media", "has:expires", "is:embargoed", "/tides/", "title:/quiet/",
        "-tides", "tides spam", "tides -cafe's",
    ],
)  # fmt: skip
def test_a_condition_leaves_out(text: str) -> None:
    """What is not said is not chosen; addresses, tags and comments of a body are not its text."""
    assert not chosen(text)


def test_an_embed_is_text_too() -> None:
    """What stands in `featured_content` is seen, its tags and addresses are not."""
    embed = '<blockquote class="veiled"><p>Sponsored by <b>us</b></p></blockquote><iframe src="https://hidden.example/x"></iframe>'
    assert chosen('text:"sponsored by us"', embed=embed)
    assert not chosen("veiled OR hidden", embed=embed)


def test_who_has_no_number_is_in_no_range() -> None:
    """Neither bound holds for an item without quality or heat, as in feeds by query."""
    assert not chosen("quality:>=0 OR quality:<0 OR heat:>=0 OR heat:<0", quality=None, heat=None)
    assert chosen("-has:quality -has:heat", quality=None, heat=None)


def test_the_domain_is_that_of_the_link_if_the_provider_has_none() -> None:
    """So is the source."""
    assert chosen("domain:news.example.org source:example.org", provider=Provider(name="X"))


def test_scripts_without_spaces_have_no_whole_words() -> None:
    """A word of Japanese is found within others, one of Hindi only as a whole."""
    assert chosen("日本", title="新日本語の本")
    assert chosen("हिन्दी", title="हिन्दी में")
    assert not chosen("हिन्द", title="हिन्दी में")


def test_a_pattern_that_takes_too_long_is_stopped() -> None:
    """It raises within the time that it has."""
    matcher = Matcher(parse(r"title:/(a|a|b?a)+$/"), Vocabulary(str, {}))
    with pytest.raises(SlowPatternError):
        matcher.holds(Subject(seed_of(title="a" * 60 + "!")))


# -- rules and feeds by query

QUERY_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "any_topics": st.sampled_from([("seas",), ("power", "space")]), "all_topics": st.just(("seas", "power")), "not_topics": st.just(("space",)),
        "providers": st.sampled_from([("example.net",), ("Harbour Desk", "x.example")]), "not_providers": st.just(("spam.example",)),
        "types": st.sampled_from([("Article",), ("video", "audio")]), "min_quality": st.integers(70, 90), "min_heat": st.integers(-9, 3),
        "title": st.sampled_from(["(?i)tides", "a/b|mill$", "^Run"]),
    },
)  # fmt: skip
SEED_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "topics": st.sampled_from([(), ("Oceans",), ("space",), ("Space", "Sea")]), "type": st.sampled_from(["", "Video", "article"]),
        "quality": st.none() | st.integers(70, 90), "heat": st.none() | st.integers(-9, 3), "title": st.sampled_from(["Run a/b", "mill"]),
        "provider": st.sampled_from([None, Provider(name="HARBOUR  desk"), Provider(domain="a.spam.example")]),
    },
)  # fmt: skip


@given(QUERY_FIELDS, SEED_FIELDS)
def test_the_mapping_form_means_the_same(query: dict[str, Any], fields: dict[str, Any]) -> None:
    """A feed's conditions, written as an expression, choose the same seeds."""
    policy, seed, where = policy_of(config()), seed_of(**fields), Where(**query)
    topics = frozenset(topics_and_above(seed, policy))
    matcher = Matcher(where_tree(where), vocabulary_of(policy))
    assert matcher.holds(Subject(seed, topics=topics)) == (not unmet_condition(seed, where, topics))


LIMITS = st.integers(0, 9).map(lambda days: days * DAY)
FALLING: st.SearchStrategy[Node] = st.recursive(
    st.one_of(
        LIMITS.map(lambda most: Range("age", None, most)), LIMITS.map(lambda least: Not(Range("age", least, None))),
        st.sampled_from([Words("title", "tides"), Words("title", "spam")]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts))),
    ),
    max_leaves=8,
)  # fmt: skip


@pytest.mark.slow
@given(FALLING, st.integers(0, 10 * DAY))
def test_an_age_ends_at_the_second_at_which_it_stops_to_hold(tree: Node, age: int) -> None:
    """`until` agrees with a look at any later moment, and `since` of the opposite is the same."""
    seed, vocabulary = seed_of(), Vocabulary(str, {})
    matcher = Matcher(tree, vocabulary)
    until = matcher.until(Subject(seed))
    for moment in (PUBLISHED + age, *([until - 1, until] if PUBLISHED < until < FOREVER else [])):
        assert matcher.holds(Subject(seed, now=moment)) == (moment < until)
    assert Matcher(Not(tree), vocabulary).since(Subject(seed)) == until


def verdict(seed: Seed, path: str = "", **fields: Any) -> tuple[str, str]:
    """Return the rule that holds a seed back, and why."""
    found = decide(seed, policy_of(config(**fields)), path)
    return found.rule, found.detail


def test_an_expression_blocks_or_allows() -> None:
    """The rule is named, with the part of the expression that decides and the value that it met."""
    blocking = Rules(block=Match(match="type:advert OR (quality:<90 -topic:space) OR path:drafts/"))
    assert verdict(seed_of(), rules=blocking) == ("match", "rules.block matches it: (quality:<=89 -topic:space)")
    assert verdict(seed_of(quality=95), rules=blocking) == ("", "")
    assert verdict(seed_of(quality=95), "drafts/a.md", rules=blocking) == (
        "match",
        "rules.block matches it: path:drafts/",
    )
    allowing = Rules(allow=Match(match="topic:power quality:>=90"))
    assert verdict(seed_of(), rules=allowing) == (
        "match",
        "rules.allow does not match it: quality:>=90 (its quality is 80)",
    )
    assert verdict(seed_of(quality=None), rules=allowing)[1].endswith("(it has no quality)")


def test_what_takes_too_long_is_held_back() -> None:
    """A pattern that is stopped neither lets a blocked seed pass nor an allowed one."""
    title = "a" * 60 + "!"
    slow = Match(match=r"title:/(a|a|b?a)+$/")
    why = ("match", "its text takes too long to compare with /(a|a|b?a)+$/")
    assert verdict(seed_of(title=title), rules=Rules(block=slow)) == why
    assert verdict(seed_of(title=title), rules=Rules(allow=slow)) == why
    query = Query(slug="few", where=Where(match=slow.match))
    assert "few" not in dict(decide(seed_of(title=title), policy_of(config(feeds_by_query=(query,)))).feeds)


def test_an_age_ends_the_time_in_all_feeds_or_in_one() -> None:
    """The window closes at the second at which the age is reached, in the feeds that ask for it."""
    queries = (
        Query(slug="fresh", where=Where(match="age:<2d")),
        Query(slug="hot", where=Where(match="age:<2d OR quality:>90")),
    )
    made = config(rules=Rules(block=Match(match="age:>=5d quality:<90")), feeds_by_query=queries)
    windows = dict(decide(seed_of(), policy_of(made)).feeds)
    assert (windows["all"], windows["seas"]) == (PUBLISHED + 5 * DAY, PUBLISHED + 5 * DAY)
    assert (windows["fresh"], windows["hot"]) == (PUBLISHED + 2 * DAY, PUBLISHED + 2 * DAY)
    better = dict(decide(seed_of(quality=95), policy_of(made)).feeds)
    assert (better["all"], better["hot"], better["fresh"]) == (FOREVER, FOREVER, PUBLISHED + 2 * DAY)


def test_a_search_stands_for_its_expression_or_for_a_feed() -> None:
    """Named searches may name others, and feeds by query in either form."""
    queries = (
        Query(slug="good", where=Where(min_quality=70, any_topics=("seas",))),
        Query(slug="best", where=Where(match="search:mine")),
    )
    made = config(feeds_by_query=queries, searches={"mine": "search:good -search:noise", "noise": "type:advert"})
    assert "best" in dict(decide(seed_of(), policy_of(made)).feeds)
    assert "best" not in dict(decide(seed_of(type="advert"), policy_of(made)).feeds)
    assert "best" not in dict(decide(seed_of(quality=60), policy_of(made)).feeds)


def test_a_related_item_stands_in_for_what_an_expression_holds_back() -> None:
    """`related: promote` treats the rule as the others."""
    other = Related(title="Better", link="https://o.example/a", quality=99)
    made = policy_of(config(rules=Rules(allow=Match(match="quality:>=90")), related="promote"))
    assert decide(seed_of(related=(other,)), made).stand_in == 0


def test_a_policy_is_the_same_in_another_process() -> None:
    """What was prepared is left behind, and is prepared again there."""
    policy = policy_of(config(rules=Rules(allow=Match(match="quality:>=90"))))
    assert policy.expressions is not None
    again = pickle.loads(pickle.dumps(policy))
    assert again == policy
    assert decide(seed_of(), again) == decide(seed_of(), policy)


def test_without_expressions_nothing_is_prepared() -> None:
    """A config without expressions does not pay for them."""
    assert policy_of(config(feeds_by_query=(Query(slug="a", where=Where(min_quality=1)),))).expressions is None


def test_every_choice_of_has_can_be_asked() -> None:
    """Each value of `has` holds for a seed with it, and not for a bare one."""
    full = {
        "expires": PUBLISHED + 9 * DAY, "media": (Media(url="https://e.org/a.mp3", type="audio/mpeg"),),
        "related": (Related(title="a", link="https://e.org/b"),),
    }  # fmt: skip
    bare = Seed(title="A", link="https://example.org/", published=5)
    for value, _ in FIELDS["has"].choices:
        matcher = Matcher(parse(f"has:{value}"), Vocabulary(str, {}))
        assert matcher.holds(Subject(seed_of(**full))), value
        assert not matcher.holds(Subject(bare)), value


def test_a_quick_look_leaves_out_nothing_that_may_be_a_word() -> None:
    """Every character that folds to ASCII letters or digits, or joins them, is one for which a seed is unpacked."""
    matcher = Matcher(parse("zzz"), Vocabulary(str, {}))
    for code in range(0x80, 0x110000):
        one = chr(code)
        if unicodedata.category(one) in {"Cn", "Co", "Cs", "Lo"} and unicodedata.normalize("NFKD", one) == one:
            continue
        if re.findall("[a-z0-9]+", fold(f"x{one}y")) != ["x", "y"]:
            assert matcher.may_hold(f"x{one}y".encode()), hex(code)


@pytest.mark.parametrize("text", ["h&#97;rbour", "h&aring;rbour", "harbour", "HARBOUR", "hárbour", "har\u00adbour"])
def test_a_quick_look_unpacks_what_may_hold_a_word(text: str) -> None:
    """Entities, accents and case hide no word; an article with typographic signs alone is not unpacked in vain."""
    matcher = Matcher(parse("harbour -x (qqq OR title:rive)"), Vocabulary(str, {}))
    assert matcher.may_hold(f"{text} rive".encode())
    assert not matcher.may_hold("“Rive” – it&#8217;s … &amp; more".encode())
    assert not matcher.may_hold(b"harbour ocean")
