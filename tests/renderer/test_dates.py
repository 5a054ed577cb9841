"""Moments as feeds write them."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from hypothesis import given
from hypothesis import strategies as st

from aggregator.renderer.dates import EPOCH, distinct, rfc822, rfc3339, spoken

moments = st.integers(-2_000_000_000, 250_000_000_000).map(lambda seconds: EPOCH + timedelta(seconds=seconds))


@given(moments, st.integers(-14, 14))
def test_read_back(moment, hours):
    """Both spellings give the moment back, whatever zone it was given in."""
    local = moment.astimezone(timezone(timedelta(hours=hours)))

    assert moment == datetime.fromisoformat(rfc3339(local)) == parsedate_to_datetime(rfc822(local))
    assert rfc3339(moment) == rfc3339(local)


def test_spellings():
    """The spellings are those that the specifications show."""
    moment = datetime(2026, 10, 3, 8, 5, 9, tzinfo=UTC)

    assert rfc3339(moment) == "2026-10-03T08:05:09Z"
    assert rfc3339(moment + timedelta(milliseconds=7)) == "2026-10-03T08:05:09.007Z"
    assert rfc822(moment) == "Sat, 03 Oct 2026 08:05:09 +0000"
    assert spoken(moment) == "3 October 2026, 08:05 UTC"


def test_years_have_four_digits():
    """The first and the last year are written with four digits."""
    assert rfc822(datetime(1, 1, 1, tzinfo=UTC)) == "Mon, 01 Jan 0001 00:00:00 +0000"
    assert rfc3339(datetime(9999, 12, 31, tzinfo=UTC)) == "9999-12-31T00:00:00Z"


few = st.lists(st.integers(0, 3).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + n * timedelta(milliseconds=1)))


@given(few, few)
def test_distinct(newer, older):
    """Stamps are unique, never earlier than the moment, and not changed by what is put in front."""
    both = distinct([*newer, *older])

    assert len(set(both)) == len(both)
    assert all(moment <= stamp for moment, stamp in zip([*newer, *older], both, strict=True))
    assert distinct(older) == both[len(newer) :]
