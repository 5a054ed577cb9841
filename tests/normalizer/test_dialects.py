"""The dialects of other programs: a sample folder of each, made after the program's documentation, with what is right.

A sample is a folder `cases/dialects/NAME/` with `root.json` (the settings of its root beside `base`, its time zone, and
the first commits that git would know) and `expected.json` (by path: the item, or what is wrong with the file).
`python tests/normalizer/test_dialects.py NAME …` writes `expected.json` anew, to be read with care.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model.items import Person, Rejection, Seed
from aggregator.model.seed_roots import SeedRoot
from aggregator.normalizer import content
from aggregator.normalizer.dialects import reading
from aggregator.normalizer.dialects.table import names
from aggregator.normalizer.seed import Reading

SAMPLES = Path(__file__).parents[1] / "cases" / "dialects"
BASE = "https://blog.example.org/"


def root_of(name: str) -> tuple[SeedRoot, dict[str, Any]]:
    settings = json.loads((SAMPLES / name / "root.json").read_text())
    keys = {key: tuple(several) for key, several in settings.get("keys", {}).items()}
    return SeedRoot(folder=name, dialect=name, base=BASE, link=settings.get("link", ""), keys=keys), settings


def files_of(name: str) -> list[str]:
    folder = SAMPLES / name
    found = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in found if path not in {"root.json", "expected.json"})


def read_sample(name: str, path: str) -> Reading:
    root, settings = root_of(name)
    commits = settings.get("first_commit", {})
    return reading.read(
        (SAMPLES / name / path).read_bytes(), path=path, root=root, zone=settings.get("zone", "UTC"), site=BASE,
        first_commit=commits.get,
    )  # fmt: skip


def as_expected(one: Reading) -> dict[str, Any]:
    """Return a reading as `expected.json` has it, without what is empty."""
    if isinstance(one.outcome, Rejection):
        return {"problems": [str(problem) for problem in one.outcome.problems]}
    seed = one.outcome
    if not seed.is_published:
        return {"held": True}
    found = {
        "title": seed.title, "published": moment(seed.published), "link": seed.link,
        "updated": moment(seed.updated), "expires": moment(seed.expires), "topics": seed.topics, "tags": seed.tags,
        "excerpt": seed.excerpt, "author": seed.author, "images": [image.url for image in seed.images],
        "aliases": seed.aliases, "base": seed.base, "markup": "" if seed.markup == "markdown" else seed.markup,
        "body": seed.body, "warnings": [str(problem) for problem in one.warnings],
    }  # fmt: skip
    return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items() if value}


def moment(seconds: int | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(("name", "path"), [(name, path) for name in names() for path in files_of(name)])
def test_a_sample_is_read_as_its_program_reads_it(name, path) -> None:
    """Title, date, address, topics, tags, excerpt, picture, author and state are those that the program shows."""
    expected = json.loads((SAMPLES / name / "expected.json").read_text())

    assert as_expected(read_sample(name, path)) == expected[path]


@pytest.mark.parametrize("name", names())
def test_each_dialect_has_a_sample(name) -> None:
    """Adding a dialect is adding its table and a folder of cases; every expected file is there."""
    expected = json.loads((SAMPLES / name / "expected.json").read_text())

    assert sorted(expected) == files_of(name)
    assert any("title" in one for one in expected.values())
    assert any("held" in one for one in expected.values()) or name == "native"
    assert any("problems" in one for one in expected.values())


@pytest.mark.parametrize("name", names())
def test_no_draft_of_a_sample_is_published(name) -> None:
    """What holds the word `secret` is held back, refused, or embargoed until the year 2099."""
    for path in files_of(name):
        if "secret" not in (SAMPLES / name / path).read_text():
            continue
        outcome = read_sample(name, path).outcome

        assert isinstance(outcome, Rejection) or not outcome.is_published or outcome.published > 4_000_000_000
        assert not isinstance(outcome, Rejection) or all("secret" not in str(one) for one in outcome.problems)


def seed_of(text: str, *, dialect: str = "hugo", path: str = "posts/a.md", zone: str = "UTC", **settings: Any) -> Seed:
    root = SeedRoot(folder="x", dialect=dialect, base=BASE, **settings)
    outcome = reading.read(text.encode(), path=path, root=root, zone=zone, site=BASE).outcome
    assert isinstance(outcome, Seed), outcome.problems
    return outcome


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2024-05-01", "2024-05-01T00:00:00Z"), ("2024-5-1", "2024-05-01T00:00:00Z"),
        ("2024/05/01", "2024-05-01T00:00:00Z"), ("2024.5.1", "2024-05-01T00:00:00Z"),
        ("May 1 2024", "2024-05-01T00:00:00Z"), ("May 1, 2024", "2024-05-01T00:00:00Z"),
        ("1 May 2024", "2024-05-01T00:00:00Z"), ("1st May 2024", "2024-05-01T00:00:00Z"),
        ("Jul 08 2022", "2022-07-08T00:00:00Z"), ("Sept. 3, 2023", "2023-09-03T00:00:00Z"),
        ("May 1 2024 10:20", "2024-05-01T10:20:00Z"), ("1 May 2024 10:00 PM", "2024-05-01T22:00:00Z"),
        ("2024-05-01 12:00 AM", "2024-05-01T00:00:00Z"), ("2024-5-1 9:05", "2024-05-01T09:05:00Z"),
        ("2024-05-01 10:00:00 +0200", "2024-05-01T08:00:00Z"), ("2024-05-01 10:00:00 UTC", "2024-05-01T10:00:00Z"),
        ("2024-05-01T10:00:00.000Z", "2024-05-01T10:00:00Z"), ("2024-05-01 10:00 EST", "2024-05-01T15:00:00Z"),
        ("Wed, 01 May 2024 10:00:00 GMT", "2024-05-01T10:00:00Z"),
        ("Wed May 01 2024 10:00:00 GMT+0200 (CEST)", "2024-05-01T08:00:00Z"),
        ("1714557600", "2024-05-01T10:00:00Z"), ("1714557600000", "2024-05-01T10:00:00Z"),
    ],
)  # fmt: skip
def test_a_date_is_read_in_any_notation_that_has_one_meaning(written, expected) -> None:
    """Words, one digit, twelve hours, the names of zones in mails, and seconds since 1970 are read."""
    assert moment(seed_of(f"---\ntitle: A\ndate: '{written}'\n---\n").published) == expected


@pytest.mark.parametrize(
    "written", ["05/04/2024", "tomorrow", "2024-13-01", "May 2024", "2024-05-01 25:00", "[]x", "{}"]
)
def test_another_date_is_refused(written) -> None:
    """What has two meanings, or none, is an error at its place, with what to write."""
    root = SeedRoot(folder="x", dialect="hugo", base=BASE)
    text = f"---\ntitle: A\ndate: '{written}'\n---\n"
    outcome = reading.read(text.encode(), path="b/a.md", root=root, zone="UTC", site=BASE).outcome

    assert isinstance(outcome, Rejection)
    assert [(one.line, one.column) for one in outcome.problems] == [(3, 7)]
    assert "date: " in outcome.problems[0].message
    assert outcome.problems[0].hint


@pytest.mark.parametrize(
    "path",
    ["2024-05-01-a.md", "2024-5-1-a.md", "2024-05-01@a.md", "2024-05-01_a.md", "2024-05-01.md", "2024/05/01/a.md",
     "2024/05/01-a.md", "x/2024-05-01-a/index.md", "2024/05/01/index.md"],
)  # fmt: skip
def test_a_date_comes_from_the_path(path) -> None:
    """A date before the name, or in the folders, is that of a post without one."""
    assert moment(seed_of("---\ntitle: A\n---\n", path=path).published) == "2024-05-01T00:00:00Z"


def test_the_first_commit_is_asked_last() -> None:
    """Git is asked only for a file that nothing else dates, by its whole path."""
    root = SeedRoot(folder="x", name="blog", dialect="hugo", base=BASE)
    asked: list[str] = []

    def commit(path: str) -> int:
        asked.append(path)
        return 1_714_557_600

    for path, date in (("blog/a.md", "date: 2024-05-02\n"), ("blog/2024-05-03-a.md", ""), ("blog/c/d.md", "")):
        text = f"---\ntitle: A\n{date}---\n"
        outcome = reading.read(text.encode(), path=path, root=root, zone="UTC", site=BASE, first_commit=commit).outcome

    assert asked == ["blog/c/d.md"]
    assert isinstance(outcome, Seed)
    assert moment(outcome.published) == "2024-05-01T10:00:00Z"
    assert outcome.link == "https://blog.example.org/c/d/"


@pytest.mark.parametrize("written", ["git Created", "Last Modified", "created"])
def test_where_eleventy_takes_its_date_from_is_no_date(written) -> None:
    """The path or the first commit gives it; the file's own times are never asked."""
    root = SeedRoot(folder="x", dialect="eleventy", base=BASE)
    text = f"---\ntitle: A\ndate: {written}\n---\n".encode()
    for path, commit, expected in (("2024-05-01-a.md", None, "2024-05-01"), ("a.md", 1_714_521_600, "2024-05-01")):
        one = reading.read(text, path=path, root=root, zone="UTC", site=BASE, first_commit={path: commit}.get)
        assert isinstance(one.outcome, Seed)
        assert moment(one.outcome.published).startswith(expected)


