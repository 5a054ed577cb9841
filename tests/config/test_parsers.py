"""The parsers of single config values, and which cron lines are accepted."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config.cron import cron_line
from aggregator.config.parsers import (
    colour,
    cron_or_interval,
    duration,
    host,
    http_url,
    language,
    pattern,
    site_url,
    size,
    size_limit,
    timezone,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("90m", 5400),
        ("12h", 43_200),
        ("365d", 31_536_000),
        ("2w", 1_209_600),
        (" 5 M ", 300),
        ("1_0s", 10),
    ],
)
def test_duration(text, seconds):
    """A length of time is a number and a unit."""
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "h", "1.5h", "30", "0s", "-1d", "1y", "999999999999999999w", "9" * 5000 + "s", "٣s"]
)
def test_invalid_duration(text):
    """Anything but a positive length of time with a unit is rejected."""
    with pytest.raises(ValueError):
        duration(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [("250kB", 250_000), ("1MB", 10**6), ("1 GB", 10**9), ("64KiB", 65_536), ("250_000", 250_000), ("7b", 7)],
)
def test_size(text, count):
    """A size is a number of bytes, or a number with a unit."""
    assert size(text) == count
    assert size_limit(text) == count


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://example.org", "https://example.org/"),
        ("HTTP://Example.ORG:8080/News", "http://example.org:8080/News/"),
        (" http://127.0.0.1/ ", "http://127.0.0.1/"),
        ("http://[::1]:80/x/", "http://[::1]:80/x/"),
        ("http://localhost", "http://localhost/"),
    ],
)
def test_site_url(text, url):
    """The URL of the site is absolute and ends with a slash; its host is in lower case."""
    assert site_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "http://",
        "//x.org/",
        "http://[::1",
        "http://x:99999/",
        "http://x/a b",
        "http://a..b/",
        "javascript:alert(1)",
        "http://-/",
    ],
)
def test_invalid_url(text):
    """Anything but an absolute http(s) URL is rejected."""
    with pytest.raises(ValueError):
        http_url(text)


def test_empty_url():
    """An optional URL may be empty."""
    assert http_url(" ") == ""


@given(st.text())
def test_urls_are_ascii(text):
    """Every accepted URL is ASCII without white space, so that every format can contain it."""
    for form in ("{}", "https://{}/", "https://x.example/{}", "http://x.example:{}"):
        try:
            url = http_url(form.format(text))
        except ValueError:
            continue
        assert url.isascii()
        assert url.split() == [url] or not url


@pytest.mark.parametrize(
    ("text", "tag"), [("en", "en"), ("EN-us", "en-us"), ("zh-Hant-TW", "zh-hant-tw"), ("no", "no")]
)
def test_language(text, tag):
    """A language is a tag of RFC 5646, returned in lower case; Norwegian is not a boolean."""
    assert language(text) == tag


@pytest.mark.parametrize("text", ["America/Argentina/Ushuaia", "UTC", "Europe/London"])
def test_timezone(text):
    """A time zone in the system's table is returned as it is."""
    assert timezone(text) == text


@pytest.mark.parametrize("text", ["", "Europe", "/etc/localtime", "a\0b", "\ud800", "x" * 5000, "Mars/Base"])
def test_invalid_timezone(text):
    """A folder, a path or any other text is rejected."""
    with pytest.raises(ValueError, match="unknown time zone"):
        timezone(text)


