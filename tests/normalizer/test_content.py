"""What readers get: sanitised HTML, summaries, languages."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aggregator.model.items import Image, Item, Provider, Related, Seed
from aggregator.normalizer import content, summaries, text

BASE = "https://example.org/news/story"
ADDRESSES = [
    "https://example.org/a?b=1&amp;c=2", "http://other.example/ü b", "/c", "d.jpg", "#e", "//cdn.example/f", "javascript:alert(1)",
    " JavaScript:alert(1)", "java&#10;script:alert(1)", "&#106;avascript:alert(1)", "&amp;#106;avascript:alert(1)", "data:text/html,x",
    "vbscript:x", "mailto:a@b.example", "TEL:+1 2", 'mailto:"><b>@x', "a.jpg 1x, b.jpg 2x", "a.jpg 480w,b.jpg 9000w,,", "https://ada:word@example.org/", "", "https://", "?x=&amp;amp;copy;", "\\\\evil.example",
    "https://www.youtube.com/embed/abcdefghijk", "https://player.vimeo.com/video/1", "http://[", "a b", "%zz", "x:y",
]  # fmt: skip
ATTRIBUTES = [
    "href", "src", "cite", "srcset", "style", "onclick", "ONERROR", "class", "id", "title", "alt", "width", "height", "lang", "dir",
    "datetime", "start", "colspan", "formaction", "xlink:href", "srcdoc", "name", "target", "data-x", "poster", "background", "data-src", "data-srcset",
    "data-original", "loading",
]  # fmt: skip
TAGS = [
    "p", "a", "img", "b", "i", "ul", "li", "table", "tr", "td", "th", "blockquote", "q", "del", "script", "style", "svg", "math", "iframe",
    "object", "embed", "form", "input", "button", "template", "noscript", "title", "textarea", "select", "option", "xmp", "plaintext",
    "video", "audio", "source", "picture", "base", "meta", "link", "body", "html", "head", "frame", "h1", "pre", "code", "br", "hr", "x-y",
    "details", "summary", "time", "abbr", "foreignObject", "desc", "mi", "mglyph", "annotation-xml", "font", "center", "marquee",
]  # fmt: skip
attribute = st.tuples(st.sampled_from(ATTRIBUTES), st.sampled_from(ADDRESSES) | st.text("a1 <>&;:/.%", max_size=6)).map(
    lambda parts: f'{parts[0]}="{parts[1]}"'
)
opening = st.tuples(st.sampled_from(TAGS), st.lists(attribute, max_size=3)).map(
    lambda parts: f"<{' '.join([parts[0], *parts[1]])}>"
)
closing = st.sampled_from(TAGS).map(lambda tag: f"</{tag}>")
other = st.sampled_from(
    ["text", " ", "&lt;script&gt;", "&amp;", "<!-- x -->", "<!--", "-->", "<![CDATA[", "]]>", "<!DOCTYPE html>", "<?php ?>", "<", ">", '"',
     "'", "\0", "\x07", "\u202e", "\ufffe", "\ud800", "</", "<a href='", "<a href=javascript:x>", "<img src=x onerror=alert(1)//", "😀"]
)  # fmt: skip
fragments = st.lists(opening | opening | closing | other, max_size=12).map("".join)


class Seen(HTMLParser):
    """Collects what a browser's parser would find: tags, attributes and unclosed elements."""

    def __init__(self, fragment: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(fragment)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in {"br", "hr", "img", "col", "wbr"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def sanitised(fragment: str, **options: Any) -> str:
    return content.sanitised(fragment, base=BASE, **options)


@pytest.mark.slow
@settings(max_examples=3 * settings.default.max_examples)
@given(fragments, st.booleans())
def test_nothing_dangerous_comes_out(fragment, with_picture) -> None:
    """Any HTML becomes balanced, with harmless tags and attributes only, and absolute http(s) URLs."""
    picture = Image(url="https://example.org/a.jpg") if with_picture else None
    seen = Seen(sanitised(fragment, picture=picture))

    assert not seen.open
    assert set(seen.tags) <= content._TAGS
    assert {name for name, _ in seen.attributes} <= set().union(*content._ATTRIBUTES.values())
    assert all(
        re.fullmatch(r"(?:mailto|tel):[!-~]+|https?://[!-~]+", value)
        for name, value in seen.attributes
        if name == "href"
    )
    assert all(re.fullmatch(r"https?://[!-~]+", value) for name, value in seen.attributes if name in {"src", "cite"})
    assert not any(name == "id" for name, _ in seen.attributes)


@pytest.mark.slow
@settings(max_examples=3 * settings.default.max_examples)
@given(fragments)
@example("<h1><b><h1></b><caption><col></table><ul><img>")
@example("<pre><img>\n")
@example("<pre><td>\n")
@example("<a><table><a href=javascript:x>")
def test_sanitised_html_is_stable(fragment) -> None:
    """Sanitising it again changes nothing, and it can be written in any format."""
    once = sanitised(fragment)

    assert sanitised(once) == once
    assert text.multiline(once) == once
    once.encode()


@pytest.mark.slow
@settings(max_examples=2 * settings.default.max_examples)
@given(st.text(max_size=200) | fragments)
def test_markdown(body) -> None:
    """Any Markdown body leads to safe HTML and a plain summary."""
    item = item_of(body=body)

    seen = Seen(item.content)
    assert set(seen.tags) <= content._TAGS
    assert text.cut(" ".join(item.summary.split()), text.SUMMARY_LENGTH) == item.summary


@pytest.mark.parametrize(
    ("fragment", "clean"),
    [
        ("<p onclick=x>a<script>alert(1)</script></p>", "<p>a</p>"),
        ("<b>open", "<b>open</b>"),
        ('<a href="javascript:alert(1)">a</a>', "<a>a</a>"),
        ('<a href="#top">a</a>', f'<a href="{BASE}#top">a</a>'),
        ('<a href="?a=1&amp;b=2">a</a>', f'<a href="{BASE}?a=1&amp;b=2">a</a>'),
        ('<a href="?q=&amp;amp;">a</a>', f'<a href="{BASE}?q=&amp;amp;">a</a>'),
        (
            '<img src="//cdn.example/a.jpg" width="640" height="50%">',
            '<img src="https://cdn.example/a.jpg" width="640">',
        ),
        ('a<img src="data:image/png;base64,x" alt="b">c', "ac"),
        ('a<img alt="see src=x" lang="en">c', "ac"),
        ('<img alt="see src=x > y" src="/i.png">', '<img alt="see src=x &gt; y" src="https://example.org/i.png">'),
        ('<svg><a href="https://example.org/">a</a></svg>b', "b"),
        ("<style>p{}</style><p style='color:red' class=x>a</p>", "<p>a</p>"),
        ("<!-- a -->b", "b"),
        ("a &lt;script&gt; b", "a &lt;script&gt; b"),
        ('<form action="/"><input name=a><p>b</p></form>', "<p>b</p>"),
        ("a\x00\u202eb\u200e", "ab\u200e"),
        ('<a href="MAILTO:a@b.example?subject=&quot;x y">a</a>', "<a>a</a>"),
        ('<a href=" mailto:ü@b.example?subject=x%20y">a</a>', '<a href="mailto:%C3%BC@b.example?subject=x%20y">a</a>'),
        ('<a href="tel:+43123456">a</a><img src="tel:1">', '<a href="tel:+43123456">a</a>'),
        (
            '<li id="fn-0123abcd-1">a</li><p id="fn-0123abcd-2">b</p><a id="location">c</a>',
            '<li id="fn-0123abcd-1">a</li><p>b</p><a>c</a>',
        ),
    ],
)
def test_sanitised(fragment, clean) -> None:
    """Allowed elements stay, others are removed, and URLs become absolute."""
    assert sanitised(fragment) == clean


def test_a_video_becomes_a_linked_thumbnail() -> None:
    """An iframe of YouTube becomes a linked picture: the item's own, else the video's."""
    frame = '<iframe width="560" src="//www.youtube.com/embed/abcdefghijk?rel=0" allowfullscreen></iframe>'
    own = Image(url="https://example.org/a.jpg?b=1&c=2")

    assert sanitised(frame) == (
        '<p><a href="https://www.youtube.com/watch?v=abcdefghijk"><img src="https://i.ytimg.com/vi/abcdefghijk/hqdefault.jpg"'
        ' alt="Watch on www.youtube.com"></a></p>'
    )
    assert sanitised(frame, picture=own) == (
        '<p><a href="https://www.youtube.com/watch?v=abcdefghijk"><img src="https://example.org/a.jpg?b=1&amp;c=2"'
        ' alt="Watch on www.youtube.com"></a></p>'
    )


@pytest.mark.parametrize("more", [' lang="en"', ' dir="rtl"', " LANG=de dir=ltr", ' title="see src=x" name="a"'])
def test_a_frame_is_recognised_with_any_attributes(more: str) -> None:
    """An iframe with a language, a direction or a title becomes the same link as one without."""
    plain = sanitised('<iframe src="https://maps.example.com/a"></iframe>')

    assert plain
    assert sanitised(f'<iframe{more} src="https://maps.example.com/a"></iframe>') == plain
    assert sanitised(f'<iframe src="https://maps.example.com/a"{more}></iframe>') == plain
    assert sanitised('<p lang="de">a</p><iframe></iframe>') == '<p lang="de">a</p>'


def test_another_frame_becomes_a_link() -> None:
    """An iframe of another site becomes a text link; one without a valid URL is removed."""
    assert sanitised('<iframe src="https://maps.example.com/a?b&amp;c"></iframe>') == (
        '<p><a href="https://maps.example.com/a?b&amp;c">Watch on maps.example.com</a></p>'
    )
    assert sanitised('a<iframe src="javascript:alert(1)"></iframe>b') == "ab"
    assert sanitised('a<IFRAME srcdoc="<script>alert(1)</script>">b</IFRAME>c') == "ac"


@pytest.mark.parametrize(
    ("fragment", "clean"),
    [
        (
            '<video src="a.mp4" poster="/p.jpg" controls>Your browser cannot. <a href="a.mp4">Download</a></video>',
            (
                '<a href="https://example.org/news/a.mp4"><img src="https://example.org/p.jpg" alt="Watch on example.org"></a>'
                ' <a href="https://example.org/news/a.mp4">Download</a>'
            ),
        ),
        (
            '<p><audio><source src="//cdn.example/a.ogg"><source src="a.mp3">no</audio></p>',
            '<p><a href="https://cdn.example/a.ogg">Listen on cdn.example</a></p>',
        ),
        ('<video poster="/p.jpg"></video>', '<img src="https://example.org/p.jpg">'),
        ("a<video></video>b<audio src='javascript:x'>c</audio>d", "abd"),
        ("<VIDEO class=x lang=en SRC=a.mp4>", '<a href="https://example.org/news/a.mp4">Watch on example.org</a>'),
    ],
)
def test_films_and_sounds_become_links(fragment, clean) -> None:
    """They are linked with their poster, and the links inside, which are for browsers that cannot play them, stay."""
    assert sanitised(fragment) == clean


@pytest.mark.parametrize(
    ("fragment", "clean"),
    [
        (
            '<img src="data:image/gif;base64,x" data-src="/a.jpg" loading="lazy" alt="b">',
            '<img src="https://example.org/a.jpg" alt="b">',
        ),
        ('<img src="/blank.gif" data-src="/a.jpg?b=1&amp;c=2">', '<img src="https://example.org/a.jpg?b=1&amp;c=2">'),
        ('<img src="/a.jpg" srcset="/b.jpg 2x" loading="lazy">', '<img src="https://example.org/a.jpg">'),
        ('<img srcset="/a.jpg 480w,/b.jpg 1200w, /c.jpg 4000w">', '<img src="https://example.org/b.jpg">'),
        ('<img srcset="/a,b.jpg, /c.jpg 2x,">', '<img src="https://example.org/c.jpg">'),
        ('<img data-srcset="/a.jpg">', '<img src="https://example.org/a.jpg">'),
        ('<img srcset=",">a', "a"),
        (
            '<picture><source srcset="/a.avif 1x"><img alt="b"></picture>',
            '<img src="https://example.org/a.avif" alt="b">',
        ),
        ('<picture><source srcset="/a.avif"></picture>', '<img src="https://example.org/a.avif">'),
        ('<picture><source srcset="/a.avif"><img src="/b.jpg"></picture>', '<img src="https://example.org/b.jpg">'),
    ],
)
def test_late_pictures_have_an_address(fragment, clean) -> None:
    """Pictures that scripts load late, and those that are offered in several sizes, have a real `src`."""
    assert sanitised(fragment) == clean


def item_of(now: int = 2_000, mode: Any = "full", related: tuple[Related, ...] = (), **fields: Any) -> Item:
    seed = Seed(**{"title": "A", "link": BASE, "published": 1_000, **fields})
    return content.item(seed, id=BASE, topics=("Oceans",), related=related, now=now, content=mode)


def test_the_excerpt_is_the_summary_and_the_body_the_content() -> None:
    """Without a body the excerpt is also the content; without an excerpt the body's beginning is the summary."""
    both = item_of(excerpt="Fish &amp; chips", body="The *body*.")
    only_excerpt = item_of(excerpt="Fish &amp; <b>chips</b>")
    only_body = item_of(body="The *body*. " * 100)

    assert (both.summary, both.content) == ("Fish & chips", "<p>The <em>body</em>.</p>")
    assert (only_excerpt.summary, only_excerpt.content) == ("Fish & chips", "<p>Fish &amp; chips</p>")
    assert only_body.summary.startswith("The body. The body.")
    assert len(only_body.summary) <= summaries.EXCERPT_FROM_BODY
    assert item_of(excerpt="Fish", body="The body.", mode="summary").content == ""


@pytest.mark.parametrize(
    ("keys", "has_more"),
    [
        ({"excerpt": "Short."}, False),
        ({"excerpt": "Short & sweet.", "body": "Short &\n*sweet*."}, False),
        ({"excerpt": "Short.", "body": "Short. And then much more of it."}, True),
        ({"body": "Short."}, False),
        ({"body": "A sentence of some length. " * 40}, True),
        ({"excerpt": "Short.", "body": "Short.\n\n![A pier](https://x.example/a.png)"}, True),
        ({"excerpt": "Short.", "embed": "<p>A film.</p>"}, True),
    ],
)
def test_what_tells_more_than_its_summary(keys: dict[str, Any], has_more: bool) -> None:
    """A body does if it has more letters or pictures; related coverage does not count, and no text is none."""
    related = (Related(title="Elsewhere", link="https://other.example/"),)

    assert item_of(**keys, related=related).has_more == has_more
    assert not item_of(**{"excerpt": "Short.", **keys}, mode="summary").has_more


def test_the_first_paragraphs_are_the_summary() -> None:
    """They are whole, without headings, code, tables, footnotes and captions; one that is too long is cut at a word."""
    words = " ".join(f"word{number}" for number in range(60))
    for body, summary in {
        "# Title\n\nOne *two*.\n\n## More\n\n- three\n- four\n\n```\ncode\n```\n\nFive.": "One two. three four Five.",
        f"{'One. ' * 30}\n\n{words}": ("One. " * 30).strip(),
        f"One.\n\n{words}": text.cut(f"One. {words}", 300),
        f"{words}\n\nOne.": text.cut(words, 300),
        "A claim[^1].\n\n[^1]: A note.": "A claim.",
        "|a|b|\n|-|-|\n|1|2|": "a b 1 2",
        "# Only a title": "Only a title",
        "One.\n\nTwo.\n\n<!--more-->\n\nThree.": "One. Two.",
        "`<!--more-->` is code.\n\nOne.": "<!--more--> is code. One.",
        f"{words}\n\n<!--more-->\n\nThree.": words,
        "![](a.png)\n\n<!--more-->\n\nOne.": "One.",
    }.items():
        assert item_of(body=body).summary == summary, body


@pytest.mark.parametrize(
    "hollow", ["&nbsp;", "<div></div>", "<script>x()</script>", "<!-- x -->\n\n&#8203;", "<p></p>\n<hr>"]
)
def test_a_body_without_anything_to_see_is_none(hollow: str) -> None:
    """Then the excerpt is the content, and never an empty paragraph."""
    assert item_of(body=hollow, excerpt="Fish").content == "<p>Fish</p>"
    assert item_of(body=hollow).content == ""
    assert item_of(body=f"{hollow}\n\n![](a.png)", excerpt="Fish").content.count("<img") == 1


def test_a_body_of_html_is_no_markdown() -> None:
    """It is sanitised like an embed; its addresses resolve against its base, and places in it are on its own page."""
    item = item_of(
        body='<p>*a* <a href="b">b</a> <a href="#c">c</a></p>\n\n    d<script>e</script>',
        markup="html",
        base="https://site.example/x/",
    )
    assert item.content == f'<p>*a* <a href="https://site.example/x/b">b</a> <a href="{BASE}#c">c</a></p>\n\n    d'
    assert item_of(body="<p>*</p>\n" * text.MAX_MARKS, markup="html").content.startswith("<pre>&lt;p&gt;*")


def test_footnotes_are_listed_at_the_end() -> None:
    """They are numbered as they are referred to, and lead there and back; no two items have the same ids."""
    body = "One[^b] two[^a] three[^b].\n\n[^a]: *First*.\n[^b]: Second.\n\n    More.\n\n[^c]: Unused.\n"
    item = item_of(body=body)

    assert item.content == (
        f'<p>One<sup><a href="{BASE}#fn-b304a8e3-1" id="fnref-b304a8e3-1">1</a></sup> two<sup><a href="{BASE}#fn-b304a8e3-2"'
        f' id="fnref-b304a8e3-2">2</a></sup> three<sup><a href="{BASE}#fn-b304a8e3-1">1</a></sup>.</p>\n<hr>\n<ol>\n'
        f'<li id="fn-b304a8e3-1"><p>Second.</p>\n<p>More. <a href="{BASE}#fnref-b304a8e3-1">↩︎</a></p>\n</li>\n'
        f'<li id="fn-b304a8e3-2"><p><em>First</em>. <a href="{BASE}#fnref-b304a8e3-2">↩︎</a></p>\n</li>\n</ol>'
    )
    assert "b304a8e3" not in item_of(body=body, link=f"{BASE}2").content


@pytest.mark.parametrize(
    ("body", "linked"),
    [
        ("See https://example.net/page for more.", ["https://example.net/page"]),
        (
            "(https://example.net/a_(b)), *www.example.net/c*. “HTTPS://Example.net/d”!",
            ["https://example.net/a_(b)", "https://www.example.net/c", "https://example.net/d"],
        ),
        ("见https://example.net/页。再", ["https://example.net/%E9%A1%B5"]),
        ("https://example.net/?a=1&amp;b=2&c; x", ["https://example.net/?a=1&amp;b=2&amp;c"]),
        ("ada@example.net, and +x.y_z@a-b.example.", ["mailto:ada@example.net", "mailto:+x.y_z@a-b.example"]),
        (
            "[a https://b.example](https://c.example) <a href='/d'>https://e.example</a>",
            ["https://c.example/", "https://example.org/d"],
        ),
        (
            "`https://a.example` http\\://b.example http://localhost/ http://a_b.c_d/ https://u:p@h.example a@b @c xhttp://d.example",
            [],
        ),
        ("    https://code.example\n\n<div>https://html.example</div>", []),
    ],
)
def test_bare_addresses_become_links(body: str, linked: list[str]) -> None:
    """As on GitHub: without the punctuation after them, and not in code, in HTML or in other links."""
    assert re.findall(r'href="([^"]*)"', item_of(body=body).content) == linked


@pytest.mark.parametrize("unseen", ["&#8203;", "&nbsp;&zwnj;", "&shy; \n\n![](x.png)"])
def test_invisible_text_is_not_a_summary(unseen: str) -> None:
    """Editors leave joiners and soft hyphens behind, which would make a blank description."""
    assert item_of(body=unseen).summary == ""

    assert item_of().summary == item_of().content == ""


def test_related_coverage() -> None:
    """Related items are listed below the content, escaped, with their source."""
    one = Related(
        title="Fish & <chips>", link="https://other.example/?a=1&b=2", provider=Provider(domain="other.example")
    )

    assert item_of(related=(one,)).content == (
        '<h4>Related coverage</h4><ul><li><a href="https://other.example/?a=1&amp;b=2">Fish &amp; &lt;chips&gt;</a>'
        " (other.example)</li></ul>"
    )


def test_which_related_items_are_listed() -> None:
    """Related items are listed unless their quality is too low; one without quality is listed."""
    low, high, bare = (Related(title="A", link=BASE, quality=quality) for quality in (10, 80, None))

    assert content.visible_related((low, high, bare), 50) == (high, bare)
    assert content.visible_related((low, high, bare), None) == (low, high, bare)


@pytest.mark.parametrize(
    ("updated", "now", "expected"),
    [(None, 2_000, 1_000), (1_500, 2_000, 1_500), (2_500, 2_000, 1_000), (500, 2_000, 1_000)],
)
def test_a_future_update_is_ignored(updated, now, expected) -> None:
    """An item's update is never in the future and never before its publication."""
    assert item_of(updated=updated, now=now).updated == datetime.fromtimestamp(expected, UTC)


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("en-us", "en-US"),
        ("pt_BR", "pt-BR"),
        ("de", "de"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("EN", "en"),
        ("english", ""),
        ("", ""),
        ("e", ""),
    ],
)
def test_language(locale, language) -> None:
    """Locales as people write them become BCP 47 tags, or ""."""
    assert item_of(locale=locale).language == language


def test_who_is_the_author() -> None:
    """The author is the seed's, else the provider's name, else its domain."""
    assert item_of(author="Ada", provider=Provider(name="Post")).author == "Ada"
    assert item_of(provider=Provider(name="Post", domain="post.example")).author == "Post"
    assert item_of(provider=Provider(domain="post.example")).author == "post.example"
    assert item_of().author == ""


def test_tags_are_topics_and_tags() -> None:
    """Tags are the names of the topics, then further tags, each once."""
    item = item_of(tags=("tide", "Oceans", "tide"))

    assert (item.topics, item.tags) == (("Oceans",), ("Oceans", "tide"))


@pytest.mark.parametrize("tag", ["div", "b", "span", "blockquote"])
def test_deeply_nested_html_is_shown_as_plain_text(tag: str) -> None:
    """A parser's time grows with the square of the depth: 100,000 elements would take minutes."""
    found = content.sanitised(f"<{tag}>" * 600, base="https://a.example/")
    assert found == f"<pre>{f'&lt;{tag}&gt;' * 600}</pre>"


def test_many_elements_that_are_not_nested_are_kept() -> None:
    """Thousands of unclosed paragraphs and list items, and of closed elements, are kept."""
    many = "<p>a<br>" * 2_000 + "<ul>" + "<li>b" * 2_000 + "</ul>" + "<b>c</b>" * 2_000
    assert content.sanitised(many, base="https://a.example/").count("<b>c</b>") == 2_000


@pytest.mark.parametrize("attribute", ["a", "a=b", "a='b c'", 'a = "<>"', "/a", "=a", 'a="b"c'])
def test_a_tag_with_hundreds_of_attributes_is_shown_as_plain_text(attribute: str) -> None:
    """A parser compares each attribute with all before it: 100,000 take ten seconds."""
    written = [f" {attribute.replace('a', f'a{number}')}" for number in range(450)]
    assert content.sanitised(f"<b{''.join(written)}>c</b>", base=BASE).startswith("<pre>&lt;b ")
    assert content.sanitised(f"<b{''.join(written[:90])}>c</b>" * 30, base=BASE) == "<b>c</b>" * 30


def test_a_body_with_too_many_marks_is_shown_as_plain_text() -> None:
    """It keeps its line breaks and has a summary; with one mark fewer it is Markdown."""
    marks = "*a* <br>\n" * (text.MAX_MARKS // 5)
    assert item_of(body=marks).content.startswith("<p><em>a</em> <br>\n<em>a</em> ")
    item = item_of(body=f"{marks}*")
    assert item.content.startswith("<pre>*a* &lt;br&gt;\n*a* ")
    assert item.summary.startswith("*a* <br> *a*")
    assert item_of(embed=marks).content.startswith("*a* <br>")
    assert item_of(embed=f"{marks}*").content.startswith("<pre>*a* &lt;br&gt;")
    assert item_of(body=f"*a*\n{'<div>' * 600}").content.startswith("<pre>*a*\n&lt;div&gt;")


@pytest.mark.parametrize("body", ["word <b>bold</b> & ", "<b></b>", "<img src=a alt=b>\n\n", "x" * 90 + " "])
def test_the_summary_of_a_long_body_is_that_of_all_of_it(body: str) -> None:
    """The summary is the same whether or not the body's beginning has enough text for it."""
    item = item_of(body=f"{body * 1_500}end")
    assert item.summary == text.cut(text.of_html(item.content), summaries.EXCERPT_FROM_BODY)
