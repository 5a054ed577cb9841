"""`init --from`: a site over a folder that exists is recognised, built once, and not changed."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from aggregator.cli.commands import cli

CASES = Path(__file__).parents[1] / "cases/dialects"

SITES = {
    "hugo": ("hugo.toml", "baseURL = 'https://own.example.org'\ntitle = 'Own'\n", "content"),
    "zola": ("config.toml", 'base_url = "https://own.example.org"\ntitle = "Own"\n', "content"),
    "jekyll": ("_config.yml", "title: Own\nurl: https://own.example.org\n", ""),
    "eleventy": ("eleventy.config.js", "export default function () {}\n", "blog"),
    "astro": ("astro.config.mjs", "export default { site: 'https://own.example.org' };\n", "src/content/blog"),
    "pelican": ("pelicanconf.py", "SITENAME = 'Own'\nSITEURL = 'https://own.example.org'\nPATH = 'content'\n", "content"),
    "docusaurus": ("docusaurus.config.js", "module.exports = {title: 'Own', url: 'https://own.example.org', baseUrl: '/'};\n", "blog"),
    "mkdocs": ("mkdocs.yml", "site_name: Own\nsite_url: https://own.example.org/\n", "docs"),
    "obsidian": (".obsidian/app.json", "{}", ""),
}  # fmt: skip
"""Of each generator: its config file, what it holds, and where its posts lie."""


def make(dialect: str, folder: Path) -> Path:
    config, text, posts = SITES[dialect]
    shutil.copytree(CASES / dialect, folder / posts, ignore=shutil.ignore_patterns("root.json", "expected.json"))
    (folder / config).parent.mkdir(exist_ok=True)
    (folder / config).write_text(text)
    return folder


def digests(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, list[str]]:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["init", "site", "--from", *words])
    assert "Traceback" not in result.output
    return result.exit_code, result.output.splitlines()


@pytest.mark.parametrize("dialect", SITES)
def test_the_folder_of_a_generator_is_recognised_and_built(
    dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what it recognised and by what, counts posts and drafts, publishes, and changes nothing there."""
    folder = make(dialect, tmp_path / "own")
    before = digests(folder)
    code, lines = init(tmp_path, monkeypatch, "own")
    assert code == 0, lines
    assert SITES[dialect][0].partition("/")[0] in lines[0]
    counts = next(line for line in lines if " post" in line and "need" in line)
    feed = json.loads((tmp_path / "site/feeds/all/feed.json").read_bytes())
    assert counts.startswith(f"{len(feed['items'])} post")
    assert feed["items"]
    assert f"dialect: {dialect}" in (tmp_path / "site/config/aggregator.yaml").read_text()
    assert lines[-1] == "Then: cd site && aggregator run --open"
    assert digests(folder) == before


def test_no_code_of_the_folder_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A config that is a program is only read."""
    folder = make("pelican", tmp_path / "own")
    config = folder / "pelicanconf.py"
    config.write_text(f"import os\nopen({str(tmp_path / 'ran')!r}, 'w').close()\n{config.read_text()}")
    assert init(tmp_path, monkeypatch, "own")[0] == 0
    assert not (tmp_path / "ran").exists()


def test_the_folder_of_posts_alone_finds_the_config_above_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--from blog/content/posts` knows the site above, and what leads to the folder."""
    folder = make("hugo", tmp_path / "own")
    (folder / ".git").mkdir()
    code, lines = init(tmp_path, monkeypatch, "own/content/posts")
    assert code == 0
    assert lines[0].startswith("A Hugo site, recognised by hugo.toml")
    config = (tmp_path / "site/config/aggregator.yaml").read_text()
    assert 'folder: "../../own/content/posts"' in config
    assert 'link: "/posts/{path}/"' in config


