"""What keys of a file hold its item back: drafts, hidden, unlisted and private ones, in every spelling. Pure.

Every dialect asks here (G15: nothing that people meant to hold back goes out). There are three answers for a key:

- It is understood and holds the item back: `draft: true`, `Published: false`, `status: draft`, `unlisted: yes`.
- It may hold the item back, but whether it does is not understood: `darft: true`, `status: brewing`, `embargo: …`. That
  is a doubt, an error of the file, and the item is withdrawn until a person has answered it.
- It lets the item go out, or speaks of something else: `draft: false`, `draft:` without a value, `status: published`.

Keys are compared by their words alone: case, hyphens, underscores and a leading `is` or `post` do not matter. The
values of files are never part of a message, because what is held back is private.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple


class Doubt(NamedTuple):
    """A key that may hold the item back.

    `keys` lead to it, as they are written. `kind` is "starts" or "ends" if its value says when the item is to appear or
    vanish; `date` is that value as text, which need not be readable. A caller that knows as much from a key of its own
    drops the doubt.
    """

    keys: tuple[str, ...]
    message: str
    hint: str
    kind: Literal["", "starts", "ends"] = ""
    date: str = ""


Doubted = Literal["any", "lower", "none"]
"""The keys of lines for which a doubt is enough: any, those in lower case, or none."""


class State(NamedTuple):
    """What the keys of a file say about publishing it.

    `held_by` are the keys, as they are written, that lead to the first value that holds the item back; () if none does.
    `understood` are the keys at the top that were read for this, so that nobody is told that they are unknown.
    """

    held_by: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    understood: tuple[str, ...] = ()


def state_of(values: Mapping[str, Any], *, handled: Collection[str] = ()) -> State:
    """Return what the metadata of a file says about publishing it.

    Args:
        values: the keys of the file as written, with their values: None, booleans, numbers, text, dates, lists and
            mappings.
        handled: keys, in any spelling, about which the caller decides itself: they are not looked at.
    """
    values = {key: value for key, value in values.items() if may_hold_within(str(key), value)}
    if not values:
        return State()
    skipped = {_word(key) for key in handled}
    held_by: tuple[str, ...] = ()
    doubts: list[Doubt] = []
    understood: list[str] = []
    for keys, word, value, is_far in _entries(values, skipped):
        answer = _answer(keys, word, value)
        if answer is True and is_far:
            doubts.append(_doubt(keys))
        elif answer is True:
            held_by = held_by or keys
        elif answer is not False:
            doubts.append(answer)
        if len(keys) == 1 and (answer is not False or _known(keys[0], word) in _FLAGS):
            understood.append(keys[0])
    return State(held_by, tuple(doubts), tuple(understood))


def boolean(value: Any) -> bool | None:
    """Return the boolean that a value spells, or None, also of nothing."""
    return None if is_blank(value) else boolean_of(value)


def is_held_state(value: Any) -> bool:
    """Return whether a value is a word, or a list with a word, for a state in which nothing is published."""
    if isinstance(value, list | tuple):
        return any(map(is_held_state, value))
    return isinstance(value, str) and len(value) < 64 and _word(value) in _HELD | _HELD_ALONE


def is_shown_state(value: Any) -> bool:
    """Return whether a value, or each in a list, is blank, yes, or a word for a state in which an item is published."""
    if isinstance(value, list | tuple):
        return all(map(is_shown_state, value))
    if isinstance(value, str):
        return not value.strip() or boolean_of(value) is True or _word(value) in _SHOWN
    return value is True or is_blank(value)


def doubts(values: Mapping[str, Any], known: Collection[str], *, any_case: bool = False) -> Iterator[Doubt]:
    """Yield the keys beside the `known` ones that hold an item back or may do so: for a dialect, which has its own.

    `known` are keys, also dotted ones (`params.draft`): as they are written, or in lower case with `any_case`.
    """

    def is_known(name: str) -> bool:
        return (name.lower() if any_case else name) in known

    for key, value in values.items():
        # Nearly every file has a `type` or a `layout`.
        if is_known(key) or (type(value) is str and _word(key) in _KINDS and _kind((key,), value) is False):
            continue
        state = state_of({key: value})
        found = [*state.doubts, *([_doubt(state.held_by)] if state.held_by else [])]
        for one in found:
            if not is_known(".".join(one.keys)):
                yield one._replace(
                    message="may mean that this is not to be published, and is not a key that is understood"
                )


def is_kept_from_feeds(key: str, value: Any) -> bool:
    """Return whether a key says nothing but that the item is in no feed: `excludeFromRss: true`, `feed: false`."""
    return _is_of_feeds(key) and boolean(value) is not None and state_of({key: value}).held_by == (key,)


def _is_of_feeds(key: str) -> bool:
    return not _FEEDS.isdisjoint(_segments(key))


def may_hold_within(key: str, value: Any) -> bool:
    """Return whether `key`, or a key in the mappings and lists that are its value, may hold an item back."""
    return may_hold(key) or (type(value) not in _SCALARS and _may_hold_below(value, 0))


def _may_hold_below(value: Any, depth: int) -> bool:
    if depth > _DEEPEST:
        return False
    if isinstance(value, Mapping):
        return any(
            may_hold(str(key)) or (type(one) not in _SCALARS and _may_hold_below(one, depth + 1))
            for key, one in value.items()
        )
    several = value if isinstance(value, list | tuple) else ()
    return any(_may_hold_below(one, depth) for one in several if isinstance(one, Mapping))


@lru_cache(maxsize=4096)
def kind_of(key: str) -> str:
    """Return how a key may hold an item back: "start" if it says when it is to appear, "key" otherwise, "" if not."""
    word = _known(key, _word(key))
    if word in _STARTS - _FLAGS or _part_of_date(key) == "starts":
        return "start"
    return "key" if may_hold(key) and word not in _CONTAINERS else ""


@lru_cache(maxsize=4096)
def may_hold(key: str) -> bool:
    """Return whether some value of `key` may hold an item back. Files repeat their keys, and nearly none is one."""
    word = _word(key)
    known = _known(key, word)
    return (
        known in _ALL or word in _CONTAINERS or word in _BUILD or word in _KINDS or word == "password"
        or _part_of(key) is not None or _part_of_date(key) != "" or _is_compound_status(key) or _misspelt(known) != ""
    )  # fmt: skip


@lru_cache(maxsize=1024)
def holding_answer(key: str) -> bool | None:
    """Return which answer to `key` holds an item back by its name: yes to `isDraft`, no to `readyToPublish`.

    None if its name says neither: a key of dates, of words for a state, or of something else.
    """
    word = _known(key, _word(key))
    if word in _HOLDING or word in _SHOWING:
        return word in _HOLDING
    suspect = _suspect(key, word)
    meant = _misspelt(word) if suspect is None else ""
    return meant in _HOLDING if meant in _HOLDING or meant in _SHOWING else suspect


def text_holds_back(lines: str, *, is_prose: bool = False, doubted: Doubted = "any") -> bool:
    """Return whether one of `lines`, metadata that cannot be parsed, holds its item back or may do so.

    Lines are `key: value`, `key = value` or `"key": value`. Dates are not taken for doubts: what they mean depends on
    keys that cannot be read. What is neither a date nor another answer to a switch is one. If the lines may be prose
    (`is_prose`), more than three words are no answer: "Private: what the neighbours never told us". Keys that are not
    `doubted` count if they answer clearly: "Draft: yes", but not "Status: accepted" or "Published: 1815", which are
    what lists of facts at the head of a text say.
    """
    for line in _LINE.finditer(lines):
        value = line["value"].strip(" \t\"',")
        key = line["key"].strip()
        if (is_prose and _is_sentence(value)) or not (_is_doubted(key, doubted) or _is_clear(key, value)):
            continue
        state = state_of({key: value})
        is_switch = _known(key, _word(key)) in _FLAGS
        if state.held_by or any(not doubt.kind or (is_switch and not _date(doubt.date)) for doubt in state.doubts):
            return True
    return False


def _is_doubted(key: str, doubted: Doubted) -> bool:
    return doubted == "any" or (doubted == "lower" and not key[0].isupper())


def _is_clear(key: str, value: str) -> bool:
    """Return whether a key is a switch, and its value holds the item back beyond doubt."""
    word, value = _known(key, _word(key)), value.partition(" #")[0].strip(" \t\"',;.")
    if word not in _FLAGS - _OFTEN_OTHER:
        return False
    return _word(value) in _CLEARLY_HELD or (word not in _STATUS and boolean_of(value) is (word in _HOLDING))


def _is_sentence(value: str) -> bool:
    words = value.partition(" #")[0].split()
    return len(words) > 3 and _word(words[0]) not in _YES | _NAYS | _HELD


def boolean_of(value: Any) -> bool | None:
    """Return the boolean that a value spells, as a boolean, a number or text, or None. Nothing at all is no."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value) if value in (0, 1) else None
    if isinstance(value, str):
        word = _word(value)
        return True if word in _YES else False if word in _NAYS or not value.strip() else None
    return False if value is None or value in ([], (), {}) else None


