"""Markup of which a parser makes far more than was written is shown as it was typed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aggregator.model.items import Image, Seed
from aggregator.normalizer import content, growth, markdown

LINK = "https://news.example.org/x"
LONG_LINK = f"https://news.example.org/{'x' * 1_900}/y"
AMPLIFIERS = {
    "an inline element is opened again in each paragraph": f"<b lang={'a' * 7_000}>" + "<p>x" * 5_000,
    "one with a > in its attribute": f"<b title='>{'a' * 7_000}'>" + "<p>x" * 5_000,
    "one in an attribute that only looks like one": f"<xmp><p title='</xmp><b lang={'a' * 7_000}>'>" + "<p>x" * 5_000,
    "one that a cell hides from its end tag": f"<b lang={'a' * 7_000}><table><td></b></table>" + "<p>x" * 5_000,
    "one that a comment seems to close": f"<b lang={'a' * 7_000}><!--</b>-->" + "<p>x" * 5_000,
    "one in a drawing's title": f"<svg><title><b lang={'a' * 7_000}></title></svg>" + "<p>x" * 5_000,
    "hundreds of different ones": "".join(f"<p><i lang=l{number}>" for number in range(400)) + "<p>x" * 4_000,
    "one that is closed in the wrong place": f"<b lang={'a' * 7_000}><b><b>" + "<div><i>" * 150 + "</b>" * 3_000,
    "links in links": f"<a href=/{'a' * 1_900}><div>" * 100 + "<p>x" * 4_000,
    "relative links and a long base": "<a href=y>z</a>" * 2_000,
    "relative pictures and a long base": "<img src=y>" * 2_000,
    "a reference to a long address": f"[a]: https://a.example/{'y' * 1_900}\n\n" + "[a] " * 3_000,
    "a reference with a long title": f"[a]: /u '{'t' * 9_000}'\n\n" + "[a] " * 3_000,
    "pictures by reference": f"[a]: /u '{'t' * 9_000}'\n\n" + "![a] " * 3_000,
    "a table whose rows are completed": f"{'a|' * 500}\n{'-|' * 500}\n" + "|\n" * 1_000,
    "a quoted table whose rows are completed": f"> {'a|' * 500}\n> {'-|' * 500}\n" + "> -|\n" * 1_000,
    "a footnote that is referred to all the time": f"[^1]: {'n' * 1_000}\n\n" + "x[^1] " * 10_000,
    "footnotes by the thousand": "".join(f"[^{number}] " for number in range(3_000))
    + "".join(f"\n[^{number}]: x" for number in range(3_000)),
    "references to footnotes and a long base": "[^1]: n\n\n" + "xxxxxxxxxxxx[^1] " * 2_000,
    "hidden depth": "".join(f"<i lang=l{number}></x>" for number in range(3_000)),
    "depth that end tags of others hide": "<div><object></div></object>" * 3_000,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", AMPLIFIERS)
def test_a_body_that_would_grow_is_shown_as_typed(name: str) -> None:
    """It is so before a parser makes anything of it, and with its own words."""
    body = AMPLIFIERS[name]
    seed = Seed(title="T", link=LONG_LINK if "base" in name else LINK, published=0, body=body)
    found = item_content(seed)
    assert found.startswith(f"<pre>{body[:2].replace('<', '&lt;').replace('>', '&gt;')}")
    assert len(found) <= growth.allowed(body)


@pytest.mark.parametrize("name", [name for name in AMPLIFIERS if AMPLIFIERS[name].startswith("<")])
def test_an_embed_that_would_grow_is_shown_as_typed(name: str) -> None:
    """The same bounds hold for `featuredContent`."""
    seed = Seed(title="T", link=LONG_LINK, published=0, embed=AMPLIFIERS[name])
    assert item_content(seed).startswith("<pre>&lt;")


def test_frames_with_a_long_picture_are_shown_as_typed() -> None:
    """Each frame becomes a thumbnail with the seed's picture."""
    frames = "<iframe src=https://a.example/></iframe>" * 500
    seed = Seed(title="T", link=LINK, published=0, embed=frames, images=(Image(url=LONG_LINK),))
    assert item_content(seed).startswith("<pre>&lt;iframe ")


