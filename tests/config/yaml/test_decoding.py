"""The typed decoder: nodes to values, and every problem with its position."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config.yaml.decoding import MOST_PROBLEMS, Check, Parse, Unknown, decode, decode_open, nearest
from aggregator.config.yaml.tree import Node, parse


def shout(text: str) -> str:
    if not text.isalpha():
        raise ValueError("must be letters", "write `abc`")
    return text.upper()


def even(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    width: int = 0


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    below: tuple[Tree, ...] = ()


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    low: int = 0
    high: int = 9

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high", "swap them")


class Wanted(msgspec.Struct, frozen=True, kw_only=True, rename={"ident": "_id"}):
    title: str = "-"
    ident: str = ""
    quality: int | None = None
    score: float = 0.0
    shown: bool = True
    tags: tuple[str, ...] = ()
    image: Picture | None = None
    images: tuple[Picture, ...] = ()
    related: Literal["list", "promote"] = "list"
    extra: Any = None
    labels: dict[str, str] = {}
    loud: Annotated[str, Parse(shout, what="letters")] = ""
    limit: Annotated[int | None, Parse(lambda text: None if text in ("", "~") else int(text), null=True)] = 50
    half: Annotated[int | None, Check(even)] = None
    ordered: Ordered = Ordered()


def read(text: str, kind: Any = Wanted, **options: Any) -> tuple[Any, list[str]]:
    node = parse(text, path="f")
    assert isinstance(node, Node), node
    value, problems = decode(node, kind, path="f", **options)
    return value, [str(problem).removeprefix("f:") for problem in problems]


def wanted(text: str) -> Any:
    value, problems = read(text)
    assert problems == []
    return value


def problem_of(text: str, kind: Any = Wanted, **options: Any) -> str:
    (problem,) = read(text, kind, **options)[1]
    return problem


@pytest.mark.parametrize(
    "written", ["1984", "yes", "2026-10-03", "3.10", "0x1F", ".inf", "=", "<<", "2026-13-40", "007"]
)
def test_text_is_what_the_author_wrote(written):
    """If text is expected, a scalar of any YAML type is its text as written."""
    assert wanted(f"title: {written}").title == written


def test_absent_and_null_are_the_default():
    """A key that is missing or has no value gets its default."""
    assert wanted("") == wanted("title:\nquality: ~\ntags: null\nimage:\nrelated:\nloud:\nordered:") == Wanted()


def test_renamed_key():
    """A field is read from its encoded name."""
    assert wanted("_id: x").ident == "x"


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("84", 84), ("-7", -7), ("+7", 7), ("0", 0), ("1_000", 1000), ("0x1F", 31), ("0b101", 5), ("010", 8), ("0o10", 8), ("84.0", 84),
        ("1e3", 1000), ("-0", 0), ("999999999999999999", 10**18 - 1), ("!!int '84'", 84), ("-0x10", -16), ("0_7", 7),
    ],
)  # fmt: skip
def test_integer(written, number):
    """An integer may be written in every way of YAML 1.1 and 1.2, also as an integral float."""
    assert wanted(f"quality: {written}").quality == number


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("abc", 'found text "abc"'),
        ('"84"', 'found text "84" (write `84` without quotes)'),
        ("'0x1F'", 'found text "0x1F" (write `0x1F` without quotes)'),
        ("84.5", "found the number 84.5"),
        (".nan", "found the number .nan"),
        ("-.inf", "found the number -.inf"),
        ("nan", 'found text "nan"'),
        ("1000000000000000000", "found the number 1000000000000000000 (write at most 18 digits)"),
        ("9" * 5000, f"found the number {'9' * 59}… (write at most 18 digits)"),
        ("1e400", 'found text "1e400"'),
        ("1:30", "found the number 1:30 (write a plain number)"),
        ("yes", "found the boolean yes"),
        ("2026-10-03", "found the date 2026-10-03"),
        ("[1]", "found a list"),
        ("{a: 1}", "found a mapping"),
        ("!!str 84", 'found text "84"'),
        ("!!int abc", "found the number abc (write at most 18 digits)"),
        ('"a\\nb\\x07"', 'found text "a\ufffdb\ufffd"'),
    ],
)
def test_no_integer(written, reason):
    """Other values are rejected, and described by their YAML type."""
    assert problem_of(f"quality: {written}") == f"1:10: quality: expected an integer, {reason}"


def test_number():
    """A number is any finite number."""
    assert wanted("score: 1_0.5").score == 10.5
    assert wanted("score: 3").score == 3.0
    assert wanted("score: 1e-2").score == 0.01
    assert problem_of("score: .inf") == "1:8: score: expected a number, found the number .inf"
    assert problem_of("score: '1.5'").endswith('found text "1.5" (write `1.5` without quotes)')


@pytest.mark.parametrize("written", ["no", "No", "NO", "off", "Off", "false", "False", "FALSE", "!!bool 'no'"])
def test_boolean(written):
    """Booleans are spelt as in YAML 1.1."""
    assert wanted(f"shown: {written}").shown is False


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ('"false"', 'text "false" (write `false` without quotes)'),
        ("'No'", 'text "No" (write `No` without quotes)'),
        ("0", "the number 0 (write `true` or `false`)"),
        ("n", 'text "n" (write `true` or `false`)'),
        ("[no]", "a list (write `true` or `false`)"),
        ("!!bool maybe", "the boolean maybe (write `true` or `false`)"),
    ],
)
def test_no_boolean(written, reason):
    """Quoted text such as "false" is not a boolean, and the message says how to write one."""
    assert problem_of(f"shown: {written}") == f"1:8: shown: expected true or false, found {reason}"


def test_lists():
    """A list becomes a tuple of its valid items; empty items are left out."""
    assert wanted("tags: [a, 1, yes]").tags == ("a", "1", "yes")
    assert wanted("tags:\n  -\n  - b\n").tags == ("b",)
    assert wanted("images: [{url: a}, {url: b, width: 3}]").images == (Picture(url="a"), Picture(url="b", width=3))


@pytest.mark.parametrize(
    ("written", "hint"),
    [("news", "[news]"), ("a, b", "[a, b]"), ("'#AI'", '["#AI"]'), ("'a \"b\"'", "['a \"b\"']"), ('"a\\nb"', "[x]")],
)
def test_scalar_for_a_list(written, hint):
    """A single value where a list is expected is a problem that shows the list."""
    assert problem_of(f"tags: {written}").endswith(f"(write `{hint}`)")


def test_wrong_shapes():
    """A list or mapping in the wrong place says what to write."""
    assert problem_of("title: [a]") == "1:8: title: expected text, found a list (write it without `[ ]` or `- `)"
    assert problem_of("tags: {a: b}") == "1:7: tags: expected a list, found a mapping (begin each entry with `- `)"
    assert (
        problem_of("tags: [Foo: bar]") == '1:8: tags[0]: expected text, found a mapping (quote it: write `"Foo: bar"`)'
    )
    assert problem_of("title: {a: b, c: d}").endswith("(quote text that holds `: `)")
    assert problem_of("image: x").endswith(
        'image: expected a mapping, found text "x" (write `key: value` lines below it)'
    )
    assert problem_of("labels: x").endswith('expected a mapping, found text "x" (write `key: value` lines below it)')
    assert problem_of("", str) == "1:1: expected text, found nothing"
    assert problem_of("[a]") == "1:1: expected a mapping, found a list (write `key: value` lines below it)"


def test_choices():
    """A choice is one of several words; a misspelt one gets the most similar as hint."""
    assert wanted("related: promote").related == "promote"
    assert problem_of("related: promot") == (
        '1:10: related: expected `list` or `promote`, found text "promot" (did you mean `promote`?)'
    )
    assert problem_of("related: [list]") == "1:10: related: expected `list` or `promote`, found a list"
    assert wanted_of("a", Literal["a"]) == "a"


def wanted_of(text: str, kind: Any) -> Any:
    value, problems = read(text, kind)
    assert problems == []
    return value


def test_anything():
    """Any yields plain values; dates and numbers that are too long stay text."""
    text = "extra: [1, 1.5, yes, ~, x, '1', 2026-13-40, {a: [0x1F]}, .inf, 1:30, %s]" % ("9" * 40)

    assert wanted(text).extra == [1, 1.5, True, None, "x", "1", "2026-13-40", {"a": [31]}, ".inf", "1:30", "9" * 40]
    assert wanted("labels: {a: 1, b: x}").labels == {"a": "1", "b": "x"}
    assert wanted_of("{a: 1, b: ~}", dict[str, Any]) == {"a": 1, "b": None}
    assert wanted_of("{a: 1}", dict) == {"a": 1}


def test_parse_and_check():
    """Annotated types are read by their function, whose ValueError is the problem's message and hint."""
    assert wanted("loud: abc").loud == "ABC"
    assert problem_of("loud: a1") == "1:7: loud: must be letters (write `abc`)"
    assert problem_of("loud: [a]") == "1:7: loud: expected letters, found a list"
    assert wanted("limit: 7").limit == 7
    assert wanted("limit: ~").limit is None
    assert wanted("limit:").limit is None
    assert wanted("half: 8").half == 4
    assert wanted("half:").half is None
    assert problem_of("half: 7") == "1:7: half: 7 is odd"
    assert problem_of("half: x") == '1:7: half: expected an integer, found text "x"'