def test_no_optional_value_refuses_a_post() -> None:
    """What a key cannot hold is left out, with a warning at its place."""
    root = SeedRoot(folder="x", dialect="hugo", base=BASE)
    text = (
        "---\ntitle: [A, B]\ndate: 2024-05-01\nlastmod: never\ndescription: {a: b}\ntags: [{x: y}, z]\n"
        f"categories: [{', '.join(f'c{number}' for number in range(200))}]\nimage: 'javascript:x'\nauthor: [[a]]\n"
        "lang: [de, en]\nurl: '{{ x }}'\n---\n"
    )
    one = reading.read(text.encode(), path="a.md", root=root, zone="UTC", site=BASE)

    assert isinstance(one.outcome, Seed)
    assert (one.outcome.title, one.outcome.tags, len(one.outcome.topics)) == ("A", ("z",), 100)
    assert (one.outcome.excerpt, one.outcome.author, one.outcome.images) == ("", "", ())
    assert {problem.line for problem in one.warnings} == {2, 4, 5, 6, 7, 8, 9, 10, 11}
    assert all(problem.warning and problem.column > 1 for problem in one.warnings)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/{year}/{month}/{slug}/", "2024/05/a-post/"), ("/{day}.{month}.{year}/{file}", "01.05.2024/2024-05-01-a-post"),
        ("{dir}/{title}.html", "blog/some-title.html"), ("/{category}/{path}", "open-source/blog/2024-05-01-a-post"),
        ("{slug}", "a-post"),
    ],
)  # fmt: skip
def test_a_root_has_a_pattern_of_addresses(pattern, expected) -> None:
    """The pattern of the config comes before that of the dialect, and is joined to the base."""
    text = "---\ntitle: Some *title*!\ndate: 2024-05-01\ncategories: [Open Source, News]\n---\n"

    assert seed_of(text, path="blog/2024-05-01-a-post.md", link=pattern).link == BASE + expected


