"""Hostile text in any field of a seed, a topic file or the config does nothing on any page, in a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Sample, Visit

ATTACKS = (
    "<script>window.hit=1;alert(1)</script>",
    '<img src=x onerror="window.hit=1;alert(2)">',
    "\"'><svg onload=window.hit=1>",
    "</title></textarea></script></style><script>window.hit=1</script>",
    "]]><script>window.hit=1</script><![CDATA[",
    '<a href="javascript:window.hit=1">x</a><iframe src="javascript:parent.hit=1"></iframe>',
    '<a href="data:text/html,<script>alert(3)</script>">y</a><object data="data:text/html,x"></object>',
    "</item><item><entry onclick='window.hit=1'>&lt;script&gt;window.hit=1&lt;/script&gt;{{7*7}}",
    "[click](javascript:window.hit=1) ![x](data:text/html,x) <javascript:window.hit=1>",
)  # fmt: skip
ALL = "INJECTED" + " ".join(ATTACKS)
LINKS = (
    "javascript:window.hit=1",
    "data:text/html,<script>window.hit=1</script>",
    'https://x.example/"onclick="window.hit=1',
)
BAD = "script:not([src]):not([type='application/ld+json'])"
FIND_INJECTED = """() => ({
    hit: window.hit || 0,
    handlers: [...document.querySelectorAll('*')].flatMap(
        one => one.getAttributeNames().filter(name => name.startsWith('on')).map(name => one.tagName + ' ' + name)),
    addresses: [...document.querySelectorAll('[href], [src], [action], [data], [srcset]')].flatMap(
        one => ['href', 'src', 'action', 'data', 'srcset'].map(name => one.getAttribute(name) || '')
            .filter(value => /^\\s*(javascript|data|vbscript):/i.test(value) && one.tagName !== 'LINK')),
    strangers: [...document.querySelectorAll('iframe, object, embed, textarea, entry, item, form[action^=http]')]
        .map(one => one.outerHTML),
    scripts: [...document.scripts].filter(one => one.text.includes('hit=1')).map(one => one.outerHTML),
})"""
NOTHING: dict[str, Any] = {"hit": 0, "handlers": [], "addresses": [], "strangers": [], "scripts": []}


def write(folder: Path, name: str, **keys: Any) -> None:
    body = keys.pop("body", "")
    lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in keys.items())
    (folder / f"seeds/{name}.md").write_text(f"---\n{lines}---\n{body}")


def hostile_seed(number: int, link: str) -> dict[str, Any]:
    image = {"url": link, "title": ALL, "width": 10, "height": 10}
    safe = f"https://news.example.org/{number}"
    return {
        "title": ALL[number * 7:], "excerpt": ALL, "body": f"{ALL}\n\n" + "\n\n".join(ATTACKS), "webUrl": safe,
        "originalUrl": link, "ampWebUrl": link, "cdnAmpWebUrl": link, "publishedDateTime": f"2026-01-0{number + 1}",
        "topics": [ALL[:60], "Hostile", ATTACKS[number]], "tags": [ALL, *ATTACKS], "category": ALL, "type": ATTACKS[0],
        "locale": ATTACKS[1], "author": ALL, "provider": {"name": ALL, "domain": link, "images": [image]},
        "images": [image, {"url": f"{safe}.png", "title": ALL}], "featuredContent": ALL, "id": f"urn:x:{number}",
        "related": [{"title": ALL, "webUrl": f"https://r.example/{number}", "excerpt": ALL, "provider": {"name": ALL}},
                    {"title": ALL, "webUrl": link}],
        ATTACKS[0]: 1, "quality": 90,
    }  # fmt: skip


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Serve a site with hostile text in every text field."""
    made = Sample(tmp_path_factory.mktemp("hostile"))
    for path in (*made.folder.glob("seeds/**/*.md"), *made.folder.glob("config/topics/*")):
        path.unlink()
    for number, link in enumerate(LINKS):
        write(made.folder, f"2026-01-01-{number}", **hostile_seed(number, link))
    write(made.folder, "broken <img src=x onerror=window.hit=1>", title=[ALL], webUrl=LINKS[0])
    topic = {"_id": "hostile", "name": ALL, "shortname": ALL, "description": ALL, "keywords": [ALL], "hashtags": [ALL]}
    (made.folder / "config/topics/hostile.yaml").write_text(json.dumps({**topic, "images": [], ATTACKS[0]: ALL}))
    query = {"slug": "query", "title": ALL, "description": ALL, "where": {"title": "INJ"}}
    config = {
        "site": {"title": ALL, "description": ALL, "author": ALL, "url": made.address},
        "seeds": "../seeds", "feeds": "../feeds", "state": "../state", "server": {"port": made.port, "trust_local": True},
        "rules": {"min_quality": 50}, "feeds_by_query": [query],
    }  # fmt: skip
    (made.folder / "config/aggregator.yaml").write_text(json.dumps(config))
    made.start()
    yield made
    made.stop()


def opened(visitor: Visit, path: str) -> dict[str, Any]:
    """Open a page, click and type on it, and return what hostile text achieved."""
    page = visitor.open(path)
    for summary in page.locator("summary").all():
        summary.click()
    if page.locator("#find").count():
        page.locator("#find").fill(ATTACKS[1])
    found: dict[str, Any] = page.evaluate(FIND_INJECTED)
    return found


def test_hostile_text_does_not_run_or_become_an_element(chromium: Any, hostile: Sample) -> None:
    """The index, feeds, status and explanations have no dialog, handler, injected element or script URL."""
    visitor = Visit(chromium, hostile)
    dialogs: list[str] = []
    visitor.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    feeds = [f"{path.parent.name}/" for path in sorted(hostile.folder.glob("feeds/*/index.html"))]
    asked = ("-/explain?q=urn:x:1", "-/explain?q=%3Cscript%3Ewindow.hit=1%3C/script%3E%22onload=%22window.hit=1")
    assert {"all/", "hostile/", "query/"} <= set(feeds)
    for path in ("", *feeds, "-/status", *asked):
        assert opened(visitor, path) == NOTHING, path
    visitor.open("all/")
    assert "<script>window.hit=1" in visitor.page.locator("body").inner_text(), "the words are shown as words"
    visitor.context.close()
    assert dialogs == []
    assert visitor.complaints == []
