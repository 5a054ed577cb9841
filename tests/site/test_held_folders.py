"""Folders whose posts are held back by a file that speaks for all of them, as their programs have it (G15)."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from support.site_folder import SiteFolder

from aggregator.site.explain import explain

BASE = "https://blog.example.org/"
CANARY = "canary-a81f"
HOLDING = [
    ("hugo", "_index.md", "---\ncascade: {draft: true}\n---\n"),
    ("hugo", "_index.md", "---\ntitle: Plans\ncascade:\n  - target: {kind: page}\n    build: {render: never}\n---\n"),
    ("hugo", "_index.md", "+++\n[[cascade]]\n[cascade.params]\nisDraft = true\n+++\n"),
    ("hugo", "_index.html", '{"cascade": {"_build": {"list": "never"}}}\n'),
    ("hugo", "_index.md", "---\ncascade: {draft: true\n---\n"),
    ("zola", "_index.md", "+++\ndraft = true\n+++\n"),
    ("eleventy", "plans.json", '{"draft": true}'),
    ("eleventy", "plans.11tydata.json", '{"eleventyExcludeFromCollections": true, "layout": "x"}'),
    ("eleventy", "plans.11tydata.js", "export default {\n  permalink: false,\n  layout: 'x',\n};\n"),
    ("eleventy", "plans.11tydata.js", "module.exports = { tags: ['post'], draft: true };\n"),
    ("mkdocs", ".meta.yml", "draft: true\n"),
]  # fmt: skip
OTHERS = [
    ("hugo", "_index.md", "---\ntitle: Plans\ndraft: true\n---\n"),  # Hugo builds the pages of such a section
    ("hugo", "_index.md", "---\ncascade: {draft: false, type: docs}\n---\n"),
    ("hugo", "_index.md", "---\ntitle: x\n---\nSet `cascade: {draft: true}`.\n"),
    ("zola", "_index.md", "+++\nrender = false\n+++\n"),
    ("eleventy", "plans.json", '{"layout": "x", "tags": ["post"]}'),
    ("eleventy", "plans.11tydata.js", "export default { tags: ['post'], draft: false };\n"),
    ("mkdocs", ".meta.yml", "tags: [a]\n"),
]  # fmt: skip


def write(site: SiteFolder, dialect: str, name: str = "", text: str = "") -> None:
    """Write a blog with a post in a folder, deep below another one, and what speaks for that."""
    site.settings["seeds"] = {"folder": "../blog", "dialect": dialect, "base": BASE}
    head = ("+++\n%s+++\n" if dialect == "zola" else "---\n%s---\n").replace("%s", "{}")
    post = 'title = "{}"\ndate = 2026-05-01\n' if dialect == "zola" else "title: {}\ndate: 2026-05-01\n"
    for path, title in (("plans/deep/a.md", "Plan"), ("b.md", "Open")):
        file = site.root / "blog" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_text(head.format(post.format(title)) + f"{CANARY if title == 'Plan' else 'Text'}\n")
    if name:
        (site.root / "blog/plans" / name).write_text(text)


def build_later(site: SiteFolder, **settings: Any) -> list[str]:
    site.settings |= settings
    site.build(int(time.time()) + 60)
    return sorted(site.titles())


@pytest.mark.parametrize(("dialect", "name", "text"), HOLDING)
def test_what_is_below_a_held_folder_is_held_back(site: SiteFolder, dialect: str, name: str, text: str) -> None:
    """From the next build on, though the posts have not changed; and it appears again when the folder is free."""
    write(site, dialect)
    assert build_later(site) == ["Open", "Plan"]

    write(site, dialect, name, text)
    assert build_later(site) == ["Open"]
    assert not [file for file, data in site.documents().items() if CANARY.encode() in data]
    assert build_later(site) == ["Open"]
    (found,) = explain(site.config(), None, "plans/deep/a.md", now=int(time.time()))
    assert f"plans/{name}" in f"{found.headline} {found.details}"

    (site.root / "blog/plans" / name).unlink()
    assert build_later(site) == ["Open", "Plan"]


@pytest.mark.parametrize(("dialect", "name", "text"), OTHERS)
def test_other_files_of_a_folder_hold_nothing_back(site: SiteFolder, dialect: str, name: str, text: str) -> None:
    """What a section says of itself alone is not said of its posts."""
    write(site, dialect, name, text)
    assert build_later(site) == ["Open", "Plan"]


def test_a_post_may_answer_what_its_folder_says(site: SiteFolder) -> None:
    """What cascades is a default: the post's own key counts. A draft section of Zola is one whatever its pages say."""
    write(site, "hugo", "_index.md", "---\ncascade: {draft: true}\n---\n")
    (site.root / "blog/plans/own.md").write_text("---\ntitle: Own\ndate: 2026-05-01\ndraft: false\n---\n")
    assert build_later(site) == ["Open", "Own"]


def test_only_what_holds_a_folder_back_reads_its_posts_again(site: SiteFolder) -> None:
    """The words of a section's page are nobody else's concern, and neither is a build without any change."""
    write(site, "hugo", "_index.md", "---\ntitle: Plans\n---\n")
    build_later(site)
    write(site, "hugo", "_index.md", "---\ntitle: Plans, and more\n---\n")
    assert site.build(int(time.time()) + 60).read == 0
    write(site, "hugo", "_index.md", "---\ncascade: {draft: true}\n---\n")
    assert site.build(int(time.time()) + 60).read == 2


def test_a_link_that_leads_out_speaks_for_no_folder(site: SiteFolder) -> None:
    """Nothing outside of the root is read."""
    write(site, "eleventy")
    (site.root / "secret.json").write_text(json.dumps({"draft": True}))
    (site.root / "blog/plans/plans.json").symlink_to(site.root / "secret.json")
    assert build_later(site) == ["Open", "Plan"]


def test_a_link_that_stays_inside_speaks_for_its_folder(site: SiteFolder) -> None:
    """All files of a ConfigMap are links: the posts are read, so what holds them back is read, too."""
    write(site, "hugo")
    assert build_later(site) == ["Open", "Plan"]
    for version, holds in (("1", "true"), ("2", "false")):
        (site.root / "blog" / f"..{version}").mkdir()
        (site.root / "blog" / f"..{version}" / "index").write_text(f"---\ncascade: {{draft: {holds}}}\n---\n")
    data = site.root / "blog/..data"
    data.symlink_to("..1")
    (site.root / "blog/plans/_index.md").symlink_to("../..data/index")
    assert build_later(site) == ["Open"]

    data.unlink()
    data.symlink_to("..2")
    assert build_later(site) == ["Open", "Plan"]