def test_a_pattern_may_begin_with_a_host() -> None:
    """The pages may lie on another host than the base, and slashes that empty parts leave go."""
    text = "---\ntitle: A\ndate: 2024-05-01\n---\n"

    assert (
        seed_of(text, path="a.md", link="https://other.example.org/{category}/{slug}/").link
        == "https://other.example.org/a/"
    )


def test_a_slug_of_docusaurus_follows_the_address_of_the_blog() -> None:
    """Where a slug is an address within the blog, it follows what the pattern begins with."""
    text = "---\ntitle: A\nslug: /own\n---\n"
    found = seed_of(text, dialect="docusaurus", path="2024-05-01-a.md", link="/news/{year}/{month}/{day}/{slug}")

    assert found.link == "https://blog.example.org/news/own"


def test_a_root_has_further_keys() -> None:
    """Further names of a key are tried before those of the dialect, and a dot leads into a mapping."""
    text = "---\ntitle: A\nheadline: B\nmeta: {when: 2024-05-01}\nsection: Energy\ncategories: [x]\n---\n"
    keys = {"title": ("headline",), "publishedDateTime": ("meta.when",), "topics": ("section",)}
    found = seed_of(text, keys=keys)

    assert (found.title, moment(found.published), found.topics) == ("B", "2024-05-01T00:00:00Z", ("Energy",))


def test_a_base_with_a_path_is_kept() -> None:
    """Addresses are joined to a base below the root of its host; pictures resolve as a browser resolves them."""
    root = SeedRoot(folder="x", dialect="jekyll", base="https://ada.example.org/blog/")
    text = b"---\ntitle: A\npermalink: /about/\nimage: pic.png\n---\n"
    outcome = reading.read(text, path="2024-05-01-a.md", root=root, zone="UTC", site=BASE).outcome

    assert isinstance(outcome, Seed)
    assert outcome.link == "https://ada.example.org/blog/about/"
    assert outcome.images[0].url == "https://ada.example.org/blog/about/pic.png"