_LINE = re.compile(
    r"^[ \t\ufeff{]*[\"']?(?P<key>[^\W\d][\w .-]{0,40}?)[\"']?[ \t]*(?:::?|=)(?P<value>[ \t]*[^\n]{0,80})$",
    re.MULTILINE,
)


def _words(several: str) -> frozenset[str]:
    return frozenset(several.split())


_YES = frozenset({"true", "yes", "on", "y", "t", "1", "ja", "oui", "si"})
_NAYS = frozenset({"false", "no", "off", "n", "f", "0", "none", "null", "nil", "never", "nein", "non"})

# Words of keys. A yes to these holds the item back.
_HOLDING = _words(
    """
    draft drafts hidden hide unlisted private unpublished notpublished nopublish donotpublish dontpublish wip
    workinprogress removed deleted embargo embargoed nofeed norss excludefromfeed excludefromfeeds excludefromrss
    excludefromcollections hidefromfeed hidefromrss hiddenfromfeed hiddenfromrss eleventyexcludefromcollections
    """
)
# A no to these holds it back.
_SHOWING = _words(
    """
    published publish public listed visible dgpublish feed rss infeed inrss showinfeed
    """
)
# With any other value than yes or no, these tell something else: `feed: https://…`, `public: "Everyone"`.
_OFTEN_OTHER = frozenset({"feed", "rss", "public", "visible", "hide", "wip", "infeed", "inrss"})
# A yes, or a no, to these may hold it back.
_MAYBE_HOLDING = _words(
    """
    skip ignore ignored exclude excluded disable disabled internal confidential secret trash trashed withdrawn retracted
    unreleased notready unfinished incomplete inprogress pending unapproved delete remove expired archived offline
    unpublish protected scheduled invisible suppressed withheld preview paywall paywalled premium membersonly entwurf
    brouillon borrador bozza rascunho szkic koncept utkast kladde taslak черновик 草稿 下書き
    """
)
_MAYBE_SHOWING = _words(
    """
    enabled approved reviewed ready released release show display online live active finished complete completed done
    syndicate syndicated syndication render permalink
    """
)
# Their values may be a word that also names a state: `permalink: /private/`.
_NAMING = frozenset({"show", "display", "release", "online", "render", "permalink", "live", "preview"})
# Keys of several words. Those of the first speak of publishing whatever stands beside them (`blogDraft`), all others do
# so only if no word of the key is of another matter: `publishToWeb`, `hideFromFeed` and `keepPrivate`, but not
# `publishedBy`, `hideToc` and `private_company`.
_HOLDING_PARTS = ("draft", "unlist", "unpublish", "embargo")
_PRIVATE = _words(
    """
    private hidden secret confidential internal invisible unfinished incomplete unreleased withheld pending wip archived
    """
)
_NO = _words("no not non never dont")
_NOT = _NO | _words(
    "without skip exclude excluded omit omitted disable disabled hide hidden prevent block suppress suppressed withhold"
)
_READY = _words("ready live online active approved reviewed released finished complete completed done enabled")
_SHOW = _words("show shown display displayed include included visible syndicate syndicated appear appears")
_THINGS = _words("post page article item entry story")
_PLACES = _words("feed feeds rss atom blog site website web")
_FEEDS = _words("feed feeds rss atom")
_LISTS = _words("list lists listing listings index archive archives collection collections")
_FILL = (
    _THINGS
    | _PLACES
    | _words(
        """
    a the this it to for from in on of as and be is do can may must should allow allowed ok okay now yet still only keep
    note doc document content
    """
    )
)
_AUDIENCES = _words(
    """
    member members subscriber subscribers patron patrons supporters internal private preview staff admin team me local
    test dev
    """
)
_SEGMENTS = (
    _PRIVATE
    | _NOT
    | _READY
    | _SHOW
    | _LISTS
    | _AUDIENCES
    | {one for one in _FILL if len(one) > 1}
    | _words("publish published publishing publication public listed draft drafts unpublished unlisted embargo my")
)
# A date is a start beside the first, or where the second are there "until" it, and an end beside the third.
_STARTING = ("publish", "pub", "publication", "post", "posted", "posting", "schedule", "scheduled", "release", "live",
    "public", "embargo", "visible", "show", "display")  # fmt: skip
