"""Bodies that were written for other programs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.processor_time import least_seconds

from aggregator.model.items import Seed
from aggregator.normalizer import content
from aggregator.normalizer.dialects import bodies
from aggregator.normalizer.dialects.bodies import CONSTRUCTS, Translated, translate

FOLDER = Path(__file__).parents[1] / "cases" / "bodies"
LINK = "https://blog.example.org/posts/here/"
BASE = "https://blog.example.org/"


class Case(NamedTuple):
    """A file of the folder: what stands above its `---`, and the body below."""

    name: str
    head: dict[str, str]
    body: str

    @property
    def translated(self) -> Translated:
        values = dict(one.partition("=")[::2] for one in self.head.get("values", "").split())
        return translate(
            self.body, constructs=frozenset(self.head["constructs"].split()), markup=self.head.get("markup", "markdown"),
            values=values, separator=self.head.get("separator", ""),
        )  # fmt: skip

    @property
    def result(self) -> str:
        """The HTML, the summary and the notes, as `.html` files have them."""
        found = self.translated
        seed = Seed(
            title="T", link=LINK, base=BASE, published=0, body=found.text, markup=self.head.get("markup", "markdown")
        )
        item = content.item(seed, id="x", topics=(), related=(), now=0)
        notes = "".join(f"{note.line}: {note.message} ({note.hint})\n" for note in found.notes)
        return f"{item.content}\n<!-- summary: {item.summary} -->\n<!-- notes:\n{notes}-->\n"


def case_of(path: Path) -> Case:
    head, _, body = path.read_text().partition("\n---\n")
    return Case(path.stem, dict(line.partition(": ")[::2] for line in head.splitlines()), body)


CASES = [case_of(path) for path in sorted(FOLDER.glob("*.md"))]


@pytest.mark.parametrize("written", CASES, ids=lambda one: one.name)
def test_body(written: Case) -> None:
    """What becomes of a body is exactly what the file beside it holds; `regenerate_bodies.py` writes that."""
    assert written.result == (FOLDER / f"{written.name}.html").read_text()
    assert written.head["shows"]


def test_no_case_is_left_out() -> None:
    """Every file of the folder belongs to a case."""
    assert {path.stem for path in FOLDER.iterdir()} == {case.name for case in CASES}
    assert len(CASES) > 10


def test_a_body_without_constructs_is_the_same_object() -> None:
    """Nothing is copied for those who use none of this."""
    plain = case_of(FOLDER / "plain.md").body
    assert translate(plain, constructs=CONSTRUCTS).text is plain
    shown = "`{{< x >}}` and `[[a]]` and `<Foo/>`"
    assert translate(shown, constructs=CONSTRUCTS).text is shown
    marked = "{{< youtube dQw4w9WgXcQ >}}"
    assert translate(marked, constructs=frozenset()).text is marked


def test_what_a_reference_leads_to_is_asked_for() -> None:
    """`page` knows the addresses of pages; for what it does not know the reference stays, without its ending."""
    asked = []

    def page(reference: str, _is_from_root: bool) -> str:
        asked.append(reference)
        return "https://blog.example.org/a/" if reference == "a.md" else ""

    body = '[x]({{< ref "a.md#p" >}}) [y](a.md) [z](b.md#q) ![[a.png]]'
    found = translate(body, constructs=frozenset({"shortcodes", "filenames", "wikilinks"}), page=page)
    assert (
        found.text
        == '[x](https://blog.example.org/a/#p) [y](https://blog.example.org/a/) [z](b/#q) <img src="a.png" alt="">'
    )
    assert set(asked) == {"a.md", "b.md", "a.png"}


@pytest.mark.parametrize(
    ("construct", "body", "text"),
    [
        ("shortcodes", '{{< ref "other.md" >}}', "https://blog.example.org/s/posts/other/"),
        ("shortcodes", '{{< relref "../b/index.md#x" >}}', "https://blog.example.org/s/b/#x"),
        ("shortcodes", '{{< ref "docs/other" >}}', "https://blog.example.org/s/docs/other"),
        ("shortcodes", '{{< ref "#here" >}}', "#here"),
        (
            "filenames",
            "[a](../b/c.md) [d](@/e/_index.md)",
            "[a](https://blog.example.org/s/b/c/) [d](https://blog.example.org/s/e/)",
        ),
        (
            "filenames",
            "[a]({filename}b.md) [c]({static}d.png)",
            "[a](https://blog.example.org/s/posts/b/) [c](https://blog.example.org/s/posts/d.png)",
        ),
        ("liquid", "{% post_url 2024-5-01-a-b %}", "https://blog.example.org/s/2024/5/01/a-b.html"),
        (
            "liquid",
            "{% link _posts/2024-05-01-a.md %} {% link b.md %}",
            "https://blog.example.org/s/2024/05/01/a.html https://blog.example.org/s/b/",
        ),
    ],
)
def test_references_resolve_against_the_path_of_the_file(construct: str, body: str, text: str) -> None:
    """They are addresses below that of the site; what begins at the root of the folder begins there."""
    values = {"site.url": "https://blog.example.org/s/"}
    assert translate(body, constructs=frozenset({construct}), path="posts/here.md", values=values).text == text


def test_a_page_of_many_names_has_few_notes() -> None:
    """Each name is noted once, and of many the first; a name that is no plain name is not quoted: it may be private."""
    body = "\n".join(f"{{{{< n{number} >}}}} {{{{< n{number} >}}}}" for number in range(50))
    found = translate(f"{body}\n{{{{ secret('word') | x }}}}", constructs=frozenset({"shortcodes", "liquid"})).notes
    assert [note.line for note in found[:20]] == list(range(1, 21))
    assert found[20].message == "… and 31 more"
    assert "secret" not in str(found)


PIECES = st.lists(
    st.sampled_from(
        ["{{<", ">}}", "{{%", "%}}", "{{", "}}", "{%", "%}", "{#", "#}", " youtube ", " notice ", "/notice ", " raw ", " endraw ", " end ", " highlight go ",
         "/highlight ", "/* x */", "x(a=1)", '"', "'", "`", "```", "~~~", "\n", "\n\n", "    ", "> ", "- ", "[[", "]]", "|", "![[", "==", "%%", "^a", "!!! note", "??? x",
         ":::", ":::note", "[!note]", '=== "a"', "<A>", "</A>", "<A x={1}>", "<A/>", "<Note>", "</Note>", "<a className='x'>", "{", "}", "{/*", "*/}", "{: .x}", "{:toc}",
         "import x from 'y'", "export const a = {", "{filename}", "](a.md)", "](@/b)", "--8<--", "<!-- more -->", "<pre>", "</pre>", "$$", "word", "\ufdd0", "\ufdd1", "\ufdd2", "\\"]
    )
    | st.text(max_size=5),
    max_size=30,
).map("".join)  # fmt: skip


@given(PIECES, st.sets(st.sampled_from(sorted(CONSTRUCTS))), st.sampled_from(["markdown", "html"]))
def test_any_body_is_translated(body, constructs, markup) -> None:
    """It never raises, never grows without bound, and what comes out can be shown."""
    found = translate(body, constructs=frozenset(constructs), markup=markup, separator="~~")

    assert len(found.text) <= bodies.GROWTH * len(body) + bodies.ROOM
    assert all(1 <= note.line <= body.count("\n") + 1 for note in found.notes)
    content.item(
        Seed(title="T", link=LINK, published=0, body=found.text, markup=markup), id="x", topics=(), related=(), now=0
    )


@given(PIECES, st.sampled_from(["```\n", "~~~~\n"]))
def test_code_stays_as_it_is(inside, fence) -> None:
    """Whatever stands in fenced code is shown, but for what marks it as shown."""
    code = "\n".join(line for line in inside.splitlines() if "`" not in line and "~" not in line and "raw" not in line)
    code = code.replace("/*", "").translate(dict.fromkeys(range(0xFDD0, 0xFDD4)))
    body = f"{fence}{code}\n{fence}"
    assert translate(body, constructs=CONSTRUCTS).text == body


UNITS = [
    "{{<", "{{< x >}}", "{{< quote >}}\n", "{{% a %}}{{% /b %}}", "{{", "{{ a }}", "{% x", "{% x %}", "{% endx %}", "{% end %}", "{% raw %}", "{#", "{{</* x */>}}",
    "[[", "[[a", "![[a|", "==a", "%%", " ^a", "> [!note]\n", "!!! note\n    ", ":::note\n", ":::\n", '=== "a"\n    ', "<A", "<A x={", '<A x="', "<A>\n", "</A>", "<Note>\n",
    "{", "}", "{/*", "import {\n", "export const a = {\n\n", "{filename}", "](a.md", "--8<--\n", "{: ", "* TOC\n{:toc", "`", "`a", "```\n", "<pre>`a` ", "$$ `x` ", "<!--",
    "{{ 'a' | b", '{{< x "', "<a className=", "{{< highlight >}}",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
def test_hostile_bodies_take_time_in_proportion(unit: str) -> None:
    """Four times the text takes about four times as long, never sixteen."""
    bodies = [unit * (length // len(unit)) for length in (8_000, 32_000)]
    short, long = (least_seconds(partial(translate, body, constructs=CONSTRUCTS)) for body in bodies)
    assert long < 8 * short + 0.1
