"""Moments in the formats of feeds and pages."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from aggregator.renderer.dates import EPOCH, in_words, rfc822, rfc3339, unique_moments

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
    assert rfc3339(moment + timedelta(microseconds=7)) == "2026-10-03T08:05:09.000007Z"
    assert rfc822(moment) == "Sat, 03 Oct 2026 08:05:09 +0000"
    assert in_words(moment) == "3 October 2026, 08:05 UTC"


def test_years_have_four_digits():
    """The first and the last year are written with four digits."""
    assert rfc822(datetime(1, 1, 1, tzinfo=UTC)) == "Mon, 01 Jan 0001 00:00:00 +0000"
    assert rfc3339(datetime(9999, 12, 31, tzinfo=UTC)) == "9999-12-31T00:00:00Z"


ids = st.text(min_size=1, max_size=9)
changes = st.lists(st.tuples(moments, ids), max_size=20, unique_by=lambda change: change[1])


@given(changes, st.randoms())
def test_a_moment_belongs_to_its_item(several, dice):
    """No moment is twice, each stays in its second, and neither order nor neighbours move it."""
    found = dict(zip((own for _, own in several), unique_moments(several), strict=True))
    assert len(set(found.values())) == len(several)
    assert all(found[own].replace(microsecond=0) == moment for moment, own in several)
    some = dice.sample(several, dice.randint(0, len(several)))
    assert [found[own] for _, own in some] == unique_moments(some)


def test_two_equal_fractions_are_told_apart():
    """Once in a million two items of one second get one fraction: one keeps it, the other gets another."""
    moment = datetime(2026, 10, 3, tzinfo=UTC)
    by_fraction = {}
    for number in count():
        fraction = unique_moments([(moment, str(number))])[0]
        if (other := by_fraction.setdefault(fraction, number)) != number:
            break
    pair = unique_moments([(moment, str(other)), (moment, str(number))])
    assert pair[0] != pair[1]
    assert pair[1] == fraction