_HIDDEN = _PRIVATE | _words("hide draft unlisted embargo embargoed unpublished withhold")
_ENDING = _words(
    """
    expire expires expired expiry expiration unpublish unpublished archive archived remove removed delete deleted retire
    retired withdraw withdrawn retract retracted
    """
)
_WHEN = _words("date datetime time at on")
# Keys of one word of many. Any other word is a doubt in the first, and none in the second, which mean many things.
_STATUS = _words(
    """
    status poststatus publishstatus publicationstatus publishingstatus visibility draftstatus
    """
)
_LIKE_STATUS = frozenset({"state", "stage", "workflow", "access", "audience", "privacy", "workflowstate"})
# Such a key may have one of the second before it: `reviewStatus`. These words say which part of the file it is of.
_STATUS_NAMES = _words("status state stage phase visibility workflow")
_OF_ITEM = _FILL | _words(
    "pub publish published publishing publication review editorial edit editing workflow approval release online my"
)
# Keys of which only a word that means nothing else is a doubt: `type: draft`, `project_status: draft`.
_KINDS = frozenset({"type", "kind", "layout", "phase", "lifecycle"})
_CLEARLY_HELD = _words(
    "draft drafts unpublished notpublished private unlisted embargoed privat entwurf brouillon borrador"
)
_HELD = _words(
    """
    draft drafts private hidden unlisted pending pendingreview review inreview wip workinprogress
    inprogress unpublished notpublished scheduled future embargo embargoed trash trashed deleted removed internal
    secret confidential idea todo planned protected password members autodraft onhold hold withdrawn retracted
    rejected expired inactive unapproved entwurf brouillon borrador offline backlog notready
    """
)
# These only where a word of a state is wanted: elsewhere they answer a question.
_HELD_ALONE = _words(
    "no false never none later nobody me onlyme owner restricted queued incomplete unfinished skip privat"
)
_SHOWN = _words(
    """
    published publish public live final finished done visible released release active complete completed listed
    everyone all anyone approved ready online open world ok enabled shown default stable updated corrected
    evergreen seedling sapling budding growing always
    """
)
_STARTS = _words(
    """
    embargo embargoed embargodate embargountil embargoeduntil embargoends holduntil hideuntil publishat publishon
    publishafter publishdate publishfrom releasedate releaseat releaseon golive golivedate visiblefrom showfrom
    scheduled scheduledfor scheduledat availablefrom availableat validfrom notbefore publish published
    publisheddate publishedat publishedon datepublished pubdate publicationdate publishtime schedule scheduledate
    goliveat livedate scheduleddate gopublic publishup posted
    """
)
_ENDS = _words(
    """
    expirydate expiry expire expires expiration expirationdate expiresat expireson expiredate expiresdate
    unpublishdate unpublishon unpublishat unpublishafter validuntil visibleuntil showuntil hideafter notafter
    removeon deleteon publishdown archived expired withdrawn retracted
    """
)
# Mappings in which generators keep keys of their authors, and those in which Hugo says what it builds.
_CONTAINERS = frozenset(
    {"params", "extra", "meta", "metadata", "data", "frontmatter", "publishing", "page", "attributes"}
)
_BUILD = frozenset({"build"})
_UNLISTED = frozenset({"local", "link"})
# Switches that mean the same wherever they are, unlike `hidden`, which may hide a picture; and how deep they may be.
_ANYWHERE = _words("draft drafts unpublished notpublished nopublish donotpublish dontpublish published publish")
_DEEPEST = 8
_SCALARS = frozenset({str, int, float, bool, type(None), dt.date, dt.datetime})
# What is often mistyped, and how many letters may be wrong; and what looks like it and is another word.
_MISTYPED = {word: 2 if len(word) > 7 else 1 for word in (*_HOLDING, *_SHOWING, *_STATUS, "expires") if len(word) > 4}
_OTHER_WORDS = _words(
    """
    craft crafts graft drift raft states stats statue statute listen privates republic publics publisher invisible
    divisible risible establish polished punished relisted enlisted
    """
)
_LEADING = frozenset({"is", "post", "page", "article", "item", "entry", "the", "status"})
_TOKENS = re.compile(r"[^\W\d_]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])|\d+")