@pytest.mark.parametrize(
    ("dialect", "path", "body", "expected"),
    [
        ("mkdocs", "posts/a.md", "[b](../other/b.md)", "https://blog.example.org/other/b/"),
        ("docusaurus", "2024-05-01-a.md", "[b](./2024-05-02-b.md)", "https://blog.example.org/blog/2024/05/02/b/"),
        ("hugo", "posts/a.md", '[b]({{< relref "b.md" >}})', "https://blog.example.org/posts/b/"),
        ("hugo", "posts/a.md", '[b]({{< ref "/docs/_index.md" >}})', "(https://blog.example.org/docs/)"),
        ("zola", "posts/a.md", "[b](@/blog/2024-05-02-b.md#c)", "(https://blog.example.org/blog/b/#c)"),
        ("jekyll", "_posts/2024-05-01-a.md", "[b]({% post_url 2024-5-2-b %})", "(https://blog.example.org/2024/05/02/b.html)"),
        ("jekyll", "_posts/2024-05-01-a.md", "[b]({% link a/b.pdf %})", "(https://blog.example.org/a/b.pdf)"),
        ("mkdocs", "blog/posts/a.md", "[b](../../index.md)", "(https://blog.example.org/)"),
        ("mkdocs", "blog/posts/a.md", "![b](../img/p.png)", "(https://blog.example.org/blog/img/p.png)"),
        ("mkdocs", "blog/posts/a.md", "[b]: ../b.pdf", "]: https://blog.example.org/blog/b.pdf"),
        ("mkdocs", "blog/posts/a.md", "![b](https://example.net/p.png) ![c](/c.png)", "![b](https://example.net/p.png) ![c](/c.png)"),
        ("pelican", "News/a.md", "![b]({static}/images/p.png)", "(https://blog.example.org/images/p.png)"),
        ("obsidian", "a/b.md", "![[my pic.png]]", 'src="https://blog.example.org/my-pic.png"'),
    ],
)  # fmt: skip
def test_a_reference_to_a_file_becomes_the_address_of_its_page(dialect, path, body, expected) -> None:
    """Links to files lead to the pages that the program makes of them, if their paths tell these."""
    found = seed_of(head_of(dialect) + f"{body}\n", dialect=dialect, path=path)
    assert expected in found.body


def head_of(dialect: str) -> str:
    return (
        "+++\ntitle = 'A'\ndate = 2024-05-01\n+++\n" if dialect == "zola" else "---\ntitle: A\ndate: 2024-05-01\n---\n"
    )


def test_a_reference_follows_the_pattern_of_the_root() -> None:
    """As far as the path of the other file decides it: its date and its name."""
    text = head_of("jekyll") + "[b]({% post_url 2024-05-02-b %}) [c]({% link notes/_posts/2024-05-03-c.md %})\n"
    found = seed_of(text, dialect="jekyll", path="_posts/2024-05-01-a.md", link="/{category}/{year}/{month}/{slug}/")
    assert found.body == "[b](https://blog.example.org/2024/05/b/) [c](https://blog.example.org/notes/2024/05/c/)\n"


def test_the_posts_of_mkdocs_refer_to_files_from_the_docs() -> None:
    """If the root is the folder of the posts, what they link to may lie beside it."""
    text = head_of("mkdocs") + "![b](../img/p.png) [c](../../d/e.md)\n"
    root = SeedRoot(folder="/srv/docs/news/posts", dialect="mkdocs", base=BASE, link="/news/{year}/{slug}/")
    outcome = reading.read(text.encode(), path="a.md", root=root, zone="UTC", site=BASE).outcome
    assert isinstance(outcome, Seed)
    assert outcome.body == "![b](https://blog.example.org/news/img/p.png) [c](unknown:)\n"


