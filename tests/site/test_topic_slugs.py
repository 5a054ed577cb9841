"""Topics whose names would have one slug: each has its own feed, in any order, and keeps its slug."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterable

import pytest

from tests.support.site_folder import SiteFolder

NAMES = ("C", "C++", "C#", ".NET", "Net")


def write(site: SiteFolder, names: Iterable[str]) -> None:
    """Write a seed for each name, with that topic alone."""
    for number, name in enumerate(names):
        site.write(f"{number}.md", topics=[name], title=f"About {name}", webUrl=f"https://news.example.org/{number}")


def topics(site: SiteFolder) -> dict[str, str]:
    """Return the topics in each feed but that of everything, by its slug, joined."""
    found = {}
    for path in sorted(site.feeds.glob("*/feed.json")):
        items = json.loads(path.read_bytes())["items"]
        if path.parent.name != "all":
            found[path.parent.name] = " | ".join(sorted({tag for item in items for tag in item.get("tags", ())}))
    return found


def test_names_that_differ_in_signs_have_a_feed_each(site: SiteFolder) -> None:
    """C, C++ and C# are three topics, and so are .NET and Net."""
    write(site, NAMES)

    site.build()

    assert topics(site) == {"c": "C", "c-plus-plus": "C++", "csharp": "C#", "dotnet": ".NET", "net": "Net"}


@pytest.mark.parametrize(
    "names",
    [
        ("Café", "Cafe"), ("Zürich", "Zurich"), ("İzmir", "Izmir"), ("東京", "东京", "Dong Jing"), ("京都", "教徒"), ("R&D", "R D"),
        ("C plus plus", "C", "C++"), ("resume", "résumé", "rèsumé"), ("Ελλάδα", "Ellada"), ("!", "?"), ("A/B", "A-B"),
        ("#MeToo", "MeToo"), ("Node.js", "Node JS"), ("x" * 80, "x" * 80 + "!"),
    ],
)  # fmt: skip
def test_no_two_names_share_a_feed(site: SiteFolder, names: tuple[str, ...]) -> None:
    """Names that differ only in accents, signs or script have a feed each, and the same ones on another machine."""
    write(site, names)

    site.build()

    assert sorted(topics(site).values()) == sorted(names)
    shutil.rmtree(site.root / "state")
    assert site.build().written == ()


def test_spellings_of_one_name_are_one_topic(site: SiteFolder) -> None:
    """Case, blanks and the way in which an accent is written make no other topic, nor does the slug in a name's place."""
    write(site, ["Caf\u00e9 noir", "CAFE\u0301  NOIR", "caf\u00e9 Noir", "Wind power", "wind-power"])

    assert site.build().notes == ()
    assert list(topics(site)) == ["cafe-noir", "wind-power"]


@pytest.mark.slow
def test_any_order_of_files_gives_the_same_slugs(site: SiteFolder) -> None:
    """Built at once, the slugs depend on the names alone."""
    found = set()
    for names in itertools.permutations(("C", "C++", "C#", "c-plus-plus")):
        shutil.rmtree(site.root / "state", ignore_errors=True)
        shutil.rmtree(site.feeds, ignore_errors=True)
        write(site, names)
        site.build()
        found.add(tuple(topics(site).items()))

    assert len(found) == 1
    assert len(dict(found.pop())) == 4


def test_a_name_that_is_alone_has_its_own_slug(site: SiteFolder) -> None:
    """Signs are spelled out only where that is needed: sites keep the slugs that they have."""
    write(site, ["C++", "Café", "R&D"])

    assert site.build().notes == ()
    assert list(topics(site)) == ["c", "cafe", "r-d"]


def test_who_has_a_slug_keeps_it(site: SiteFolder) -> None:
    """A topic that comes later gets another slug, and keeps that when it is alone, or the other comes again."""
    write(site, ["C++"])
    site.build()
    site.write("later.md", topics=["C"], webUrl="https://news.example.org/later")
    note = site.build().notes[0]
    slugs = topics(site)
    assert note.startswith("topic 'C' gets the slug 'c-")
    assert slugs["c"] == "C++"
    (later,) = set(slugs) - {"c"}

    (site.seeds / "0.md").unlink()
    site.build()
    assert topics(site) == {"c": "", later: "C"}
    write(site, ["C++"])
    assert site.build(fresh=True).notes == ()
    assert topics(site) == {"c": "C++", later: "C"}


def test_a_topic_file_has_the_last_word(site: SiteFolder) -> None:
    """The `_id` of a topic file is the slug of its topic, whatever seeds had it before."""
    write(site, ["Net", ".NET"])
    site.build()
    site.write_topic("net", name="Networks")
    site.write_topic("dot", name=".NET")

    site.build()

    assert {slug: tags for slug, tags in topics(site).items() if tags} == {"dot": ".NET", "net": "Networks"}


def test_a_query_finds_the_topic_that_it_names(site: SiteFolder) -> None:
    """A query for C++ shows nothing of C, whichever of them has the slug `c`."""
    site.settings["feeds_by_query"] = [
        {"slug": "one", "where": {"any_topics": ["C++"]}},
        {"slug": "two", "where": {"any_topics": ["c++", "C"]}},
        {"slug": "not", "where": {"any_topics": ["C", "C#", "Net"], "not_topics": ["C++", ".NET"]}},
    ]
    write(site, NAMES)

    site.build()

    found = topics(site)
    assert (found["one"], found["two"], found["not"]) == ("C++", "C | C++", "C | C# | Net")


def test_names_that_nobody_sees_yet_take_no_slug(site: SiteFolder) -> None:
    """An embargoed item's topic is separated when it appears, in that very turn."""
    write(site, ["C"])
    site.write("future.md", topics=["C++"], publishedDateTime="2026-12-01T00:00:00Z", webUrl="https://a.example/f")
    site.build()
    assert topics(site) == {"c": "C"}

    site.build(now=1_796_200_000)

    assert topics(site) == {"c": "C", "c-plus-plus": "C++"}


def test_topic_files_need_no_id_where_signs_tell_them_apart(site: SiteFolder) -> None:
    """Files for C, C++ and C# are three topics: the slugs of two of them spell out their signs."""
    for number, name in enumerate(("C#", "C", "C++")):
        (site.root / f"config/topics/{number}.yaml").write_text(json.dumps({"name": name}))
    write(site, ["C", "C++", "C#"])

    site.build()

    assert topics(site) == {"c": "C", "c-plus-plus": "C++", "csharp": "C#"}