@lru_cache(maxsize=4096)
def _word(key: str) -> str:
    """Return a key as it is compared: its letters and digits, in lower case."""
    folded = key.lower() if key.isascii() else unicodedata.normalize("NFKC", key).casefold()
    return "".join(filter(str.isalnum, folded))


def _tokens(key: str) -> list[str]:
    return [token.casefold() for token in _TOKENS.findall(key)]


@lru_cache(maxsize=4096)
def _segments(key: str) -> tuple[str, ...]:
    """Return the words of a key, also of one that is written without anything between them: `publishtoweb`."""
    return tuple(part for token in _tokens(key) for part in (_parted(token) or (token,)))


def _parted(token: str) -> tuple[str, ...]:
    """Return a token parted into words that matter here, as few as possible, or () if it has other parts."""
    if token in _SEGMENTS or not 5 < len(token) < 32:
        return ()
    best: list[tuple[str, ...] | None] = [()]
    for end in range(1, len(token) + 1):
        found = [
            (*before, token[start:end])
            for start in range(max(0, end - 12), end)
            if (before := best[start]) is not None and token[start:end] in _SEGMENTS
        ]
        best.append(min(found, key=len, default=None))
    return best[-1] or ()


def _entries(
    values: Mapping[str, Any], skipped: Collection[str], above: tuple[str, ...] = (), *, are_read: bool = True,
    is_far: bool = False,
) -> Iterator[tuple[tuple[str, ...], str, Any, bool]]:  # fmt: skip
    """Yield the keys that may hold back: what leads to each, the word that it is, its value, and whether it is far.

    Those in a container at the top are as good as those at the top. Those deeper down, and in lists, are far: that they
    are meant for the item is in doubt. In other mappings (`are_read` is false) only clear switches are looked at.
    """
    for key, value in values.items():
        name = str(key)
        keys, word = (*above, name), _word(name)
        if word in skipped:
            continue
        several = value if isinstance(value, list | tuple) else [value]
        mappings = [one for one in several if isinstance(one, Mapping)]
        if word in _BUILD and mappings and not above:
            yield from (((*keys, str(one)), f"build{_word(str(one))}", mappings[0][one], False) for one in mappings[0])
            continue
        if are_read and (not mappings or _known(name, word) in _FLAGS):
            yield keys, word, value, is_far
        elif not are_read and _known(name, word) in _ANYWHERE and boolean(value) is not None:
            yield keys, word, value, True
        if len(keys) <= _DEEPEST:
            inside = are_read and word in _CONTAINERS
            far = bool(above) or not inside or not isinstance(value, Mapping)
            for one in mappings:
                yield from _entries(one, (), keys, are_read=inside, is_far=far)