def test_checks_of_the_type_itself():
    """A ValueError from `__post_init__` of a Struct is a problem at its mapping."""
    assert problem_of("ordered: {low: 3, high: 2}") == "1:10: ordered: low is above high (swap them)"


def test_missing():
    """A required key that is missing or has no value is a problem at its mapping, and the value is None."""
    assert read("width: 3", Picture) == (None, ["1:1: url: is missing (write `url: …`)"])
    assert read("", Picture) == (None, ["1:1: url: is missing (write `url: …`)"])
    assert problem_of("a: b\nimage:\n  width: 3\n", unknown="ignore") == "3:3: image.url: is missing (write `url: …`)"
    assert problem_of("images: [{url: a}, {url: }]") == "1:20: images[1].url: is missing (write `url: …`)"


class Nested(msgspec.Struct, frozen=True, kw_only=True):
    picture: Picture
    ordered: Ordered


def test_missing_mapping():
    """If a required mapping is missing, its required keys are reported."""
    assert read("", Nested) == (None, ["1:1: picture.url: is missing (write `url: …`)"])
    assert read("picture: {url: a}", Nested)[0] == Nested(picture=Picture(url="a"), ordered=Ordered())


def test_partial_value():
    """What has a problem keeps its default, so that callers can go on to find more problems."""
    value, problems = read("title: [x]\nquality: 3\nimages: [{}, {url: a}]\nimage: {}\n")

    assert value == Wanted(quality=3, images=(Picture(url="a"),))
    assert len(problems) == 3