@given(st.text(alphabet="()[]{}|*+?\\^$.-0123456789,:=!<>PpLNab#& ", max_size=40))
def test_patterns_compile_or_are_rejected(text):
    """Patterns raise nothing but ValueError, and no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pattern_or_reason(text)[0] in (text, "")


@pytest.mark.parametrize("text", ["(" * 500 + ")" * 500, "a" * 1001, "(?V1)[[" * 80, "(?au)x", "(?aL)x"])
def test_extreme_patterns(text):
    """Patterns that are too long or too deep are rejected or accepted, but never crash."""
    accepted, reason = pattern_or_reason(text)

    assert accepted == text or "pattern" in reason


def pattern_or_reason(text: str) -> tuple[str, str]:
    try:
        return pattern(text), ""
    except ValueError as error:
        return "", error.args[0]


@pytest.mark.parametrize("text", ["127.0.0.1", "::", "::1", "localhost", "0.0.0.0"])
def test_host(text):
    """A host to listen on is a name or an IP address of either version."""
    assert host(text) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("0 * * * *", "0 * * * *"),
        ("  */15  6-22 1,15 JAN-mar * ", "*/15 6-22 1,15 1,2,3 *"),
        ("0 6 1,15 * 1", "0 6 1,15 * *\n0 6 * * mon"),
        ("0 6 1-7 * */7", "0 6 1-7 * sun"),
        ("0 6 */2 jan 1", "0 6 */2 1 mon"),
        ("0 6 30 2 1", "0 6 * 2 mon"),
        ("0 0 * * 0", "0 0 * * sun"),
        ("0 0 * * 7", "0 0 * * sun"),
        ("0 0 * * 1-5", "0 0 * * mon,tue,wed,thu,fri"),
        ("0 0 * * 5-7", "0 0 * * sun,fri,sat"),
        ("0 0 * * sat-sun", "0 0 * * sun,sat"),
        ("0 0 * * */2", "0 0 * * sun,tue,thu,sat"),
        ("0 0 * * Sat", "0 0 * * sat"),
        ("5/10 0 29 2 *", "5/10 0 29 2 *"),
    ],
)
def test_cron_line(text, plain):
    """Cron lines are returned in lower case and single-spaced, with names for days of the week.

    If days of the month and of the week are both restricted, there are two lines; one that never runs is left out.
    """
    assert cron_line(text) == plain
    assert cron_or_interval(text) == plain


@pytest.mark.parametrize(
    "text",
    ["60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *", "*/60 * * * *", "1,,2 * * * *",
     "* * 30 2 *", "* * 30 2 */2", "* * * foo *", "? * * * *", "* * L * *", "* * * *", "* * * * * *", "١ * * * *", "* * * sun *", "* * * * sun-mon-tue", ""],
)  # fmt: skip
def test_invalid_cron_line(text):
    """Every other line is rejected."""
    with pytest.raises(ValueError):
        cron_line(text)


PART = st.one_of(
    st.just("*"),
    st.integers(0, 60).map(str),
    st.tuples(st.integers(0, 31), st.integers(0, 31)).map(lambda pair: f"{pair[0]}-{pair[1]}"),
    st.sampled_from(["jan", "dec", "jan-jun", "mon", "sun", "mon-fri", "1-mar"]),
)
FIELD = st.lists(
    st.tuples(PART, st.sampled_from(["", "", "/2", "/7", "/40"])).map("".join), min_size=1, max_size=3
).map(",".join)


@pytest.mark.slow
@given(st.lists(FIELD, min_size=5, max_size=5).map(" ".join))
def test_apscheduler_accepts_every_cron_line(text):
    """Every line that is accepted is accepted by APScheduler."""
    try:
        line = cron_line(text)
    except ValueError:
        return
    assert all(CronTrigger.from_crontab(one, timezone=UTC) for one in line.split("\n"))


@pytest.mark.parametrize("number", range(8))
def test_apscheduler_runs_on_the_weekdays_of_crontab(number):
    """Numbers for days of the week have the meaning of crontab(5), in which 0 and 7 are Sunday."""
    sunday = datetime(2026, 11, 22, tzinfo=UTC)
    trigger = CronTrigger.from_crontab(cron_line(f"0 0 * * {number}"), timezone=UTC)

    assert trigger.get_next_fire_time(None, sunday) == sunday + timedelta(days=number % 7)


@pytest.mark.parametrize("text", ["#0B57C9", "0b57c9", " #0b57c9 "])
def test_colours(text: str) -> None:
    """A colour is six hexadecimal digits, with or without a `#`, or three, of which each counts twice."""
    assert colour(text) == "#0b57c9"
    assert colour("#05c") == "#0055cc"


@pytest.mark.parametrize("text", ["blue", "#0b57c", "", "rgb(1, 2, 3)", "#0b57c9; } body { display: none"])
def test_what_is_no_colour(text: str) -> None:
    """Anything else is refused: it would be part of every page's style."""
    with pytest.raises(ValueError, match="expected a colour"):
        colour(text)