@lru_cache(maxsize=4096)
def _known(key: str, word: str) -> str:
    """Return the word that a key stands for: without a leading `is` or `post`, where that is a word of ours."""
    if word in _ALL:
        return word
    tokens = _tokens(key)
    while len(tokens) > 1 and tokens[0] in _LEADING:
        tokens = tokens[1:]
        if "".join(tokens) in _ALL:
            return "".join(tokens)
    return word.removeprefix("is") if word.removeprefix("is") in _ALL else word


_FLAGS = _HOLDING | _SHOWING | _STATUS
_ALL = _HOLDING | _SHOWING | _MAYBE_HOLDING | _MAYBE_SHOWING | _STATUS | _LIKE_STATUS | _STARTS | _ENDS


def _answer(keys: tuple[str, ...], word: str, value: Any) -> bool | Doubt:
    """Return True if a key holds the item back, False if it does not, or the doubt."""
    key = keys[-1]
    word = _known(key, word)
    if word in {"buildlist", "buildrender"}:
        return boolean_of(value) is False or (isinstance(value, str) and _word(value) in _UNLISTED)
    if word in _STATUS or word in _LIKE_STATUS:
        return _status(keys, word, value)
    if word in _KINDS or (word not in _ALL and _is_compound_status(key)):
        return _kind(keys, value)
    if (word in _STARTS or word in _ENDS) and (date := _when(value, word)):
        return _dated(keys, date, starts=word in _STARTS)
    if word not in _ALL and (kind := _part_of_date(key)) and any(map(str.isdigit, date := _when(value, word))):
        return _dated(keys, date, starts=kind == "starts")
    if word in _HOLDING or word in _SHOWING:
        return _flag(keys, word, value)
    if word == "password":
        return _doubt(keys) if not is_blank(value) and value is not False else False
    return _vague(keys, word, value)


