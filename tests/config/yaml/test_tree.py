"""YAML text to nodes: their values and positions, and what is rejected instead of crashing."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config.yaml.scalars import plain
from aggregator.config.yaml.tree import LOADER, MOST_NODES, NOTHING, TOO_DEEP, Node, parse, parse_bytes

LOADERS = sorted({LOADER, yaml.SafeLoader}, key=lambda loader: loader.__name__)


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__)
def loader(request):
    return request.param


def tree(text: str, loader=LOADER) -> Node:
    node = parse(text, path="seed.md", loader=loader)
    assert isinstance(node, Node), node
    return node


def messages_of(text: str, loader=LOADER, **options) -> list[str]:
    found = parse(text, path="seed.md", loader=loader, **options)
    return [] if isinstance(found, Node) else [str(problem).removeprefix("seed.md:") for problem in found]


def test_nodes_know_their_place(loader):
    """Every node has the line and column of its first character, counted from 1."""
    root = tree('title: Néws\ntags:\n  - a\n  - "b"\nat: {x: 1}\n', loader)

    assert (root.kind, root.line, root.column) == ("mapping", 1, 1)
    assert root.at("title") == Node(kind="scalar", line=1, column=8, text="Néws", tag="str")
    assert root.at("tags", 1) == Node(kind="scalar", line=4, column=5, text="b", tag="str", quoted=True)
    assert root.at("at", "x") == Node(kind="scalar", line=5, column=9, text="1", tag="int")
    assert root.at("tags", 2) is None
    assert root.at("title", "x") is None


def test_first_line_shifts_every_line(loader):
    """If the text begins in line 5 of its file, nodes and problems are numbered from there."""
    node = parse("a: 1\nb: 2", path="x", first_line=5, loader=loader)

    assert isinstance(node, Node)
    assert (node.line, node.at("b").line) == (5, 6)
    assert messages_of("a: 1\na: b: c", loader, first_line=5)[0].startswith("6:")
    assert messages_of("a: 1\na: 2", loader, first_line=5) == [
        "6:1: the key `a` is repeated: in line 5 and in line 6 (keep one of them)"
    ]


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("text", "str"), ("84", "int"), ("-0x1F", "int"), ("010", "int"), ("1_000", "int"), ("1:30", "int"), ("84.0", "float"),
        (".inf", "float"), (".NaN", "float"), ("yes", "bool"), ("Off", "bool"), ("TRUE", "bool"), ("y", "str"), ("~", "null"),
        ("", "null"), ("Null", "null"), ("2026-10-03", "timestamp"), ("2026-10-03 10:00:00Z", "timestamp"), ("=", "value"),
        ("<<", "merge"), ("'84'", "str"), ('"yes"', "str"), ("|-\n  84", "str"), ("!!str 84", "str"), ("!!int '84'", "int"),
        ("! 84", "int"), ("1e3", "str"), ("0o17", "str"), ("2026-13-40", "timestamp"),
    ],
)  # fmt: skip
def test_tags(written, tag, loader):
    """A scalar has the tag that YAML 1.1 resolves it to, or that the author wrote; it stays text."""
    node = tree(f"key: {written}", loader).at("key")

    assert node.tag == tag
    assert node.quoted == ((written[:1] in "'\"" and bool(written)) or written == "!!int '84'")


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "--- ~\n...\n", "\ufeff"])
def test_nothing(text, loader):
    """A text without a value is null."""
    assert tree(text, loader).tag == "null"


def test_nothing_is_at_the_first_line():
    """An empty text is null at its beginning."""
    assert parse("", path="x", first_line=7) == Node(kind="scalar", tag="null", line=7, column=1)
    assert parse("", path="x") == NOTHING


MESSAGES = {
    "title: Foo: bar": '1:11: a second `: ` in one line (quote it: write `title: "Foo: bar"`)',
    "- title: Foo: bar # c": '1:13: a second `: ` in one line (quote it: write `title: "Foo: bar"`)',
    'title: "Foo": bar': "1:13: a second `: ` in one line (quote it: write `title: '\"Foo\": bar'`)",
    'title: it\'s "so": x': "1:17: a second `: ` in one line (quote it: write `title: 'it''s \"so\": x'`)",
    'title: "Foo\nother: x': '1:8: this quote is never closed (end the text with `"`)',
    "title: 'Foo\nother: x": "1:8: this quote is never closed (end the text with `'`)",
    'title: "Foo\nother: "x"': '1:8: this quote is closed only some lines below (end the text with `"`)',
    'title: "Foo" bar': "1:14: text follows a closing quote (quote it: write `title: '\"Foo\" bar'`)",
    '- "Foo\nother: "x"': "2:9: text follows a quote that closes one from some lines above (close the quote above)",
    "a:\n\tb: c": "2:1: YAML does not allow tabs for indentation (use spaces)",
    "a:\n  b: c\n\td: e": "3:1: YAML does not allow tabs for indentation (use spaces)",
    "topics: [a, b\nx: y": "1:9: this `[` is never closed (add `]`, or put the text in quotes)",
    "topics: {a: b\nx: y": "1:9: this `{` is never closed (add `}`, or put the text in quotes)",
    'topics: ["a" b]': "1:14: `,` or `]` is missing here (put text with commas or quotes in quotes)",
    f"# b\n{'x' * 1100}: c": "2:1101: this `: ` makes a key, which is not allowed here (put the text in quotes)",
    "topics: [a}": "1:11: `}` cannot close `[` (write `]`)",
    "topics: ]": '1:9: `]` closes nothing (quote it: write `topics: "]"`)',
    "topics: [a, , b]": "1:13: a `,` with nothing before it (remove it, or put the text in quotes)",
    "title: [a] b": '1:12: text follows a closing `]` (put the whole text in quotes: `key: "value"`)',
    "a:\n  title: {a} b": '2:14: text follows a closing `}` (put the whole text in quotes: `key: "value"`)',
    "topics:\n- [a], b": '2:6: text follows a closing `]` (put the whole text in quotes: `key: "value"`)',
    "title: @foo": '1:8: a value cannot begin with @ outside quotes (quote it: write `title: "@foo"`)',
    "title: `foo`": '1:8: a value cannot begin with ` outside quotes (quote it: write `title: "`foo`"`)',
    "title: %foo": '1:8: a value cannot begin with % outside quotes (quote it: write `title: "%foo"`)',
    "title: *foo* bar": "1:8: a value that begins with `*` has a special meaning in YAML"
    ' (quote it: write `title: "*foo* bar"`)',
    "title: & foo": '1:8: a value that begins with `&` has a special meaning in YAML (quote it: write `title: "& foo"`)',
    "title: *foo": "1:8: a value that begins with `*` is an alias, and aliases are not supported"
    ' (quote it: write `title: "*foo"`)',
    "title: !foo bar": "1:8: a value that begins with `!` has a tag, and only YAML's own (`!!str`, `!!int`) are supported"
    ' (quote it: write `title: "!foo bar"`)',
    "title: > foo": "1:8: text cannot follow `>` in the same line"
    " (put it in the next line, indented, or put all of it in quotes)",
    "a: b\n  c: d": "2:4: this `: ` makes a key, which is not allowed here"
    " (begin it in column 1 as the line above, or put the text of both lines in quotes)",
    "a:\n    b: c\n  d: e": "3:3: the indentation matches neither this block (column 1) nor the one around it"
    " (begin the line in column 1)",
    "  a: b\nc: d": "2:1: this line does not belong to what is above it (begin all keys in one column)",
    "a: b\nfoo\nc: d": "2:1: this line has no `: ` (write `key: value`, or indent it if it continues the text above)",
    "a:b\nc: d": "1:2: no space after the colon (write `a: b`)",
    "a: - b": "1:4: a list item cannot begin here (put each `- item` in a line of its own)",
    "a: b\n-c": "2:1: no space after `-` (write `- item`)",
    "a: 1\nb: 2\na: 3": "3:1: the key `a` is repeated: in line 1 and in line 3 (keep one of them)",
    "[a]: b": "1:1: a key must be text, not a list or mapping (put it in quotes)",
    "title: {{ title }}": '1:9: a key must be text, not a list or mapping (put a template in quotes: `"{{ … }}"`)',
    "<<: {a: b}": "1:1: merge keys (`<<`) are not supported (write the keys out)",
    "a: b\n---\nc: d": "2:1: a second document begins here, but only one is allowed"
    " (remove this line and what follows, or the `---`)",
    "a: b\x07": "1:5: the character U+0007 is not allowed in YAML (remove it)",
    "a: 1\nb: \ud800": "2:4: the character U+D800 is not allowed in YAML (remove it)",
    "a: !!python/object:os.system x": "1:4: a value that begins with `!` has a tag, and only YAML's own (`!!str`,"
    ' `!!int`) are supported (quote it: write `a: "!!python/object:os.system x"`)',
    "a: !!set {b}": "1:4: a value that begins with `!` has a tag, and only YAML's own (`!!str`, `!!int`) are supported"
    ' (quote it: write `a: "!!set {b}"`)',
    "a: [!x b]": "1:5: a value that begins with `!` has a tag, and only YAML's own (`!!str`, `!!int`) are supported"
    " (remove it, or put the text in quotes)",
}


@pytest.mark.parametrize("text", MESSAGES, ids=lambda text: repr(text)[:40])
def test_usual_mistakes(text, loader):
    """Each usual mistake is reported with its position, in plain words, and with what to write instead."""
    assert messages_of(text + "\n", loader) == [MESSAGES[text]]


@pytest.mark.parametrize("text", [*MESSAGES, 'a: "\\CANARY"', "a: !CANARY!x y", "%CANARY"])
def test_private_words_stay_out(text, loader):
    """With `quote=False`, messages contain no word of the text."""
    secret = text
    for word in ("title", "other", "topics", "foo", "Foo", "bar", "os.system"):
        secret = secret.replace(word, "CANARY")

    found = messages_of(secret, loader, quote=False)

    assert found
    assert "CANARY" not in str(found)


def test_escapes(loader):
    """An invalid escape, or one of half a surrogate pair, is rejected."""
    assert "a backslash in double quotes begins an escape" in messages_of('a: "C:\\new\\quux"', loader)[0]
    assert "escape" in messages_of('a: "\\ud800"', loader)[0]
    assert messages_of('a: "\\UFFFFFFFF"', loader)


def test_repeated_keys_are_collected(loader):
    """All repeated keys of a file are reported, up to a limit, before the error that ends parsing."""
    assert [line[:4] for line in messages_of("a: 1\na: 2\nb: {c: 1, c: 2}\nd: e: f", loader)] == [
        "2:1:",
        "3:11",
        "4:5:",
    ]
    assert len(messages_of("a: 1\n" * 1000, loader)) == 20


def test_one_key_in_two_mappings_is_no_repetition(loader):
    """Different mappings may have the same key."""
    assert messages_of("- {a: 1}\n- {a: 2}\n- {b: {a: 3}, a: 4}", loader) == []


def test_depth(loader):
    """Nesting is allowed up to its limit, and reported beyond it."""
    assert messages_of("[" * TOO_DEEP + "]" * TOO_DEEP, loader) == []
    assert "nested more than 32 levels deep" in messages_of("[" * (TOO_DEEP + 1) + "]" * (TOO_DEEP + 1), loader)[0]
    assert "nested more than 32 levels deep" in messages_of("[" * 25_000, LOADER)[0]


def test_node_count(loader):
    """Values are allowed up to their limit, and reported beyond it."""
    assert messages_of("[" + "a," * (MOST_NODES - 1) + "]", LOADER) == []
    assert "contains more than 50,000 values" in messages_of("[" + "a," * MOST_NODES + "]", LOADER)[0]


LOL = "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
BOMBS = {
    "flow nesting": "[" * 25_000,
    "flow mapping nesting": "{a: " * 25_000,
    "block nesting": "- " * 25_000,
    "question nesting": "? " * 25_000,
    "alias bomb": "a0: &a0 lol\n" + LOL,
    "merge bomb": "a: &a {x: 1}\nb: {<<: [*a, *a, *a, *a]}\n",
    "plain merge": "<<: [{a: 1}, {b: 2}]\n",
    "open quote": '"' + "a\n" * 50_000,
    "open bracket": "[" + "a\n" * 20_000,
    "second colons": "a: b: " * 20_000,
    "tags": "a: !<" + "x" * 100_000,
    "anchors": "a: &" + "x" * 100_000 + " *",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_at_once(name):
    """Texts that would crash or block a YAML loader are rejected at once."""
    begin = time.thread_time()
    problems = messages_of(BOMBS[name])

    assert problems
    assert time.thread_time() - begin < 2
    assert len(str(problems)) < 1000


@pytest.mark.parametrize(
    "text", ["quality: " + "9" * 5000, "date: 2026-13-40", "a: " + "1:" * 5000 + "1", "a: 0." + "1" * 9999]
)
def test_values_no_loader_can_construct(text, loader):
    """Scalars that make a constructing loader fail are text with a tag."""
    assert tree(text, loader).entries[0][1].text == text.split(": ", 1)[1]


def test_long_line():
    """A line of ten megabytes is parsed like any other."""
    node = tree("a: " + "x" * 10_000_000)

    assert len(node.at("a").text) == 10_000_000


def test_bytes():
    """The bytes of a file are UTF-8, with or without a byte order mark."""
    assert parse_bytes(b"\xef\xbb\xbfa: 1", path="x") == parse_bytes(b"a: 1", path="x")


YAMLISH = st.text(alphabet=st.sampled_from("ab: -\n\t'\"[]{},#&*!|>%@`?<~0.\\\r\u2028\x85é\ud800\x00"), max_size=60)


@given(st.one_of(YAMLISH, st.text(max_size=60)))
def test_no_text_crashes_it(text):
    """With either parser, any text is a tree, or has at least one problem with a position inside it."""
    for loader in LOADERS:
        found = parse(text, path="x", first_line=3, loader=loader)
        if isinstance(found, Node):
            assert found.line >= 3
        else:
            assert found
            assert all(3 <= problem.line <= 3 + text.count("\n") + 60 and problem.column >= 1 for problem in found)


@given(YAMLISH)
def test_accepts_what_safe_loader_composes(text):
    """A tree has the same texts as PyYAML's composer makes, and what that cannot compose is rejected."""
    found = parse(text, path="x")
    try:
        composed = yaml.compose(text, Loader=LOADER)
    except (yaml.YAMLError, ValueError):
        assert not isinstance(found, Node)
        return
    if isinstance(found, Node) and composed is not None:
        assert skeleton(found) == composed_skeleton(composed)


def skeleton(node: Node) -> object:
    if node.kind == "mapping":
        return [(skeleton(key), skeleton(value)) for key, value in node.entries]
    if node.kind == "list":
        return [skeleton(item) for item in node.items]
    return (node.text, node.tag, node.line, node.column)


def composed_skeleton(node) -> object:
    if isinstance(node, yaml.MappingNode):
        return [(composed_skeleton(key), composed_skeleton(value)) for key, value in node.value]
    if isinstance(node, yaml.SequenceNode):
        return [composed_skeleton(item) for item in node.value]
    place = (node.start_mark.line + 1, node.start_mark.column + 1)
    return (node.value, node.tag.removeprefix("tag:yaml.org,2002:"), *place)


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**17), 10**17),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"])),
    ),
    lambda children: st.one_of(
        st.lists(children, max_size=4), st.dictionaries(st.text("abc", min_size=1), children, max_size=4)
    ),
    max_leaves=10,
)


@given(VALUES)
def test_reads_back_what_yaml_writes(value):
    """What PyYAML dumps is read back as the same plain value."""
    found = parse(yaml.safe_dump(value), path="x")

    assert isinstance(found, Node)
    assert plain(found) == value