def test_all_problems_in_order():
    """All problems are reported at once, in the order of the text, with unknown keys among them."""
    text = "quality: x\ntitel: y\nimage: {url: [], widht: 3}\ntags: [{}, b, []]\n"

    assert [problem.split(" (")[0] for problem in read(text)[1]] == [
        '1:10: quality: expected an integer, found text "x"',
        "2:1: titel: unknown key",
        "3:14: image.url: expected text, found a list",
        "3:18: image.widht: unknown key",
        "4:8: tags[0]: expected text, found a mapping",
        "4:15: tags[2]: expected text, found a list",
    ]


def test_unknown_keys():
    """Unknown keys are errors, ignored, or returned with the most similar known key."""
    text = "titel: x\nimage: {url: a, colour: b}\n"
    node = parse(text, path="f")

    assert read(text)[1] == [
        "1:1: titel: unknown key (did you mean `title`?)",
        "2:17: image.colour: unknown key (remove it, or look up its name)",
    ]
    assert read(text, unknown="ignore") == (Wanted(image=Picture(url="a")), [])
    assert decode_open(node, Wanted, path="f")[1:] == (
        [],
        (Unknown("titel", 1, 1, "title"), Unknown("image.colour", 2, 17, "")),
    )


@pytest.mark.parametrize(
    "text",
    ["quality: CANARY", "title: [CANARY]", "title: {CANARY: x}", "tags: CANARY", "shown: 'CANARY'", "related: CANARY",
     "tags: [{CANARY: CANARY}]", "image: CANARY", "quality: 2026-10-03", "shown: '77'"],
)  # fmt: skip
def test_private_values_stay_out(text):
    """With `quote=False`, messages contain no value of the text."""
    problem = problem_of(text, quote=False)

    assert "CANARY" not in problem
    assert "2026-10" not in problem