def _flag(keys: tuple[str, ...], word: str, value: Any) -> bool | Doubt:
    if is_blank(value):
        return False
    state = _word(value) if isinstance(value, str) else ""
    if state in _HELD or state in _SHOWN:  # `publish: draft`
        return state in _HELD
    says = boolean_of(value)
    if says is not None:
        return says is (word in _HOLDING)
    return False if word in _OFTEN_OTHER else _doubt(keys)


def is_blank(value: Any) -> bool:
    """Return whether a value holds nothing: null, blank text, an empty list or mapping."""
    return value is None or value in ("", [], (), {}) or (isinstance(value, str) and not value.strip())


def _status(keys: tuple[str, ...], word: str, value: Any) -> bool | Doubt:
    words = _words_of(value)
    if any(one in _HELD for one in words):
        return True
    if value is True and word.startswith("draft"):
        return _doubt(keys)
    is_shown = value in (None, "", True, [], ()) or (words and all(one in _SHOWN or not one for one in words))
    if is_shown or word not in _STATUS:
        return False
    return _doubt(keys, "write `published: false` to hold the item back, else remove this or write `published` here")


def _words_of(value: Any) -> list[str]:
    return [_word(one) for one in (value if isinstance(value, list | tuple) else [value]) if isinstance(one, str)]