@pytest.mark.parametrize(
    ("dialect", "path", "link", "body"),
    [
        ("pelican", "News/a.md", "", "see [b]({filename}other.md) there"),
        ("mkdocs", "blog/posts/a.md", "", "see [b](other.md#c) there"),
        ("mkdocs", "a.md", "", "see [b](../../other.md) there"),
        ("hugo", "posts/a.md", "/{year}/{month}/{slug}/", 'see [b]({{< ref "bundle" >}}) there'),
        ("hugo", "posts/a.md", "/{title}/", 'see <a href="{{< relref "b.md" >}}">b</a> there'),
        ("jekyll", "_posts/2024-05-01-a.md", "/{title}/", "see [b]({{ site.url }}{% post_url 2024-05-02-b %}) there"),
    ],
)
def test_only_the_words_stay_of_a_link_to_a_page_whose_address_its_path_does_not_tell(
    dialect, path, link, body
) -> None:
    """An address that no page has would be worse; there is one warning, at the line."""
    root = SeedRoot(folder="x", dialect=dialect, base=BASE, link=link)
    one = reading.read(f"{head_of(dialect)}{body}\n".encode(), path=path, root=root, zone="UTC", site=BASE)
    assert isinstance(one.outcome, Seed)
    assert content.item(one.outcome, id="x", topics=(), related=(), now=0).content == "<p>see <a>b</a> there</p>"
    assert [(problem.line, problem.warning) for problem in one.warnings] == [(5, True)]
    assert "whose address its path does not tell" in one.warnings[0].message


@pytest.mark.parametrize(
    "written", ["https://example.net/p.png", "p.png", "/p.png"],
)  # fmt: skip
def test_the_picture_of_a_shortcode_is_no_page(written) -> None:
    """Its address stays as it is written."""
    found = seed_of(head_of("hugo") + f'{{{{< figure src="{written}" >}}}}\n', path="posts/a/index.md")
    assert f'src="{written}"' in found.body


def test_values_of_jekyll_are_those_of_its_site() -> None:
    """`site.url` ends without a slash, `site.baseurl` is the path of the base, `page.url` that of the post's own page."""
    body = '{{ site.url }}/a {{ site.baseurl }}/b {{ site.url }}{{ page.url }} {{ "/c" | absolute_url }} {{ "d" | relative_url }}'
    root = SeedRoot(folder="x", dialect="jekyll", base="https://ada.example.org/blog/")
    text = f"---\ntitle: A\nlink: https://example.net/elsewhere\n---\n{body}\n"
    one = reading.read(text.encode(), path="_posts/2024-05-01-a.md", root=root, zone="UTC", site=BASE)
    assert isinstance(one.outcome, Seed)
    assert one.outcome.link == "https://example.net/elsewhere"
    assert one.outcome.body.split() == [
        "https://ada.example.org/a", "/blog/b", "https://ada.example.org/2024/05/01/a.html",
        "https://ada.example.org/blog/c", "/blog/d",
    ]  # fmt: skip
    assert one.warnings == ()


def test_the_values_of_a_variable_are_one_warning() -> None:
    """A loop over data has many, and they are left out for one reason."""
    body = "{{ release.url.zip }} {{ release.url.gz }} {{ release.size }} {{ site.name }} {{ site.data.x }}\n"
    root = SeedRoot(folder="x", dialect="jekyll", base=BASE)
    text = f"---\ntitle: A\n---\n{body}".encode()
    warnings = reading.read(text, path="_posts/2024-05-01-a.md", root=root, zone="UTC", site=BASE).warnings
    assert [one.message.split("`")[1] for one in warnings] == ["release", "site.data", "site.name"]


def test_a_post_of_jekyll_says_where_its_excerpt_ends() -> None:
    """By a key of its own, if it is not `<!--more-->`."""
    text = "---\ntitle: A\ndate: 2024-05-01\nexcerpt_separator: <!--cut-->\n---\nOne.\n\nTwo.\n<!--cut-->\nThree.\n"
    found = seed_of(text, dialect="jekyll", path="_posts/2024-05-01-a.md")
    assert found.body.partition("<!--more-->")[0].split() == ["One.", "Two."]


@pytest.mark.parametrize("head", ["2026: x", "1.5: x", "~: x", "params:\n  1.5: x", "tags:\n- 1: x"])
@pytest.mark.parametrize("dialect", ["hugo", "pelican", "obsidian"])
def test_a_key_may_look_like_a_number(dialect, head) -> None:
    """It is read as the text that is written."""
    assert seed_of(f"---\ntitle: A\ndate: 2024-05-01\n{head}\n---\nText\n", dialect=dialect).title == "A"


def test_where_a_value_comes_from() -> None:
    """`explain` can say which key each value came from, or what stood in for one."""
    root = SeedRoot(folder="x", dialect="mkdocs", base=BASE)
    text = b"---\ndate: {created: 2024-05-01}\ntags: [a]\n---\n# Title\n"
    found = reading.origins(text, path="posts/a.md", root=root, zone="UTC", site=BASE)

    assert dict(found) == {
        "title": "the first heading", "publishedDateTime": "date.created", "tags": "tags",
        "webUrl": "the pattern /blog/{year}/{month}/{day}/{slug}/",
    }  # fmt: skip


