"""Finding items by an expression: the same from SQL and from Python, for the owner and for everybody."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.expressions import random_expression, random_site
from support.site_folder import NOW, SiteFolder, iso

from aggregator.config.settings import Config
from aggregator.index.index import Index, opened_read_only
from aggregator.index.search import condition_of
from aggregator.model.errors import AggregatorError
from aggregator.model.expression.errors import ExpressionError
from aggregator.model.expression.parser import parse
from aggregator.normalizer import rules
from aggregator.normalizer.matching import Matcher, Subject, with_searches
from aggregator.normalizer.rule_expressions import vocabulary_of
from aggregator.normalizer.stored import feeds_showing, unpack_seed, unpack_verdict, verified
from aggregator.site.catalog import Catalog
from aggregator.site.find import Findings, find

DAY = 86_400


class Oracle:
    """Decides in Python alone, by a look at every file, which ones an expression chooses."""

    def __init__(self, config: Config, index: Index) -> None:
        """Unpack every seed of the index."""
        self._policy = Catalog(config, index).policy
        self._vocabulary = vocabulary_of(self._policy)
        self._subjects: list[tuple[str, bool, Subject]] = []
        seeds = index.files.seeds([row.file for row in index.files.where("content IS NOT NULL")])
        for row in index.files.where("content IS NOT NULL"):
            seed = unpack_seed(verified(seeds[row.file], row.content))
            shown = bool(feeds_showing(row.entries, NOW))
            states = {"stale"} if row.stale else set()
            if row.rule:
                states.add("held")
            else:
                seed = rules.effective_seed(seed, unpack_verdict(row.verdict))
                assert row.starts is not None
                assert row.ends is not None
                early, late = row.starts > NOW, row.ends <= NOW
                states.add("embargoed" if early else "expired" if late else "published" if shown else "duplicate")
            topics = frozenset(rules.topics_and_above(seed, self._policy))
            subject = Subject(seed, topics=topics, path=row.path, now=NOW, states=frozenset(states))
            self._subjects.append((row.path, shown, subject))

    def chosen(self, text: str, *, everything: bool) -> set[str]:
        """Return the paths of the files that an expression chooses."""
        matcher = Matcher(parse(text), self._vocabulary)
        return {path for path, shown, subject in self._subjects if (everything or shown) and matcher.holds(subject)}


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, Index]]:
    """Return a built site of 300 seeds of every kind."""
    site = SiteFolder(tmp_path_factory.mktemp("varied"))
    random_site(site, 300)
    site.build()
    config = site.config()
    with opened_read_only(config.state) as index:
        assert index is not None
        yield config, index


def paths(found: Findings) -> set[str]:
    """Return the paths of what was found."""
    return {item.path for item in found.items}


@pytest.mark.slow
@pytest.mark.parametrize("everything", [False, True], ids=["shown", "all"])
def test_sqlite_and_python_choose_the_same(varied: tuple[Config, Index], everything: bool) -> None:
    """For random expressions the same items come from the index by SQL as from a look at each."""
    config, index = varied
    compare(config, index, range(150), everything=everything)


@pytest.mark.parametrize(
    "last", [pytest.param(1_500, marks=pytest.mark.slow), pytest.param(11_000, marks=pytest.mark.marathon)]
)
@pytest.mark.timeout(3600)
def test_sqlite_and_python_choose_the_same_for_many(tmp_path: Path, last: int) -> None:
    """So do 500 expressions over other items, and 10,000."""
    site = SiteFolder(tmp_path)
    random_site(site, 250, seed=2)
    site.build()
    with opened_read_only(site.config().state) as index:
        assert index is not None
        compare(site.config(), index, range(1_000, last), everything=None)


def compare(config: Config, index: Index, seeds: range, *, everything: bool | None) -> None:
    """Compare the paths for an expression of each seed; it must choose some, and not all, often enough."""
    oracle, telling = Oracle(config, index), 0
    for seed in seeds:
        text = random_expression(random.Random(seed))
        every = seed % 2 == 0 if everything is None else everything
        found = find(config, index, text, now=NOW, limit=None, everything=every)
        wanted = oracle.chosen(text, everything=every or "is:" in text)
        assert paths(found) == wanted, text
        assert found.total == len(wanted)
        telling += 0 < found.total < 200
    assert telling > len(seeds) // 4


@pytest.mark.slow
def test_what_sql_leaves_out_python_leaves_out(varied: tuple[Config, Index]) -> None:
    """A condition never leaves out a row that is chosen, and one that is exact lets no other pass."""
    config, index = varied
    vocabulary = vocabulary_of(Catalog(config, index).policy)
    oracle, exact, strict = Oracle(config, index), 0, 0
    for seed in range(300):
        text = random_expression(random.Random(seed), depth=2)
        tree = with_searches(parse(text), vocabulary.searches)
        condition = condition_of(tree, now=NOW, slug_of=None)
        rows = index.search.rows(tree, now=NOW, only_visible=False)
        passed, wanted = {row.path for row in rows}, oracle.chosen(text, everything=True)
        assert passed >= wanted, text
        if condition.is_exact:
            assert passed == wanted, text
        exact += condition.is_exact
        strict += passed < oracle.chosen("-zzz", everything=True)
    assert exact > 5
    assert strict > 50


# -- what the owner and everybody find


@pytest.fixture
def told(site: SiteFolder) -> SiteFolder:
    """Return a site with an item that is shown, one with an embargo, one held back, and one that is long over."""
    site.settings["feeds_by_query"] = [{"slug": "good", "where": "quality:>=90 path:shown"}]
    site.settings["searches"] = {"secret": "heat:>1"}
    site.write(
        "shown.md",
        "Body <!-- comment --> words",
        title="Tides",
        quality=95,
        category="inner",
        topics=["Sea"],
        excerpt="A quiet hum",
    )
    site.write("later.md", title="Tides later", publishedDateTime=iso(NOW + DAY))
    site.write("poor.md", title="Tides poor", quality=1)
    site.write("over.md", title="Tides over", publishedDateTime=iso(NOW - 9 * DAY), expires=iso(NOW - DAY))
    site.write("draft.md", title="Tides draft", published=False)
    site.build()
    return site


def asked(site: SiteFolder, text: str, *, everything: bool = False, for_everybody: bool = False) -> Findings:
    """Return what is found on a built site."""
    config = site.config()
    with opened_read_only(config.state) as index:
        assert index is not None
        return find(config, index, text, now=NOW, limit=None, everything=everything, for_everybody=for_everybody)


def test_what_feeds_show_is_found_and_with_states_every_seed(told: SiteFolder) -> None:
    """Newest first; each with its state, and a held one with the rule."""
    assert [item.path for item in asked(told, "tides").items] == ["shown.md"]
    found = asked(told, "tides", everything=True).items
    assert {item.path: item.state for item in found} == {
        "shown.md": "published", "later.md": "embargoed", "poor.md": "held", "over.md": "expired", "draft.md": "held",
    }  # fmt: skip
    assert found[0].path == "later.md"
    assert paths(asked(told, "is:held")) == {"poor.md", "draft.md"}
    assert {item.detail for item in asked(told, "is:held quality:<9").items} == {
        "quality 1 is below min_quality 50 (rule: quality)"
    }


@pytest.mark.parametrize(
    "text", ["tides", "quiet", "topic:sea", "search:good", "quality:>90", "-later", "link:shown", "has:topic"]
)
def test_everybody_finds_what_feeds_show(told: SiteFolder, text: str) -> None:
    """Title, excerpt, topics, feeds and the rest of what feeds show; the answer has no path and no state."""
    (item,) = asked(told, text, for_everybody=True).items
    assert (item.title, item.path, item.state, item.detail) == ("Tides", "", "", "")


@pytest.mark.parametrize("text", ["comment", "body", "later", "poor", "draft", "inner"])
def test_everybody_finds_nothing_that_is_not_shown(told: SiteFolder, text: str) -> None:
    """Neither an embargoed, held or past item, nor a comment in a body; and no negation tells of it."""
    assert asked(told, text, for_everybody=True).total == 0
    assert [item.title for item in asked(told, f"-{text}", for_everybody=True).items] == ["Tides"]


@pytest.mark.parametrize(
    "text",
    [
        "path:shown", "category:inner", "type:article", "is:held", "has:body", "has:excerpt", "has:expires", "has:lang", "has:related", "has:type", "has:updated",
        "/tides/", "title:/tides/", "search:secret", "-type:article", "tides OR (sea -path:x)",
    ],
)  # fmt: skip
def test_everybody_may_not_ask_what_is_the_owners(told: SiteFolder, text: str) -> None:
    """Such a condition is refused; the names of searches are not told."""
    with pytest.raises(ExpressionError) as caught:
        asked(told, text, for_everybody=True)
    assert "secret" not in caught.value.hint


def test_everybody_learns_nothing_of_what_is_not_shown(site: SiteFolder) -> None:
    """Whatever they ask, an answer is the same with and without held, embargoed and private words, whole or negated."""
    secret = "canary"
    hidden: dict[str, dict[str, Any]] = {
        "held": {"quality": 1}, "draft": {"published": False}, "later": {"publishedDateTime": iso(NOW + DAY)},
        "over": {"publishedDateTime": iso(NOW - 9 * DAY), "expires": iso(NOW - DAY)},
    }  # fmt: skip
    site.settings["feeds_by_query"] = [{"slug": "good", "where": "quality:>=90"}]
    keys = {"excerpt": "A quiet hum", "topics": ["Sea"], "quality": 95}
    site.write("shown.md", "Words", title="Tides", **keys)
    site.build()
    asked_for = [
        f"{field}{value}"
        for field in ("", "title:", "text:", "topic:", "tag:", "source:", "domain:", "author:", "lang:", "link:")
        for value in (secret, "canary.example")
    ]
    asked_for += ["quality:>=0", "quality:<50", "heat:>=0", "age:<2d", "age:>3d", "published:>2026-05-28", "updated:>2026-05-28",
                  f"updated:<={iso(NOW)}", "has:author", "has:image", "has:tag", "has:source", "has:media", "has:heat", "search:good"]  # fmt: skip
    asked_for += [f"-({text})" for text in asked_for]
    before = [asked(site, text, for_everybody=True) for text in asked_for]

    private = {
        "secured": {"note": secret}, "type": secret, "category": secret, "locale": f"x {secret}", "updatedDateTime": iso(NOW + DAY),
    }  # fmt: skip
    site.write("shown.md", f"Words <!-- {secret} -->", title="Tides", **keys, **private)
    every = {
        "title": secret, "excerpt": secret, "topics": [secret], "tags": [secret], "author": secret, "heat": 5, "locale": "de",
        "provider": {"name": secret, "domain": "canary.example"}, "image": "https://canary.example/a.png", "quality": 95,
    }  # fmt: skip
    for name, state in hidden.items():
        site.write(f"{name}.md", secret, **{"webUrl": f"https://canary.example/{name}", **every, **state})
    site.build()
    assert {row.title for row in asked(site, secret, everything=True).items} == {secret}
    assert [asked(site, text, for_everybody=True) for text in asked_for] == before


def test_an_item_is_found_under_the_id_that_feeds_show(site: SiteFolder) -> None:
    """An id of its own that is no URI has another form in feeds."""
    site.write("a.md", id="7 of 9")
    site.build()
    for for_everybody in (False, True):
        (item,) = asked(site, "item", for_everybody=for_everybody).items
        assert item.id == site.ids()[0]


def test_an_unknown_search_is_an_error_with_a_hint(told: SiteFolder) -> None:
    """The caret stands under it."""
    with pytest.raises(ExpressionError) as caught:
        asked(told, "tides search:secrets")
    assert caught.value.lines()[1:] == ["      ^", "there is no search `secrets` (did you mean `search:secret`?)"]


@pytest.mark.slow
def test_a_pattern_that_is_slow_in_many_texts_ends_the_search(site: SiteFolder) -> None:
    """A few such texts are counted, after more the search ends with advice."""
    for number in range(22):
        site.write(f"{number}.md", title="a" * 60 + "!")
    site.build()
    with pytest.raises(AggregatorError, match="in many texts"):
        asked(site, r"title:/(a|a|b?a)+$/")
    few = asked(site, r"title:/(a|a|b?a)+$/ path:1.md")
    assert (few.total, few.slow) == (0, 3)


def test_a_search_may_be_ended(told: SiteFolder) -> None:
    """Whoever asks may say that it takes too long."""
    config = told.config()
    with opened_read_only(config.state) as index:
        assert index is not None
        with pytest.raises(AggregatorError, match="takes too long"):
            find(config, index, "tides", now=NOW, limit=1, may_go_on=lambda: False)


def test_a_damaged_row_is_not_found_but_reported(told: SiteFolder) -> None:
    """A seed that is not as it was written is an error, as everywhere."""
    with closing(sqlite3.connect(told.root / "state/index.db")) as db:
        db.execute("UPDATE seed SET seed=substr(seed, 1, 20) || x'00' || substr(seed, 22)")
        db.commit()
    with pytest.raises(AggregatorError, match="damaged"):
        asked(told, "tides", everything=True)


def test_an_unknown_topic_names_the_one_that_was_meant(site: SiteFolder) -> None:
    """By one letter, or by its first word alone; and an unknown search says where to name one."""
    site.write("a.md", topics=["Harbour", "Wind Power"])
    site.build()
    with opened_read_only(site.config().state) as index:
        assert index is not None

        def hints(text: str) -> tuple[str, ...]:
            return find(site.config(), index, text, now=NOW, limit=None).hints

        assert hints("topic:Harbor") == ("there is no topic `Harbor`: did you mean `topic:Harbour`?",)
        assert hints("topic:Wind Power") == ('there is no topic `Wind`: did you mean `topic:"Wind Power"`?',)
        assert hints("topic:Harbour zebra") == ()
        with pytest.raises(ExpressionError) as caught:
            find(site.config(), index, "search:nope", now=NOW, limit=None)
    assert caught.value.hint == "none is known; name one under `searches` in the config"
