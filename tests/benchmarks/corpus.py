"""Write thousands of seeds, which depend only on their number: `python tests/benchmarks/corpus.py FOLDER COUNT [MONTHS]`.

They are 37 minutes apart, or spread over MONTHS; a file `minutes` beside FOLDER tells the
other benchmarks.

The shapes and sizes are those of a real news site's bot: 1 to 3 KB, a topic and its parent, a provider, an image, a
private blob that changes often; one in 20 carries related items, one in 10 a Markdown body, one in 5 is held back.
"""

from __future__ import annotations

import functools
import os
import random
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

TOPICS = [
    f"{kind} {thing}"
    for kind in ("Open", "Deep", "Urban", "Solar")
    for thing in ("Data", "Seas", "Transport", "Rooms", "Labs")
]
WORDS = [
    "harbour",
    "lantern",
    "signal",
    "orchard",
    "engine",
    "copper",
    "river",
    "bridge",
    "winter",
    "archive",
    "market",
    "garden",
    "council",
    "station",
    "method",
    "island",
    "record",
    "village",
    "theatre",
    "museum",
    "carbon",
    "window",
    "summer",
    "letter",
    "factory",
    "garage",
    "student",
    "kitchen",
    "forest",
    "meadow",
]
LAST_DAY = datetime(2026, 11, 1, tzinfo=UTC)
FEW = 10_000
"""Up to this number one process is faster than several."""


MINUTES = 37.0
MINUTES_OF_A_MONTH = 365.25 / 12 * 24 * 60


def spread(minutes: float) -> None:
    """Set how many minutes apart seeds are."""
    global MINUTES  # noqa: PLW0603 - a script's one setting
    MINUTES = minutes


def spread_as(site: Path) -> None:
    """Set the distance of seeds to that of a site's seeds."""
    if (site / "minutes").exists():
        spread(float((site / "minutes").read_text()))


def moment_of(number: int) -> datetime:
    """Return the date of seed `number`, to the minute."""
    return LAST_DAY - timedelta(minutes=int(MINUTES * number))


def words(dice: random.Random, count: int) -> str:
    """Return a sentence of `count` words."""
    return " ".join(dice.choice(WORDS) for _ in range(count)).capitalize()


def seed_text(number: int) -> str:
    """Return the text of seed `number`, which depends only on the number."""
    dice = random.Random(number)
    when = moment_of(number)
    topic = TOPICS[number % len(TOPICS)]
    quality = dice.randint(20, 69) if number % 5 == 4 else dice.randint(70, 180)
    lines = [
        "---", "category: news", f'title: "{words(dice, 9)} {number}"', f'excerpt: "{words(dice, 35)}&#8217;s {words(dice, 12)}..."',
        f"publishedDateTime: {when:%Y-%m-%dT%H:%M:%SZ}", f'webUrl: "https://site{number % 97}.example.org/{when:%Y/%m}/story-{number}"',
        "type: article", f"quality: {quality}", f"heat: {quality - 3}", f"published: {'true' if quality >= 70 else 'false'}", "",
        "provider:", f"  name: Site {number % 97}", f"  domain: site{number % 97}.example.org", "",
        "topics:", f"  - {topic}", f"  - {topic.split()[0]}", "",
        "images:", f'  - url: "https://img.example.org/{number}.jpg?w=1200&#038;strip=all"', "    width: 1200", "    height: 630", "    isCached: true", "",
    ]  # fmt: skip
    if number % 20 == 0:
        lines.append("related:")
        for place in range(3):
            lines += [
                f'  - title: "{words(dice, 8)}"', f'    excerpt: "{words(dice, 25)}"', f"    publishedDateTime: {when:%Y-%m-%dT%H:%M:%SZ}",
                f'    webUrl: "https://other{place}.example.net/{number}/{place}"', "    type: article", "    provider:",
                f"      name: Other {place}", f"      domain: other{place}.example.net", f"    quality: {dice.randint(20, 99)}",
            ]  # fmt: skip
    lines += [f'secured: "{dice.randbytes(330).hex()}"', "---", ""]
    if number % 10 == 0:
        lines += [f"## {words(dice, 4)}", "", words(dice, 60), "", f"- {words(dice, 5)}", f"- {words(dice, 5)}", ""]
    return "\n".join(lines)


def renamed(text: str) -> str:
    """Return the seed with the keys that most tools use for date and topics."""
    return text.replace("\npublishedDateTime: ", "\ndate: ", 1).replace("\ntopics:\n", "\ntags:\n", 1)


def path_of(number: int) -> str:
    """Return the path of seed `number`: each folder has a thousand seeds."""
    when = moment_of(number)
    return f"{number // 1000:04}/{when:%Y-%m-%d}-story-{number}.md"


def write(folder: Path, count: int, *, minutes: float | None = None) -> None:
    """Write `count` seeds into `folder`, `minutes` apart."""
    spread(MINUTES if minutes is None else minutes)
    folder.mkdir(parents=True, exist_ok=True)
    write_thousand = functools.partial(_write_thousand, folder, count)
    in_turn(write_thousand, range(0, count, 1000), processes=count > FEW)


def copied(seeds: Path, target: Path, change: Callable[[str], str]) -> None:
    """Write each seed below `target`, converted for another tool by `change`, a function of a module."""
    folders = sorted({folder for folder, _, names in os.walk(seeds) if names})
    copy_folder = functools.partial(_copy_folder, seeds, target, change)
    in_turn(copy_folder, folders, processes=len(folders) * 1000 > FEW)


def in_turn(work: Callable[[T], None], parts: Iterable[T], *, processes: bool) -> None:
    """Call a function for each part: in a process per processor, or in this one if that is faster."""
    if not processes:
        for part in parts:
            work(part)
        return
    with ProcessPoolExecutor(initializer=spread, initargs=(MINUTES,)) as pool:
        for _ in pool.map(work, parts, chunksize=5):
            pass


def _write_thousand(folder: Path, count: int, first: int) -> None:
    (folder / path_of(first)).parent.mkdir(exist_ok=True)
    for number in range(first, min(first + 1000, count)):
        (folder / path_of(number)).write_text(seed_text(number), encoding="utf-8")


def _copy_folder(seeds: Path, target: Path, change: Callable[[str], str], folder: str) -> None:
    into = target / Path(folder).relative_to(seeds)
    into.mkdir(parents=True, exist_ok=True)
    for path in Path(folder).glob("*.md"):
        (into / path.name).write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    if len(sys.argv) > 3:
        spread(float(sys.argv[3]) * MINUTES_OF_A_MONTH / count)
        folder.parent.mkdir(parents=True, exist_ok=True)
        (folder.parent / "minutes").write_text(str(MINUTES))
    write(folder, count)
