"""Moments in the formats of feeds and pages."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from hypothesis import given
from hypothesis import strategies as st

from aggregator.renderer.dates import EPOCH, in_words, make_unique, rfc822, rfc3339

moments = st.integers(-2_000_000_000, 250_000_000_000).map(lambda seconds: EPOCH + timedelta(seconds=seconds))


@given(moments, st.integers(-14, 14))
def test_moments_are_read_back(moment, hours):
    """Both formats are read back as the same moment, in whatever time zone it was given."""
    local = moment.astimezone(timezone(timedelta(hours=hours)))

    assert moment == datetime.fromisoformat(rfc3339(local)) == parsedate_to_datetime(rfc822(local))
    assert rfc3339(moment) == rfc3339(local)


def test_formats():
    """The formats are those of the specifications."""
    moment = datetime(2026, 10, 3, 8, 5, 9, tzinfo=UTC)

    assert rfc3339(moment) == "2026-10-03T08:05:09Z"
    assert rfc3339(moment + timedelta(milliseconds=7)) == "2026-10-03T08:05:09.007Z"
    assert rfc822(moment) == "Sat, 03 Oct 2026 08:05:09 +0000"
    assert in_words(moment) == "3 October 2026, 08:05 UTC"


def test_years_have_four_digits():
    """The first and the last year are written with four digits."""
    assert rfc822(datetime(1, 1, 1, tzinfo=UTC)) == "Mon, 01 Jan 0001 00:00:00 +0000"
    assert rfc3339(datetime(9999, 12, 31, tzinfo=UTC)) == "9999-12-31T00:00:00Z"


few = st.lists(st.integers(0, 3).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + n * timedelta(milliseconds=1)))


@given(few, few)
def test_unique_moments(newer, older):
    """No moment is twice in the result or becomes earlier, and a moment put in front changes no other."""
    both = make_unique([*newer, *older])

    assert len(set(both)) == len(both)
    assert all(moment <= unique for moment, unique in zip([*newer, *older], both, strict=True))
    assert make_unique(older) == both[len(newer) :]
