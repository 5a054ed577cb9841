"""The text of an entry's own page: the article, and nothing around it."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from aggregator.collector.page import text_of_page
from aggregator.normalizer.content import sanitised

pytest.importorskip("readability")

URL = "https://blog.example.org/2026/post/"
WORDS = "The harbour was quiet, the tide was low, and all of the boats lay on their sides in the mud, waiting for the evening. "
ARTICLE = f"""<h1>The title</h1>
<p>First: {WORDS * 2}</p>
<p>Second: {WORDS} <a href="../other/?utm_source=x">a link</a>, and more.</p>
<h2>A heading</h2>
<pre><code>def f():
    return 1

    # end
</code></pre>
<ul><li>one point, with words</li><li>another point</li></ul>
<figure><img src="/boat.png" alt="A boat"><figcaption>A boat, at low tide</figcaption></figure>
<table><tr><th>Year</th><th>Boats</th></tr><tr><td>2025</td><td>12</td></tr></table>
<blockquote><p>Quoted: {WORDS}</p></blockquote>
<script>alert(1)</script>"""
NAVIGATION = "<ul>" + "".join(f"<li><a href='/{n}'>Section {n}</a></li>" for n in range(12)) + "</ul>"
AROUND = f"<div class='related'><ul><li><a href='/r'>Related story</a></li></ul></div><div class='comments'><p>A comment. {WORDS}</p></div>"


def page(body: str) -> bytes:
    return f"<!doctype html><html><head><meta charset=utf-8><title>The title - Blog</title></head><body>{body}</body></html>".encode()


LAYOUTS = {
    "semantic": f"<header><nav>{NAVIGATION}</nav></header><main><article>{ARTICLE}</article></main><aside>About me</aside><footer>Imprint</footer>",
    "wordpress": f"<div id=masthead>{NAVIGATION}</div><div id=content><div class='post hentry'><div class=entry-content>{ARTICLE}</div></div>{AROUND}</div><div id=colophon>Imprint</div>",
    "divs": f"<div class=a>{NAVIGATION}</div><div class=b>{ARTICLE}</div><div class=footer>Imprint</div>",
    "tables": f"<table><tr><td>{NAVIGATION}</td><td><font>{ARTICLE}</font></td></tr><tr><td>Imprint</td></tr></table>",
    "nothing around it": ARTICLE,
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_article_is_found(layout: str) -> None:
    """Its text, code, lists, tables and pictures are whole; navigation, comments and the title are not in it."""
    found = sanitised(text_of_page(page(LAYOUTS[layout]), content_type="text/html; charset=utf-8", url=URL), base=URL)
    for words in (
        "First: The",
        "Second: The",
        "A heading",
        "    return 1\n\n    # end",
        "another point",
        "A boat, at low tide",
        "<td>2025</td>",
        "Quoted: The",
    ):
        assert words in found
    assert '<a href="https://blog.example.org/2026/other/">a link</a>' in found
    assert '<img src="https://blog.example.org/boat.png" alt="A boat">' in found
    for words in ("The title", "Section 3", "Related story", "A comment", "alert", "Imprint"):
        assert words not in found


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "text/html"), (page(""), "text/html"), (page("<p>Short.</p>"), "text/html"), (page(ARTICLE), "application/pdf"), (b"\x89PNG", ""),
        (page(ARTICLE) + b" " * 3_200_000, "text/html"), (page("<div>" * 5_000), "text/html"), (page("<p>a, b</p>" * 30_000), "text/html"), (b"<!--", "text/html"),
    ],
)  # fmt: skip
def test_a_page_without_a_text_gives_none(body: bytes, content_type: str) -> None:
    """Or that is no page, too long, too deep, or of too many elements; none of them takes long."""
    before = time.process_time()
    assert text_of_page(body, content_type=content_type, url=URL) == ""
    assert time.process_time() - before < 5


@pytest.mark.slow
@pytest.mark.parametrize("start", ["", "<div>" * 190], ids=["flat", "deep"])
def test_a_page_of_many_elements_takes_seconds_at_most(start: str) -> None:
    """As many as are searched, in a shape that is compared part by part: 2.5 s of a processor."""
    before = time.process_time()
    assert text_of_page(page(start + f"<p>{WORDS}</p>" * 9_000), content_type="text/html", url=URL)
    assert time.process_time() - before < 15


def test_without_the_extra_it_is_said_what_to_install() -> None:
    """Instead of a traceback, in a process that does not find the package."""
    code = (
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "class Without(PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        return None if name == 'readability' else super().find_spec(name, path, target)\n"
        "sys.meta_path = [Without if one is PathFinder else one for one in sys.meta_path]\n"
        "from aggregator.collector.page import text_of_page\n"
        "from aggregator.model.errors import AggregatorError\n"
        "try: text_of_page(b'', content_type='', url='')\n"
        "except AggregatorError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "`content: page` needs readability-lxml (install it with the extra: `aggregator-feeds[fulltext]`)\n"
    )