PIECES = st.lists(
    st.sampled_from(
        ["---\n", "+++\n", "---json\n", "```toml\n", "```\n", "\n", "{", "}", '"', "title", "Title", "date", "draft", "tags", "url",
         "permalink", "cover", "image", "slug", "categories", "published", "expirydate", "status", ": ", " = ", "- ", "  ", "[", "]", ", ",
         "2024-05-01", "May 1 2024", "true", "no", "{{ title | slugify }}", ":year/:title", "https://other.example/", "/a/", "//", "# Heading\n",
         "Title\n===\n", "<h1>x</h1>", "\\ud800", "\0", "\u2028", "ü", "99999999999999999999", "1e999", "null", "'", "word"]
    ),
    max_size=30,
).map("".join)  # fmt: skip


@given(
    st.sampled_from(names()), st.binary(max_size=200) | PIECES.map(str.encode),
    st.sampled_from(["a.md", "2024-05-01-a.md", "2024/13/45/a.md", "posts/a/index.md", "a.html", "a.json", "_drafts/x", ".md"]),
)  # fmt: skip
def test_no_bytes_make_it_fail(name, data, path) -> None:
    """Any bytes are read to a seed, or to a rejection whose problems have a message and a hint."""
    root = SeedRoot(folder="x", dialect=name, base=BASE, link="/{year}/{slug}/" if name == "native" else "")
    outcome = reading.read(data, path=path, root=root, zone="Europe/Vienna", site=BASE).outcome

    assert isinstance(outcome, Seed) or all(one.message and one.hint for one in outcome.problems)
    reading.origins(data, path=path, root=root, zone="Europe/Vienna", site=BASE)


@given(st.sampled_from([name for name in names() if name != "native"]), PIECES)
def test_no_metadata_makes_it_fail(name, text) -> None:
    """Nor does anything between the lines that begin and end metadata."""
    root = SeedRoot(folder="x", dialect=name, base=BASE)
    for data in (
        f"---\ntitle: T\ndate: 2024-05-01\n{text}\n---\n",
        f"+++\ntitle = 'T'\n{text}\n+++\n",
        f'{{"title": "T", {text}}}',
    ):
        outcome = reading.read(data.encode("utf-8", "replace"), path="a.md", root=root, zone="UTC", site=BASE).outcome

        assert isinstance(outcome, Seed) or outcome.problems


@pytest.mark.parametrize(
    "bomb",
    ["---\na: &a [x]\nb: *a\n---\n", f"+++\na = {'[' * 5000}{']' * 5000}\n+++\n", f"+++\na = {'9' * 9000}\n+++\n",
     '{"a": ' + "[" * 90_000 + "]" * 90_000 + "}\n", f"---\na: {'x' * 300_000}\n---\n", "a: b\n" * 60_000,
     f"+++\n{'a.' * 400}b = 1\n+++\n", '{"a": "\\ud800", "title": "\\ud83d"}\n'],
    ids=["alias", "toml-depth", "toml-number", "json-depth", "length", "lines", "toml-dotted", "surrogates"],
)  # fmt: skip
def test_a_bomb_is_refused_or_harmless(bomb) -> None:
    """Depth, size and aliases are limited in every form, as in our own seeds."""
    for name in ("hugo", "plain", "pelican"):
        root = SeedRoot(folder="x", dialect=name, base=BASE)
        outcome = reading.read(bomb.encode(), path="2024-05-01-a.md", root=root, zone="UTC", site=BASE).outcome

        assert isinstance(outcome, Seed) or outcome.problems
        json.dumps(as_expected(reading.Reading(outcome))).encode()


