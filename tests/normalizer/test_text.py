"""Clean text and dates."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.processor_time import least_seconds

from aggregator.normalizer import text


def naive(year: int, month: int, day: int) -> datetime:
    """Return a datetime without an offset, as Hypothesis requires for its bounds."""
    return datetime.combine(date(year, month, day), time())


NASTY = st.lists(
    st.one_of(
        st.sampled_from(
            ["<b>", "</b>", "<script>", "</script>", "<style", "<!--", "-->", "<![CDATA[", "]]>", "<?", "<", ">", "&", ";",
             "&amp;", "&lt;", "&#60;", "&#x0;", "&#128;", "&#xD800;", "&nbsp;", "&notanentity;", "\0", "\x07", "\x85", "\n",
             "\t", "  ", "\xa0", "\u3000", "\u2028", "\u202e", "\u200b", "\u200e", "\u2066", "\u2067", "\u2069", "<p>", "</p>", "<a href=x>", "<br>", "<T>", "\ufeff", "\ufffd", "\ufffe", "\U0001ffff", "\ud800", "word"]
        ),
        st.text(st.characters(), max_size=8),
    )
).map("".join)  # fmt: skip
FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ufeff\ufffd\ufffe\uffff\ud800-\udfff]")


@given(NASTY)
def test_plain_text_is_on_one_line_and_holds_nothing_forbidden(written) -> None:
    """Any text becomes clean text, without controls, surrogates, line breaks and runs of spaces."""
    plain = text.plain(written)

    assert not FORBIDDEN.search(plain)
    assert plain == " ".join(plain.split())
    plain.encode()


@given(NASTY)
def test_plain_text_is_stable(written) -> None:
    """Cleaning it again changes nothing, unless decoding has revealed what looks like markup."""
    plain = text.plain(written)

    assert "<" in plain or "&" in plain or text.plain(plain) == plain


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("A plain title", "A plain title"),
        ("  Runs   of\tblanks\n", "Runs of blanks"),
        ("A\u3000wide\xa0blank", "A wide blank"),
        ("Fish &amp; chips &#8217;n&#x2019; more", "Fish & chips ’n’ more"),
        ("&amp;lt;b&amp;gt; is decoded once", "&lt;b&gt; is decoded once"),
        ("AT&T, R&D &c", "AT&T, R&D &c"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<p>One</p><p>Two</p>", "One Two"),
        ("a<script>alert(1)</script>b", "a b"),
        ("a<style>p {color: red}</style>b", "a b"),
        ("How <script> and </script> block, and <style>", "How <script> and </script> block, and <style>"),
        ("a<!-- no -->b <!-- open", "a b <!-- open"),
        ("a<br/>b", "a b"),
        ("A <b>new</b>, <em class='x'>longer</em> bridge: H<sub>2</sub>O", "A new, longer bridge: H2O"),
        ("Why Vec<T> beats LinkedList<T>, and a<b but c>d", "Why Vec<T> beats LinkedList<T>, and a<b but c>d"),
        ("Set<I>, Map<A, B>, a<b>c", "Set<I>, Map<A, B>, a<b>c"),
        ("The <video> element, a <p> and <InputAccessoryView>", "The <video> element, a <p> and <InputAccessoryView>"),
        ("Read <a href='https://example.org/' download>all of", "Read all of"),
        ("<?php and <!DOCTYPE html>", "<?php and <!DOCTYPE html>"),
        ("<![CDATA[Fish & chips]]>", "Fish & chips"),
        ("שלום\u200f 1\u200e 2\u061c \u2067abc\u2069", "שלום\u200f 1\u200e 2\u061c \u2067abc\u2069"),
        (
            "open \u2067isolates \u2066a\u2069 and closed\u2069\u2069",
            "open \u2067isolates \u2066a\u2069 and closed\u2069",
        ),
        ("\u2068never closed", "never closed"),
        ("\u202eevil\u202c", "evil"),
        ("a\x00b\ud800c", "abc"),
        ("👩\u200d🚀 and 🏳️\u200d🌈", "👩\u200d🚀 and 🏳️\u200d🌈"),
    ],
)
def test_plain(written, plain) -> None:
    """Tags are removed, entities decoded once, and white space folded; everything else stays."""
    assert text.plain(written) == plain


@given(NASTY, st.integers(1, 400))
def test_a_cut_is_short_enough_and_a_beginning(written, length) -> None:
    """Cut text is never too long, and except for the ellipsis it is the beginning of the text."""
    cut = text.cut(written, length)

    assert len(cut) <= length
    isolates = dict.fromkeys(range(0x2066, 0x206A))
    assert cut == written or written.translate(isolates).startswith(cut[:-1].translate(isolates))


@pytest.mark.parametrize(
    ("written", "length", "cut"),
    [
        ("short", 5, "short"),
        ("one two three", 9, "one two…"),
        ("one two, three", 9, "one two…"),
        ("onewordonly", 6, "onewo…"),
        ("a verylongwordbehindit", 10, "a verylon…"),
        ("👩\u200d🚀👩\u200d🚀", 3, "👩…"),
        ("👩\u200d🚀👩\u200d🚀", 5, "👩\u200d🚀…"),
        ("o\u0308o\u0308o\u0308", 4, "o\u0308…"),
        ("🇦🇹🇩🇪🇨🇭", 4, "🇦🇹…"),
        ("more ❤\ufe0f and", 9, "more ❤\ufe0f…"),
        ("\u2067one two\u2069 three", 9, "one two…"),
    ],
)
def test_cut(written, length, cut) -> None:
    """A cut is at a word if one ends near, never after a joiner, and leaves no comma at the end."""
    assert text.cut(written, length) == cut


@pytest.mark.parametrize(
    "written", ["", " ", "\u200b", "\u00ad\u2060", "\u3164", "\u180e\u200d", "\u2800 \ufe0f", "\u1160\U000e0041"]
)
def test_blank(written) -> None:
    """Invisible text is blank."""
    assert text.is_blank(written)
    assert not text.is_blank(f"{written}a")


@pytest.mark.parametrize(
    "unit",
    [
        "<!--",
        "<script>",
        "<script>x=1",
        "<b>",
        "</b>",
        "<a href='",
        "<b a=",
        "<p a a",
        "\u2067",
        "<i></b>",
        "<![CDATA[",
    ],
)
def test_hostile_markup_takes_time_in_proportion(unit: str) -> None:
    """Four times the text takes about four times as long, never sixteen."""
    short, long = (least_seconds(partial(text.plain, unit * count)) for count in (10_000, 40_000))
    assert long < 10 * short + 0.2


@pytest.mark.parametrize(
    ("fragment", "words"),
    [
        ("<p>The <em>b</em>ody</p><p>Vec&lt;T&gt;</p>", "The body Vec<T>"),
        ("<video>a</video><x-y>b</x-y><!-- c -->", "a b"),
        ("<script>alert(1)", ""),
    ],
)
def test_the_text_of_html(fragment, words) -> None:
    """Of HTML every tag is removed, whatever its name."""
    assert text.of_html(fragment) == words


@given(st.datetimes(naive(1000, 1, 2), naive(9999, 12, 30)), st.integers(-23 * 60, 23 * 60))
def test_a_moment_with_an_offset(moment, minutes) -> None:
    """A moment with an offset is the same in any time zone, to the second."""
    moment = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))

    seconds = text.moment(moment.isoformat(), "Europe/Vienna")

    assert seconds == text.moment(moment.isoformat(), "UTC")
    assert datetime.fromtimestamp(seconds, UTC) == moment.replace(microsecond=0)


@given(
    st.datetimes(naive(1900, 1, 1), naive(2100, 1, 1)),
    st.sampled_from(["UTC", "Europe/Vienna", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]),
)
def test_a_naive_moment_is_one_of_the_zone(moment, zone) -> None:
    """A moment without an offset is in the configured time zone; in a repeated hour it is the first one."""
    expected = int(moment.replace(microsecond=0, tzinfo=ZoneInfo(zone)).timestamp())

    assert text.moment(moment.isoformat(" "), zone) == expected


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-23", "2026-11-22T23:00:00"),
        ("20261123", "2026-11-22T23:00:00"),
        ("2026-11-23 10:00", "2026-11-23T09:00:00"),
        ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00"),
        ("2026-11-23t10:00:00.5 +2", "2026-11-23T08:00:00"),
        ("2026-1-3 9:05:00 -0330", "2026-01-03T12:35:00"),
        (" 2026-11-23T10:00:00+00:00 ", "2026-11-23T10:00:00"),
        ("1969-12-31T23:59:59.9Z", "1969-12-31T23:59:59"),
        ("2026-11-23T10:00:00z", "2026-11-23T10:00:00"),
        ("2026-11-23t10:00:00.25z", "2026-11-23T10:00:00"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59"),
        ("2016-12-31T18:59:60.5-05:00", "2016-12-31T23:59:59"),
    ],
)
def test_moment(written, meant) -> None:
    """ISO 8601 and YAML 1.1's wider notation are read; fractions of a second are cut off."""
    seconds = text.moment(written, "Europe/Vienna")

    assert datetime.fromtimestamp(seconds, UTC).isoformat() == f"{meant}+00:00"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("tomorrow", "is not a date"),
        ("", "is not a date"),
        ("23/23/2026", "is not a date: the calendar has no such day"),
        ("11/10/2026", "is ambiguous: it may mean 11 October or 10 November 2026"),
        ("10.11.2026 8:00", "is ambiguous: it may mean 10 November or 11 October 2026"),
        ("31 June 2026", "is not a date: the calendar has no such day"),
        ("May 1, 2026 13:00 pm", "is not a date: the day is valid, but what follows it is not a time"),
        ("Mayday 1 2026", "is not a date"),
        ("2026-13-40", "is not a date: the calendar has no such day"),
        ("2026-2-30 10:00", "is not a date: the calendar has no such day"),
        ("0000-01-01", "is not a date: the calendar has no such day"),
        ("2026-11-23T10:00:61Z", "is not a date: the day is valid, but what follows it is not a time"),
        ("2026-11-23T25:00", "is not a date: the day is valid, but what follows it is not a time"),
        ("2026-11-23 10:00 +99", "is not a date: the day is valid, but what follows it is not a time"),
        ("2026-11-23 in the morning", "is not a date: the day is valid, but what follows it is not a time"),
        ("0001-01-01T00:00:00Z", "is before the year 1000, which looks like a placeholder"),
        ("0001-01-01", "is before the year 1000, which looks like a placeholder"),
        ("9999-12-31T23:59:59-01:00", "is after the year 9999 in UTC"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_no_moment(written, reason, zone) -> None:
    """What is not a date is rejected with a reason that does not quote it."""
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        text.moment(written, zone)


@pytest.mark.slow
@given(st.text(max_size=30) | st.from_regex(r"\d{1,4}-\d\d?-\d\d?[T ]?[\d:.Z+ -]{0,14}", fullmatch=True))
def test_any_text_is_a_moment_or_a_value_error(written) -> None:
    """No text raises anything but a ValueError with a reason of ours."""
    reason = ""
    try:
        text.moment(written, "Europe/Vienna")
    except ValueError as error:
        reason = str(error)

    assert reason.startswith(("is not a date", "is before ", "is after ")) or not reason


@pytest.mark.slow
def test_the_quick_check_accepts_nothing_unsafe() -> None:
    """The patterns find nothing in any character that the quick check accepts, alone or beside others."""
    for code in range(0x110000):
        if text._is_safe(char := chr(code)) and char not in "<& ":
            assert text._SUSPECT.search(char) is None, hex(code)
            assert text.plain(f"a{char}&#97;") == f"a{char}a", hex(code)