def test_hints_without_quoting():
    """With `quote=False`, hints still say what to do."""
    assert problem_of("quality: '84'", quote=False) == (
        "1:10: quality: expected an integer, found text (write it without quotes)"
    )
    assert problem_of("quality: 8.5", quote=False) == "1:10: quality: expected an integer, found a number"


def test_many_problems_are_cut():
    """Problems are listed up to a limit, then that there are more; so are unknown keys."""
    problems = read(f"tags: [{'[],' * 5000}]")[1]
    unknown = read("{" + ",".join(f"k{n}: 1" for n in range(5000)) + "}")[1]

    assert len(problems) == MOST_PROBLEMS + 1
    assert problems[-1].endswith("more problems follow (fix these first)")
    assert len(unknown) == MOST_PROBLEMS


def test_type_that_holds_itself():
    """A Struct may contain itself."""
    assert wanted_of("below: [{name: a, below: [{name: b}]}]", Tree) == Tree(
        below=(Tree(name="a", below=(Tree(name="b"),)),)
    )


@pytest.mark.parametrize("kind", [set, list[int], int | str, Literal[1], tuple[int, str], bytes])
def test_types_that_yaml_cannot_give(kind):
    """An unsupported type is a programming error and raises TypeError at once."""
    with pytest.raises(TypeError):
        read("x", kind)


@pytest.mark.parametrize(("name", "meant"), [("titel", "title"), ("TITLE", "title"), ("zzz", ""), ("t" * 5000, "")])
def test_nearest(name, meant):
    """The most similar choice is found in any case."""
    assert nearest(name, ["title", "tags"]) == meant


KEYS = st.sampled_from([*Wanted.__struct_encode_fields__, "url", "width", "low", "titel", "<<<"])
TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates().map(str)),
    lambda children: st.one_of(st.lists(children, max_size=3), st.dictionaries(KEYS, children, max_size=5)),
    max_leaves=12,
)


@given(TREES)
def test_any_tree_is_a_value_or_has_problems(value):
    """Any tree is decoded to a value of the type or has at least one problem, and every problem has a position."""
    node = parse(msgspec.yaml.encode(value).decode("utf-8"), path="f")
    if not isinstance(node, Node):
        return
    found, problems = decode(node, Wanted, path="f")

    assert isinstance(found, Wanted) or problems
    assert all(problem.line and problem.column for problem in problems)
    assert problems == sorted(problems, key=lambda problem: (problem.line, problem.column))


@given(st.text())
def test_any_text_is_text(text):
    """Quoted text is read as that text, or its characters are rejected."""
    node = parse(msgspec.json.encode({"title": text}).decode("utf-8") if text.isprintable() else "{}", path="f")

    assert isinstance(node, Node)
    value, problems = decode(node, Wanted, path="f")
    assert (value.title, problems) == (text if text.isprintable() else "-", [])