def test_several_authors_of_a_dialect_are_all_given() -> None:
    """With their pages, as Docusaurus shows them; one name alone stays one text."""
    root = SeedRoot(folder="b", dialect="docusaurus", base=BASE)
    head = "---\ntitle: A\ndate: 2026-01-01\n"
    two = "authors:\n  - {name: Ann, url: 'https://ann.example/', title: Editor}\n  - bob\n---\n"
    one = "authors: [ann]\n---\n"
    found = [
        reading.read((head + rest).encode(), path="a.md", root=root, zone="UTC", site=BASE).outcome
        for rest in (two, one)
    ]
    assert isinstance(found[0], Seed)
    assert isinstance(found[1], Seed)
    assert found[0].authors == (Person(name="Ann", url="https://ann.example/"), Person(name="bob"))
    assert [(one.author, len(one.authors)) for one in found if isinstance(one, Seed)] == [("Ann, bob", 2), ("ann", 0)]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("posts/b.md", "https://blog.example.org/posts/b/"), ("/posts/b.md#c", "https://blog.example.org/posts/b/#c"),
        ("b.md", "https://blog.example.org/posts/b/"), ("notes/b.md", "https://blog.example.org/n/b/"),
    ],
)  # fmt: skip
def test_a_reference_into_another_section_leads_there(reference, expected) -> None:
    """References of Hugo begin at the folder of all content, of which a root may be one section."""
    posts, notes = (
        SeedRoot(folder=f"/site/content/{name}", name=name, dialect="hugo", base=BASE, link=link)
        for name, link in (("posts", "/posts/{path}/"), ("notes", "/n/{path}/"))
    )
    text = f'---\ntitle: A\ndate: 2024-05-01\n---\n[It]({{{{< ref "{reference}" >}}}}).\n'
    outcome = reading.read(
        text.encode(), path="posts/a.md", root=posts, zone="UTC", site=BASE, roots=(posts, notes)
    ).outcome

    assert isinstance(outcome, Seed)
    assert outcome.body.strip() == f"[It]({expected})."


@pytest.mark.parametrize(
    ("dialect", "folders", "path", "body", "expected"),
    [
        ("docusaurus", ("/s/blog", "/s/docs"), "2024-05-01-a.md", "[b](../docs/x/b.md)", "/docs/x/b/"),
        ("docusaurus", ("/s/blog", "/s/docs"), "2024-05-01-a.md", "[b](./2024-05-02-b.md)", "/blog/2024-05-02-b/"),
        ("zola", ("/s/content/blog", "/s/content/notes"), "a.md", "[b](@/notes/b.md)", "/notes/b/"),
        ("zola", ("/s/content/blog/2024", "/s/content/notes/x"), "a.md", "[b](@/notes/x/b.md)", "/x/b/"),
        ("zola", ("/s/content/blog/2024", "/s/content/notes/x"), "a.md", "[b](@/blog/2024/c/b.md)", "/2024/c/b/"),
        ("hugo", ("/s/content/posts", "/s/content/notes"), "2024/a.md", '[b]({{< ref "/notes/y/b.md" >}})', "/notes/y/b/"),
        ("hugo", ("/s/content/posts", "/s/content/notes"), "notes/a.md", '[b]({{< ref "b.md" >}})', "/posts/notes/b/"),
        ("hugo", ("/s/content/posts", "/s/content/notes"), "a.md", '[b]({{< ref "../notes/b.md" >}})', "/notes/b/"),
        ("jekyll", ("/s/_posts", "/s/_notes"), "2024-05-01-a.md", "[b]({% link _notes/b.md %})", "/_notes/b/"),
        ("mkdocs", ("/s/docs/news/posts", "/s/docs/manual"), "a.md", "[b](../../manual/b.md)", "/manual/b/"),
        ("pelican", ("/s/content/news", "/s/content/tech"), "a.md", "[b]({filename}/tech/b.md)", "/tech/b/"),
        ("pelican", ("/s/content/news", "/s/content/tech"), "x/a.md", "[b]({filename}../../tech/b.md)", "/tech/b/"),
    ],
)  # fmt: skip
def test_a_reference_into_another_root_leads_there(dialect, folders, path, body, expected) -> None:
    """At any depth, from the folder of all content or relative to the file, in every dialect with such references."""
    links = [
        "/news/{path}/" if one.endswith("posts") and dialect == "mkdocs" else f"/{Path(one).name}/{{path}}/"
        for one in folders
    ]
    roots = [
        SeedRoot(folder=folder, name=f"r{number}", dialect=dialect, base=BASE, link=link)
        for number, (folder, link) in enumerate(zip(folders, links, strict=True))
    ]
    one = reading.read(
        f"{head_of(dialect)}{body}\n".encode(), path=f"r0/{path}", root=roots[0], zone="UTC", site=BASE, roots=roots
    )

    assert isinstance(one.outcome, Seed)
    assert (one.outcome.body.strip(), one.warnings) == (f"[b](https://blog.example.org{expected})", ())


