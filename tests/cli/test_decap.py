"""The config of Decap CMS names the seeds folder and writes what a build reads."""

from __future__ import annotations

import os
from pathlib import Path

import yaml
from click.testing import CliRunner
from support.site_folder import SiteFolder

from aggregator.cli.commands import cli
from aggregator.normalizer.raw import KEYS


def printed(site: SiteFolder) -> dict[str, object]:
    site.config()
    result = CliRunner().invoke(cli, ["schema", "decap", "--config", str(site.root / "config/feeds.yaml")])
    assert result.exit_code == 0, result.output
    found: dict[str, object] = yaml.safe_load(result.stdout)
    return found


def test_the_folder_is_named_from_the_top_of_the_repository(site: SiteFolder) -> None:
    """Decap writes into a git repository, whose root may be above the site."""
    assert printed(site)["collections"][0]["folder"] == "seeds"  # type: ignore[index]
    (site.root / ".." / ".git").mkdir(exist_ok=True)
    expected = os.path.join(site.root.name, "seeds")
    assert printed(site)["collections"][0]["folder"] == expected  # type: ignore[index]
    Path(site.root / ".." / ".git").rmdir()


def test_an_entry_as_decap_writes_it_is_published(site: SiteFolder) -> None:
    """Every field is a key of seeds, and a file with values of its widgets becomes an item."""
    fields = printed(site)["collections"][0]["fields"]  # type: ignore[index]
    names = [field["name"] for field in fields]  # type: ignore[attr-defined]
    assert set(names) - {"body"} <= KEYS
    site.write_text(
        "2026-05-01-a.md",
        "---\ntitle: A\nwebUrl: https://example.org/a\npublishedDateTime: 2026-05-01T08:00:00Z\nexcerpt: ''\ntopics: []\n"
        "tags:\n  - one\nauthor: Ann\nimages:\n  - url: https://example.org/a.png\nquality: 80\npublished: true\n---\nText\n",
    )
    site.build()
    (item,) = site.feed()
    assert (item["title"], item["tags"], item["image"]) == ("A", ["one"], "https://example.org/a.png")