def _kind(keys: tuple[str, ...], value: Any) -> bool | Doubt:
    """Return a doubt about a key of something else whose value is a word for what is not published."""
    held = _HELD if _is_compound_status(keys[-1]) and _OF_ITEM.issuperset(_segments(keys[-1])[:-1]) else _CLEARLY_HELD
    return _doubt(keys) if any(one in held for one in _words_of(value)) else False


@lru_cache(maxsize=1024)
def _is_compound_status(key: str) -> bool:
    tokens = _segments(key)
    return len(tokens) > 1 and tokens[-1] in _STATUS_NAMES


def _when(value: Any, key: str) -> str:
    """Return what the value of a key for a date is, as text; "" if it is nothing, a yes or no, or a word of a state.

    The words for states in which nothing is published answer a key that is a switch as well, such as `published`.
    Whether it is a date, and which one, is for the caller to find out: "tomorrow" is none, and no reason to publish.
    """
    if isinstance(value, list | tuple):
        value = next((one for one in value if not is_blank(one)), None)
    if is_blank(value) or isinstance(value, Mapping | bool):
        return ""
    written = value.isoformat() if isinstance(value, dt.date) else str(value).strip()
    word = _word(written)
    is_state = word in _SHOWN or (word in _HELD and key in _FLAGS) or boolean_of(written) is not None
    if "://" in written or (is_state and not (word == "never" and key in _STARTS - _FLAGS)):
        return ""
    return written if len(written) <= 64 else "…"


def _dated(keys: tuple[str, ...], date: str, *, starts: bool) -> Doubt:
    name = ".".join(map(_short, keys))
    if starts:
        hint = "write the moment as `publishedDateTime`: until then it is held back"
        return Doubt(keys, f"{name}: may say when the item is to appear, and is not understood", hint, "starts", date)
    hint = "write the moment as `expires`"
    return Doubt(keys, f"{name}: may say when the item is to vanish, and is not understood", hint, "ends", date)


def _vague(keys: tuple[str, ...], word: str, value: Any) -> bool | Doubt:
    """Return a doubt about a key that only may be meant to hold the item back, or is a misspelt one that does."""
    if is_blank(value):
        return False
    says, suspect = boolean_of(value), _suspect(keys[-1], word)
    if says is not None and says is suspect:
        return True if _is_of_feeds(keys[-1]) else _doubt(keys)
    is_held = isinstance(value, str) and _word(value) in _HELD
    if says is None and not is_held and not _date(value):
        return False
    if says is None and suspect is not None and word not in _NAMING and (is_held or suspect):
        return _doubt(keys)
    meant = _misspelt(word)
    if meant in _STATUS:
        is_wrong = is_held or says is False
    elif meant in _ENDS or (meant in _STARTS and says is None):
        is_wrong = is_held or bool(_date(value))
    else:
        is_wrong = meant != "" and (is_held or says is (meant in _HOLDING))
    hint = f"did you mean `{meant}`? To hold the item back, write `published: false`"
    return _doubt(keys, hint) if is_wrong else False


def _suspect(key: str, word: str) -> bool | None:
    """Return which answer to a key may hold the item back, or None if none does."""
    return True if word in _MAYBE_HOLDING else False if word in _MAYBE_SHOWING else _part_of(key)


@lru_cache(maxsize=4096)
def _part_of(key: str) -> bool | None:
    """Return which answer to a key of several words may hold the item back, or None if none does."""
    tokens = _segments(key)
    for number, token in enumerate(tokens):
        if token.startswith(_HOLDING_PARTS):
            return tokens[max(number - 1, 0)] not in _NO  # `notDraft: false`
    several = set(tokens)
    about = several - _FILL - _NOT - _LISTS
    if any(map(_is_publishing, about)):
        rest = {one for one in about if not _is_publishing(one)} - _READY
        return None if rest else sum(token in _NOT for token in tokens) % 2 == 1
    if len(tokens) == 1:
        return None
    if "only" in several and _AUDIENCES & several and not about - _AUDIENCES:
        return True
    return _of_words(several, about)