@pytest.mark.parametrize("inner", ["de", "de/news/_posts"])
def test_a_part_of_a_folder_of_posts_is_that_of_the_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inner: str
) -> None:
    """Also if the folder of all posts is that of the site itself, as in Jekyll; the addresses are those of the site."""
    for language in ("de", "en"):
        posts = tmp_path / f"own/{language}/news/_posts"
        posts.mkdir(parents=True)
        (posts / "2024-05-01-a.md").write_text("---\ntitle: A\n---\nText.\n")
    (tmp_path / "own/.git").mkdir()
    (tmp_path / "own/_config.yml").write_text("url: https://blog.example.org\npermalink: pretty\n")
    code, lines = init(tmp_path, monkeypatch, f"own/{inner}")
    assert (code, lines[0].partition(",")[0]) == (0, "A Jekyll site")
    feed = json.loads((tmp_path / "site/feeds/all/feed.json").read_bytes())
    assert [one["url"] for one in feed["items"]] == ["https://blog.example.org/de/news/2024/05/01/a/"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("missing",), "missing: is not a folder (name the folder of your site or of its posts)"),
        (("empty",), "empty: holds no Markdown files (name the folder of your posts)"),
    ],
)
def test_a_folder_without_posts_is_refused(
    words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says which folder to name, and nothing is written."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["init", "site", "--from", *words])
    assert result.exit_code == 1
    assert str(result.exception) == message
    assert not (tmp_path / "site").exists()


def test_an_existing_config_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is created beside a config that is there."""
    make("hugo", tmp_path / "own")
    (tmp_path / "site/config").mkdir(parents=True)
    (tmp_path / "site/config/aggregator.yaml").write_text("mine")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["init", "site", "--from", "own"])
    assert result.exit_code == 1
    assert (tmp_path / "site/config/aggregator.yaml").read_text() == "mine"
    assert not (tmp_path / "site/.gitignore").exists()


def test_an_address_and_a_title_may_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing is guessed about them."""
    make("hugo", tmp_path / "own")
    code, lines = init(tmp_path, monkeypatch, "own", "--url", "https://feeds.example.com/", "--title", "Mine")
    assert code == 0
    assert not [line for line in lines if "guess" in line]
    text = (tmp_path / "site/config/aggregator.yaml").read_text()
    assert 'title: "Mine"' in text
    assert 'url: "https://feeds.example.com/"\n' in text


def test_nothing_outside_of_the_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A config that names a folder elsewhere on this machine, also behind a link, gets none of it (G12)."""
    private = make("hugo", tmp_path / "private")
    for number, name in enumerate((str(private / "content"), "../private/content", "linked")):
        own = tmp_path / f"own{number}"
        (own / "content").mkdir(parents=True)
        (own / "linked").symlink_to(private / "content")
        (own / "hugo.toml").write_text(f"baseURL = 'https://own.example.org'\ncontentDir = '{name}'\n")
        monkeypatch.chdir(tmp_path)
        result = CliRunner().invoke(cli, ["init", f"site{number}", "--from", own.name])
        assert result.exit_code == 1
        assert "not below it" in str(result.exception)
        assert not (tmp_path / f"site{number}").exists()


@pytest.mark.parametrize("address", ["https://a b/", "https://[/", "ftp://own.example.org/"])
def test_a_config_is_written_that_can_be_read(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that our config refuses is left out, with a sentence."""
    folder = make("hugo", tmp_path / "own")
    (folder / "hugo.toml").write_text(f"baseURL = '{address}'\ntitle = 'Own'\n")
    code, lines = init(tmp_path, monkeypatch, "own")
    assert code == 0, lines
    assert lines[-1] == "Then: cd site && aggregator run --open"


def test_what_the_first_build_did_not_name_is_named_by_a_command_that_can_be_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is said to be left out that was named: pages and files that are not read, or the errors beyond ten."""
    posts = tmp_path / "own" / "content" / "posts"
    posts.mkdir(parents=True)
    (tmp_path / "own/hugo.toml").write_text('baseURL = "https://own.example.org/"\n')
    (posts / "0.md").write_text("---\ntitle: A\ndate: 2024-05-01\nwip: true\n---\n")
    assert not [line for line in init(tmp_path, monkeypatch, "own")[1] if "aggregator check" in line]

    (posts / "page.md").write_text("---\ntitle: A page\n---\n")
    shutil.rmtree(tmp_path / "site")
    (line,) = [line for line in init(tmp_path, monkeypatch, "own")[1] if "aggregator check" in line]
    assert line == "  (`aggregator check --config site/config/aggregator.yaml` names the pages, too)"
    assert "posts/page.md" in CliRunner().invoke(cli, line.split("`")[1].split()[1:]).output

    for number in range(1, 12):
        (posts / f"{number}.md").write_text("---\ntitle: A\ndate: 2024-05-01\nwip: true\n---\n")
    shutil.rmtree(tmp_path / "site")
    (line,) = [line for line in init(tmp_path, monkeypatch, "own")[1] if "aggregator check" in line]
    assert line == "  … and 2 more (`aggregator check --config site/config/aggregator.yaml` names them all)"
