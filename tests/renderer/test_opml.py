"""OPML has every feed once, nested by topic, in a form that readers import completely."""

from lxml import etree

from aggregator.renderer import opml


def outlines(parent):
    return [(one.get("text"), outlines(one)) for one in parent]


def root(documents):
    return etree.fromstring(documents[0].body)


def test_same_document_twice(summaries, site):
    """The list is the same for people (`feeds.opml`) and for software (`.well-known/feeds`)."""
    first, second = opml.render(summaries, site)

    assert [first.name, second.name] == ["feeds.opml", ".well-known/feeds"]
    assert first.body == second.body


def test_topic_tree(summaries, site):
    """The site's feed comes first, then queries, then topics; a topic with subtopics is a folder that begins with its own feed."""
    assert outlines(root(opml.render(summaries, site)).find("body")) == [
        ("Everything", []),
        ("Top stories", []),
        (
            "Technology",
            [("Technology", []), ("Hardware", []), ("Artificial intelligence & <friends>", [])],
        ),
        ("Science", [("Science", []), ("Space", [])]),
        ("Weather", []),
    ]


def test_folders_are_not_subscriptions(summaries, site):
    """No outline is both: readers import an outline with an xmlUrl and drop what is nested in it."""
    for outline in root(opml.render(summaries, site)).iter("outline"):
        assert (len(outline) == 0) == (outline.get("xmlUrl") is not None) == (outline.get("type") == "rss")


def test_every_outline_has_a_type(summaries, site):
    """OPML 2.0, "type": it says how the other attributes are read. A folder has no address that a reader could take."""
    found = list(root(opml.render(summaries, site)).iter("outline"))
    assert {one.get("type") for one in found} == {"rss", "folder"}
    assert all(set(one.attrib) == {"text", "title", "type"} for one in found if one.get("type") == "folder")


def test_every_feed_once(summaries, site):
    """Each feed is listed once, with its URL and its page."""
    found = [one for one in root(opml.render(summaries, site)).iter("outline") if one.get("xmlUrl")]

    assert sorted(f"{site.url}{one.spec.slug}/rss.xml" for one in summaries) == sorted(
        one.get("xmlUrl") for one in found
    )
    assert all(one.get("xmlUrl").removesuffix("rss.xml") == one.get("htmlUrl") for one in found)


def test_date_is_the_newest_change(summaries, site):
    """The list is as new as its newest feed."""
    assert root(opml.render(summaries, site)).findtext("head/dateModified") == "Sat, 03 Oct 2026 12:00:00 +0000"


def test_nothing_yet(summarise, site):
    """Without items there is no date, and without feeds there is still a document."""
    for summaries in ([], [summarise("a", "A", count=0)]):
        document = root(opml.render(summaries, site))

        assert document.findtext("head/title") == site.title
        assert document.find("head/dateModified") is None