@pytest.mark.parametrize(
    "written",
    [
        "<p><b>bold<p>goes on" * 300,
        "<p><b>x</p>" * 400,
        "<div><a href=/a><h3>title</h3><p>text</p></a></div>" * 100,
        "<table><tr><td><a href=/a>x</a></td><td><b>y</b></td></tr></table>" * 500,
        "<p>a <!-- <b>old</b> --> b</p>" * 600,
        "<p><svg viewBox='0 0 1 1'><path d='M0'/></svg> <a href=/a>x</a></p>" * 400,
        "<script>if (a < b) document.write('<b>')</script><p>x</p>" * 400,
        "<p>1 < 2, <i>a</i> & <b><i>b</b></i></p>" * 400,
    ],
)
def test_careless_html_is_still_rendered(written: str) -> None:
    """Unclosed and misnested elements, cards, tables, comments, drawings and scripts of real pages keep their markup."""
    assert not content.sanitised(written, base=LINK).startswith("<pre>")


def test_addresses_by_the_thousand_become_links_up_to_a_bound() -> None:
    """They are bare addresses of a few characters; the others stay text, and it takes little time."""
    began = time.process_time()
    found = item_content(Seed(title="T", link=LINK, published=0, body="a@b.cc, www.a.bc " * 8_000))
    assert found.count("<a href=") == markdown.MOST_BARE_ADDRESSES
    assert found.count("www.a.bc") > 8_000
    assert len(found) <= growth.allowed("x" * 17 * 8_000)
    assert time.process_time() - began < 12


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    [
        "[^",
        "[^1",
        "[^1]:",
        "[^1]: ",
        "> [^1]: x\n",
        "x[^1] ",
        "https://",
        "www.",
        "a@",
        "a@b.",
        "https://a.b*c* ",
        "(((https://a.b)))",
        "<a>",
    ],
)
def test_hostile_footnotes_and_addresses_take_time_in_proportion(unit: str) -> None:
    """Four times the text takes about four times as long, never sixteen."""
    seconds = []
    for count in (800, 3_200):
        began = time.process_time()
        item_content(Seed(title="T", link=LINK, published=0, body=f"[^1]: x\n\n{unit * count}"))
        seconds.append(time.process_time() - began)
    assert seconds[1] < 8 * seconds[0] + 0.3


@pytest.mark.parametrize("unit", ["<script", "<a/b=c", "<a"])
def test_tags_that_never_end_are_found_in_little_time(unit: str) -> None:
    """Each of them would be read to the end of the fragment."""
    fragment = unit * 29_000 + "x" * 500_000
    start = time.process_time()
    assert not growth.is_parsed_cheaply(fragment)
    assert time.process_time() - start < 1


def test_wide_tables_with_every_cell_are_still_rendered() -> None:
    """Also if they are aligned, which takes more in the HTML before it is sanitised."""
    body = f"{'a|' * 20}\n{'-:|' * 20}\n" + f"{'1|' * 20}\n" * 300
    assert item_content(Seed(title="T", link=LINK, published=0, body=body)).count("<td>1</td>") == 6_000


def test_nothing_is_parsed_that_would_take_much_memory() -> None:
    """A body of 63 kB that took 1.3 GB and 29 s needs less than 300 MB of address space more than Python itself."""
    body = f"<b lang={'a' * 7_000}>" + "<p>x" * 14_000
    code = f"""
import resource
from aggregator.model.items import Seed
from aggregator.normalizer import content
content.sanitised("*x*", base="https://x.example/")
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 300 * 10**6,) * 2)
seed = Seed(title="T", link={LINK!r}, published=0, embed={body[:29_000]!r})
print(len(content.item(seed, id="x", topics=(), related=(), now=0).content))
"""
    root = Path(content.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-500:]
    assert int(result.stdout) < 100_000


def item_content(seed: Seed) -> str:
    """Return a seed's content as feeds show it."""
    return content.item(seed, id="x", topics=(), related=(), now=0).content