@pytest.mark.parametrize(
    ("folder", "path", "expected"),
    [
        ("/s/content", "posts/2024/a.md", "posts/posts/2024/a"), ("/s/content/posts", "2024/a.md", "posts/posts/2024/a"),
        ("/s/content/posts/2024", "a.md", "posts/posts/2024/a"), ("/s/content", "posts/2024/b/index.md", "posts/posts/2024/b"),
        ("/s/content", "a.md", "a"), ("notes", "x/a.md", "x/x/a"),
    ],
)  # fmt: skip
def test_the_sections_of_a_post_of_hugo_are_those_of_all_content(folder, path, expected) -> None:
    """`:section` is the first folder of the content and `:sections` are all, wherever the root begins."""
    root = SeedRoot(folder=folder, dialect="hugo", base=BASE)
    text = b"---\ntitle: A\ndate: 2024-05-01\nurl: /:section/:sections/:filename\n---\n"
    outcome = reading.read(text, path=path, root=root, zone="UTC", site=BASE).outcome

    assert isinstance(outcome, Seed)
    assert outcome.link == BASE + expected


@pytest.mark.parametrize(
    ("dialect", "name", "expected"),
    [
        ("eleventy", "50% off", "50%25-off/"), ("eleventy", "%2e%2e", "%252e%252e/"), ("docusaurus", "a#b?c", "blog/a%23b%3Fc/"),
        ("hugo", "e\u0301", "%C3%A9/"), ("obsidian", "e\u0301", "%C3%A9"), ("jekyll", "2024-05-01-e\u0301", "2024/05/01/%C3%A9.html"),
        ("hugo", "\u0939\u093f\u0928\u094d\u0926\u0940", "%E0%A4%B9%E0%A4%BF%E0%A4%A8%E0%A5%8D%E0%A4%A6%E0%A5%80/"),
        ("astro", "\u0915\u093f", "%E0%A4%95%E0%A4%BF/"), ("hugo", "\U0001f389", "%F0%9F%8E%89/"), ("zola", "-", "-/"),
        ("jekyll", "2024-05-01-!", "2024/05/01/!.html"), ("hugo", "C++", "c++/"),
    ],
)  # fmt: skip
def test_every_name_has_an_address_of_its_own(dialect, name, expected) -> None:
    """Signs of addresses are escaped, marks belong to their letters however they are coded, and no name is empty."""
    assert seed_of(head_of(dialect), dialect=dialect, path=f"{name}.md").link == BASE + expected


@pytest.mark.parametrize(("dialect", "expected"), [("docusaurus", "/blog/my-note/"), ("hugo", "/my-note/")])
def test_a_link_to_a_file_may_be_escaped(dialect, expected) -> None:
    """As Markdown has to escape the space in a name."""
    body = "[b](my%20note.md)\n" if dialect == "docusaurus" else '[b]({{< ref "my%20note.md" >}})\n'
    assert (
        f"(https://blog.example.org{expected})" in seed_of(head_of(dialect) + body, dialect=dialect, path="a.md").body
    )


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("title: The title\n", "/2024/news/the-title/"), ("title: The title\nslug: own\n", "/2024/news/own/"),
        ("title: The title\ntopics: energy, b\n", "/2024/energy/the-title/"),
        ("title: The title\nrubric: [wind]\n", "/2024/wind/the-title/"),
    ],
)  # fmt: skip
def test_the_pattern_of_our_own_seeds_has_every_placeholder(front, expected) -> None:
    """A slug or else the title, and the first topic, however topics are written."""
    link = "/{year}/{category}/{slug_or_title}/"
    root = SeedRoot(folder="x", base=BASE, link=link, keys={"topics": ("rubric",)})
    text = f"---\n{front}category: news\n---\n".encode()
    outcome = reading.read(text, path="2024-05-01-a.md", root=root, zone="UTC", site=BASE).outcome

    assert isinstance(outcome, Seed)
    assert outcome.link == f"https://blog.example.org{expected}"


@pytest.mark.parametrize(("head", "expected"), [("", "the-title"), ("slug: own\n", "own")])
def test_a_pattern_may_ask_for_the_slug_or_else_the_title(head, expected) -> None:
    """As Hugo's `:slug` does."""
    made = seed_of(f"---\ntitle: The title\ndate: 2024-05-01\n{head}---\n", link="/{slug_or_title}/")

    assert made.link == f"{BASE}{expected}/"


if __name__ == "__main__":
    for sample in sys.argv[1:] or names():
        made = {path: as_expected(read_sample(sample, path)) for path in files_of(sample)}
        text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
        (SAMPLES / sample / "expected.json").write_text(text)