def _is_publishing(token: str) -> bool:
    return (token.startswith("publish") and not token.startswith("publisher")) or token in {
        "public", "publicly", "publication", "listed",
    }  # fmt: skip


def _of_words(several: set[str], about: set[str]) -> bool | None:
    """Return what `_part_of` does for a key without a word for publishing; `about` are its words of any weight."""
    lists, directions = several & _LISTS, several & {"from", "in"}
    if lists and not directions and not (several & _NO and lists <= {"list", "listing"}):
        return None  # `noindex` and `hideList` speak of something else
    if about <= _PRIVATE and (about or several & {"hidden"}) and not (several & _PLACES or lists):
        return not several & _NO
    if not about and several & _NOT:
        return True if lists or several & _PLACES or several & _THINGS else None
    if about and about <= _SHOW:
        places = (several & _PLACES or lists) and several & {"in", "on", "to"}
        return False if places or (several & _THINGS and not several & _PLACES) else None
    return False if about and about <= _READY and not several & _NOT else None


@lru_cache(maxsize=4096)
def _part_of_date(key: str) -> Literal["", "starts", "ends"]:
    """Return whether a date at a key of several words may be when the item is to appear or to vanish."""
    several = set(_segments(key))
    if len(several) < 2:
        return ""
    is_hidden = not several.isdisjoint(_HIDDEN) or any(one.startswith(_HOLDING_PARTS) for one in several)
    is_ending = not several.isdisjoint(_ENDING)
    is_starting = any(one in _STARTING or _is_publishing(one) for one in several)
    marks = several & {"until", "till", "after", "from", "start", "starts", "begin", "begins", "end", "ends", "stop"}
    others = several - _FILL - _HIDDEN - _ENDING - _WHEN - marks - {*_STARTING, "valid"}
    if not all(map(_is_publishing, others)):
        return ""
    if marks & {"until", "till", "end", "ends", "stop"}:
        return "starts" if is_hidden else "ends" if is_starting or "valid" in several else ""
    if marks:
        return "ends" if is_hidden or is_ending else "starts" if is_starting or "valid" in several else ""
    if not several & _WHEN or several & {"show", "display", "visible"} or not several.isdisjoint(_NOT - _HIDDEN):
        return ""
    return "ends" if is_ending else "starts" if is_starting and not is_hidden else ""


def _doubt(keys: tuple[str, ...], hint: str = "") -> Doubt:
    name = ".".join(map(_short, keys))
    message = f"{name}: may be meant to hold the item back, and is not understood"
    return Doubt(keys, message, hint or "write `published: false` to hold it back, else remove this")


def _short(key: str) -> str:
    return key if len(key) <= 40 and key.isprintable() else "…"


def _date(value: Any) -> str:
    """Return the date that a value may be, as text, or ""."""
    if isinstance(value, dt.date):  # a datetime is one too
        return value.isoformat()
    written = str(value).strip() if isinstance(value, str | int) else ""
    if not written or len(written) > 64:
        return ""
    from aggregator.normalizer.dialects import dates  # noqa: PLC0415 - it is rarely needed

    return written if _DATED.match(written) or dates.is_day(written) else ""


# Dates that are too doubtful to be read, such as `05/01/2024`, are dates, too.
_DATED = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}\.? [A-Za-z]{3,9}\.?,? \d{4}|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}", re.ASCII
)


@lru_cache(maxsize=1024)
def _misspelt(word: str) -> str:
    """Return the word of ours that `word` was probably meant to be, or ""."""
    if len(word) > 16 or not word.isalpha() or word in _OTHER_WORDS:
        return ""
    letters = set(word)
    near = (
        known
        for known, most in _MISTYPED.items()
        if abs(len(known) - len(word)) <= most and len(letters.symmetric_difference(known)) <= 2 * most
    )
    return next((known for known in near if _distance(word, known) <= _MISTYPED[known]), "")


def _distance(one: str, other: str) -> int:
    """Return how many letters must be added, dropped, changed or swapped with their neighbour (Damerau, restricted)."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]
