"""The owner's pages: they show everything that is known, escaped, without the help of a script."""

import subprocess

import msgspec
import pytest
from lxml import html

from aggregator.model.reports import Check, Event, Fact, PastTurn, Problem
from aggregator.renderer import status_page
from aggregator.renderer.status_page import Explained, FeedAge, Held, SeedProblem, StatusView, Trouble

NOW = 1_780_000_000

VIEW = StatusView(
    now=NOW,
    running=True,
    seeds=12_345,
    items=9_876,
    feeds=20,
    held=(
        Held(rule="quality", words="are below the quality asked for", count=40, paths=("news/a b&c.md", "news/low.md")),
        Held(rule="window", words="expire before they appear", count=10, paths=()),
    ),
    stale=("news/tram.md",),
    problems=(
        SeedProblem(
            problem=Problem(path="news/tram.md", line=3, column=8, message="a <colon> too many", hint="quote it"),
            since=NOW - 60,
        ),
        SeedProblem(problem=Problem(path="-rf it's.md", message="odd", warning=True)),
    ),
    more_problems=1_000,
    due=NOW + 90,
    due_path="news/later.md",
    turns=(PastTurn(now=NOW, seconds=0.25, read=3, written=16), PastTurn(now=NOW - 60, seconds=0.5, read=1, written=4)),
    uptime=3 * 86_400,
    backend="native events",
    overflows=2,
    threads=(("watcher", True), ("schedule", True)),
    scanned=NOW - 30,
    regenerate=NOW + 600,
    facts=(("WebSub hub", "https://hub.example.org/"),),
    newest_of=(
        FeedAge(slug="empty", title="Empty", items=0),
        FeedAge(slug="all", title="All", items=9, newest=NOW - 60),
    ),
)


def tree_of(view, site):
    return html.fromstring(status_page.render(view, site).decode())


def text_of(tree, section):
    return " ".join(tree.get_element_by_id(section).text_content().split())


def facts_of(tree):
    rows = tree.xpath("//dl/div")
    return {row.findtext("dt"): " ".join(row.find("dd").text_content().split()) for row in rows}


def test_all_is_well(site):
    """Without trouble all is well, and only the errors of seeds are red."""
    tree = tree_of(VIEW, site)

    assert text_of(tree, "health") == "All is well The newest item appeared 28 May 2026, 20:25 UTC."
    assert tree.get_element_by_id("health").get("class") == "live health well"
    assert tree.xpath("//*[contains(@class, 'alarm')]/ancestor::section/@id") == ["problems"]


def test_troubles_are_named_with_their_age(site):
    """What is wrong comes first, with how long it has lasted."""
    trouble = Trouble(concern="folder", message="the seeds folder is <gone>", seconds=725)
    tree = tree_of(msgspec.structs.replace(VIEW, troubles=(trouble,)), site)

    assert text_of(tree, "health") == "Needs attention folder: the seeds folder is <gone> for 12 min"


def test_without_a_daemon(site):
    """If no daemon is running, the page says so and leaves out what only a daemon knows."""
    tree = tree_of(msgspec.structs.replace(VIEW, running=False), site)

    assert "No daemon is running" in text_of(tree, "health")
    assert set(facts_of(tree)) == {"Seeds known", "Items published", "Feeds", "Next due", "WebSub hub"}


def test_facts(site):
    """Counts, moments and the daemon's state are in one list of facts."""
    assert facts_of(tree_of(VIEW, site)) == {
        "Seeds known": "12,345",
        "Items published": "9,876",
        "Feeds": "20",
        "Next due": "28 May 2026, 20:28 UTC",
        "Uptime": "3 days",
        "Last full scan": "28 May 2026, 20:26 UTC",
        "Next regeneration": "28 May 2026, 20:36 UTC",
        "Watcher": "native events",
        "Queue overflows": "2",
        "Threads": "watcher, schedule",
        "WebSub hub": "https://hub.example.org/",
    }


def test_the_next_due_moment_counts_down(site):
    """The script finds it by its class; it has the exact moment for machines, and links to the seed."""
    (due,) = tree_of(VIEW, site).xpath("//div[dt='Next due']")

    assert due.xpath(".//time[@class='until']/@datetime") == ["2026-05-28T20:28:10Z"]
    assert due.xpath(".//a/@href") == ["explain?q=news/later.md"]


def test_a_tombstone_that_expires_has_no_link(site):
    """It is not a seed that could be explained."""
    tree = tree_of(msgspec.structs.replace(VIEW, due_path=""), site)

    assert "a tombstone expires" in text_of(tree, "facts")
    assert tree.xpath("//*[@id='facts']//a") == []


def test_a_dead_thread_is_red(site):
    """Only the thread that died is named."""
    tree = tree_of(msgspec.structs.replace(VIEW, threads=(("watcher", True), ("schedule", False))), site)

    assert facts_of(tree)["Thread schedule"] == "has died"
    assert "Threads" not in facts_of(tree)


def test_held_back(site):
    """Each rule has its words, how many seeds it holds back, and links that explain some of them."""
    tree = tree_of(VIEW, site)
    rows = tree.xpath("//section[@id='held']/ul/li")

    assert [row.find("p").text_content() for row in rows] == [
        "Seeds that are below the quality asked for (quality)",
        "Seeds that expire before they appear (window)",
    ]
    assert rows[0].xpath(".//a/@href") == ["explain?q=news/a%20b%26c.md", "explain?q=news/low.md"]
    assert rows[0].xpath(".//summary/text()") == ["Show 2 of 40 seeds"]
    assert rows[1].xpath(".//details") == []
    assert rows[1].xpath("p[2]/text()") == ["10 seeds"]


@pytest.mark.parametrize(
    ("unwell", "stale", "words"),
    [
        (1, 0, "1 seed needs attention It is in no feed until it is mended."),
        (1, 1, "1 seed needs attention Its last good version stays in the feeds until it is mended."),
        (3, 0, "3 seeds need attention They are in no feed until they are mended."),
        (3, 1, "3 seeds need attention The last good version of 1 stays in the feeds, the others are in none"),
        (3, 3, "3 seeds need attention Their last good versions stay in the feeds until they are mended."),
    ],
)
def test_seeds_need_attention(site, unwell, stale, words):
    """The page says how many, what readers see of them, and leads to the problems."""
    view = msgspec.structs.replace(VIEW, unwell=unwell, stale=tuple(f"{number}.md" for number in range(stale)))
    tree = tree_of(view, site)

    assert text_of(tree, "health").startswith(words)
    assert tree.get_element_by_id("health").get("class") == "live health attention"
    assert tree.findtext(".//title").startswith(f"{unwell} seed")
    assert tree.xpath("//*[@id='health']//a/@href") == ["#problems"]


def test_a_hub_that_needs_attention(site):
    """It harms no feed, so it is not red."""
    tree = tree_of(msgspec.structs.replace(VIEW, warnings=(("websub", "the hub cannot be reached"),)), site)

    assert text_of(tree, "health").startswith("The hub needs attention the hub cannot be reached")
    assert tree.get_element_by_id("health").get("class") == "live health attention"


EVENTS = tuple(
    Event(when=NOW, path=f"{kind}.md", kind=kind, feeds=("all", "solar"), **more)
    for kind, more in {
        "published": {"more_feeds": 2}, "edited": {}, "withdrawn": {"rule": "state"}, "lifted": {}, "expired": {},
        "refused": {"line": 3, "column": 8}, "mended": {},
    }.items()
)  # fmt: skip


def test_what_happened(site):
    """Each event has its kind, its path, which explains it, its feeds with links, and when it was."""
    others = (
        Event(when=NOW, path="gone.md", kind="withdrawn", feeds=("all",)), Event(when=NOW, path="new.md", kind="refused"),
        Event(when=NOW, path="draft.md", kind="mended", rule="state"), Event(when=NOW, kind="published", count=9_990),
    )  # fmt: skip
    tree = tree_of(msgspec.structs.replace(VIEW, events=EVENTS + others), site)
    rows = tree.xpath("//section[@id='events']//li")

    assert [" ".join(row.text_content().split()).removesuffix("28 May 2026, 20:26 UTC").strip() for row in rows] == [
        "Published published.md in all, solar and 2 more",
        "Edited edited.md in all, solar",
        "Withdrawn withdrawn.md from all, solar: its seed is unpublished, removed or deleted",
        "Lifted lifted.md in all, solar",
        "Expired expired.md from all, solar",
        "Refused refused.md line 3, column 8; its last good version stays in all, solar",
        "Mended mended.md in all, solar",
        "Withdrawn gone.md from all: its file is gone",
        "Refused new.md it is in no feed",
        "Mended draft.md in no feed: it is unpublished, removed or deleted",
        "Published … and 9,990 more",
    ]
    assert rows[0].xpath(".//a/@href") == ["explain?q=published.md", "../all/", "../solar/"]
    assert tree.xpath("//details[@id='more-events']/summary/text()") == ["Show 1 earlier"]


def test_what_comes_up_counts_down(site):
    """Embargoes that end and items that expire."""
    view = msgspec.structs.replace(VIEW, appearing=(("a.md", NOW + 60),), leaving=(("b.md", NOW + 90),))
    rows = tree_of(view, site).xpath("//section[@id='upcoming']//li")

    assert [row.xpath(".//a/text()")[0] for row in rows] == ["a.md", "b.md"]
    moments = ["2026-05-28T20:27:40Z", "2026-05-28T20:28:10Z"]
    assert [row.xpath(".//time[@class='until']/@datetime")[0] for row in rows] == moments


def test_items_a_day(site):
    """Every day has its value, and a sentence says the same as the bars."""
    tree = tree_of(msgspec.structs.replace(VIEW, daily=(0,) * 27 + (2, 0, 5)), site)

    assert tree.xpath("//section[@id='daily']//svg/@aria-label") == [
        "7 items in 30 days, at most 5 a day (28 May 2026)"
    ]
    assert tree.xpath("//section[@id='daily']//title/text()")[-3:] == [
        "2 items on 26 May 2026", "0 items on 27 May 2026", "5 items on 28 May 2026",
    ]  # fmt: skip
    assert tree.xpath("//section[@id='daily']//*[@class='labels']/span/text()") == ["5", "0"]


def test_feeds_with_their_age(site):
    """The one with the newest item comes first, and many are folded."""
    rows = tree_of(VIEW, site).xpath("//section[@id='feeds']//tbody/tr")

    assert [row.xpath("string(th)") for row in rows] == ["All", "Empty"]
    assert [row.xpath("string(td[2])") for row in rows] == ["28 May 2026, 20:25 UTC", "no items"]
    many = tuple(FeedAge(slug=f"f-{number}", title=f"F {number}", items=1, newest=NOW - number) for number in range(40))
    tree = tree_of(msgspec.structs.replace(VIEW, newest_of=many), site)
    assert tree.xpath("//details[@id='more-feeds']/summary/text()") == ["Show 28 more"]
    assert tree.xpath("count(//section[@id='feeds']//tbody/tr)") == 40


def test_a_single_seed_is_in_the_singular(site):
    """The words of its rule are in the singular (`words.rule_words`), and so is their subject."""
    tree = tree_of(msgspec.structs.replace(VIEW, held=(Held(rule="valid", words="is not valid", count=1),)), site)

    assert tree.xpath("//section[@id='held']/ul/li")[0].find("p").text_content() == "A seed that is not valid (valid)"


def test_problems(site):
    """A problem has its position, message, hint, age, and a command that explains it, quoted for a shell."""
    first, second = tree_of(VIEW, site).xpath("//section[@id='problems']/ul/li")

    assert "a <colon> too many (quote it)" in first.text_content()
    assert first.xpath(".//a/text()") == ["news/tram.md:3:8"]
    assert first.xpath(".//time/@datetime") == ["2026-05-28T20:25:40Z"]
    assert "last good version is shown" in first.text_content()
    assert first.xpath(".//code[@class='copy']/text()") == ["aggregator explain news/tram.md"]
    assert second.xpath(".//code/text()") == ["""aggregator explain './-rf it'"'"'s.md'"""]
    assert "Warning: odd" in second.text_content()
    assert "1,000 more" in text_of(tree_of(VIEW, site), "problems")


def test_turns(site):
    """The last turns are shown on a logarithmic axis, the oldest on the left, as a sentence, and as a table."""
    turns = [PastTurn(now=NOW - age, seconds=took, read=3, written=16) for age, took in enumerate((0.1, 1.0, 0.025))]
    tree = tree_of(msgspec.structs.replace(VIEW, turns=tuple(turns)), site)

    (turns,) = tree.xpath("//section[@id='turns']")
    assert turns.xpath(".//svg/@aria-label") == ["The last 3 turns took 25 ms to 1 s, half of them at most 100 ms"]
    assert turns.xpath(".//*[@class='labels']/span/text()") == ["1 s", "100 ms", "10 ms"]
    assert turns.xpath(".//path[@class='dot']/@d") == ["M0.5 80.1h0", "M1.5 0.0h0", "M2.5 50.0h0"]
    assert turns.xpath(".//title/text()")[0] == "25 ms on 28 May 2026, 20:26 UTC: 3 files read, 16 documents written"
    assert turns.xpath(".//tbody/tr[1]/td/text()") == ["100 ms", "3", "16"]


def test_a_new_site(site):
    """Without seeds, problems and turns the page is short but complete."""
    tree = tree_of(StatusView(now=NOW, running=True, seeds=0, items=0, feeds=1), site)

    assert tree.xpath("//main/section/@id") == ["health", "facts", "machinery"]
    assert facts_of(tree)["Next due"] == "Nothing"


def test_explanation(site):
    """Each seed has its answer, what is known with links, the rules with what it has and what is asked, and notes."""
    found = Explained(
        path="a.md", answer="in 1 feed: all",
        facts=(
            Fact("Feeds", (("all", "all/"),)), Fact("Item", (("https://x.example.org/<a>", "https://x.example.org/a"),)),
            Fact("Published", (("2026-05-28T20:25:40Z", ""),)),
        ),
        notes=("leaves solar at 2026-05-28T20:28:10Z",),
        checks=(Check("readable", passed=True, words=""), Check("quality", passed=False, words="1 <i> is below 2")),
    )  # fmt: skip
    tree = html.fromstring(
        status_page.render_explanation("a & b", [found, Explained(path="b.md", answer="gone")], site)
    )

    assert tree.xpath("//main//h2/text()") == ["a.md", "b.md"]
    assert tree.xpath("//dl/div/dt/text()") == ["Feeds", "Item", "Published"]
    assert tree.xpath("//dl//a/@href") == ["../all/", "https://x.example.org/a"]
    assert tree.xpath("//dl//time/@datetime") == ["2026-05-28T20:25:40Z"]
    assert [" ".join(one.text_content().split()) for one in tree.xpath("//ol[contains(@class, 'checks')]/li")] == [
        "✓passed readable", "✗failed quality 1 <i> is below 2",
    ]  # fmt: skip
    assert tree.xpath("//main//ul[@class='plain rows']//time/@datetime") == ["2026-05-28T20:28:10Z"]
    assert tree.xpath("//input[@name='q']/@value") == ["a & b"]
    assert tree.xpath("//form/@action") == ["explain"]


def test_a_part_of_a_path(site):
    """If nothing has that name, paths that contain it are offered."""
    tree = html.fromstring(status_page.render_explanation("a&", (), site, similar=("x/a&b.md",)))

    assert tree.xpath("//main//h2/text()") == ["Which one?"]
    assert tree.xpath("//main//a/@href") == ["explain?q=x/a%26b.md"]


@pytest.mark.parametrize(("target", "words"), [("<b>", "No seed has the path, link or id <b>"), ("", "Enter a seed")])
def test_nothing_found(target, words, site):
    """If nothing was found, or asked for, the page says what to enter."""
    tree = html.fromstring(status_page.render_explanation(target, (), site))

    assert words in tree.find(".//main").text_content()


@pytest.mark.parametrize("body", [status_page.render, lambda _, site: status_page.render_explanation("x", (), site)])
def test_policy(body, site):
    """Forms may be sent to the site only, no script or style but ours is allowed, and no crawler lists the page."""
    tree = html.fromstring(body(VIEW, site).decode())
    (policy,) = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")

    assert policy.endswith("form-action 'self'")
    assert "script-src 'sha256-" in policy
    assert tree.xpath("//@style | //@*[starts-with(name(), 'on')] | //button[@type]") == []
    assert tree.xpath("//meta[@name='robots']/@content") == ["noindex"]


def test_the_same_view_gives_the_same_bytes(site):
    """Neither a clock nor the order of a set changes the page."""
    assert status_page.render(VIEW, site) == status_page.render(VIEW, site)


ODD = "a\x1b]0;x\x07\rb\u202ec'!.md"


def test_controls_and_directions_in_names_are_escaped(site):
    """A name with ESC, CR or RLO shows them as escapes wherever it is text; its link still names the file."""
    view = msgspec.structs.replace(
        VIEW,
        held=(Held(rule="quality", words="are low", count=1, paths=(ODD,)),),
        problems=(SeedProblem(problem=Problem(path=ODD, message=f"odd {ODD}", hint=f"not {ODD}")),),
        due_path=ODD,
        troubles=(Trouble(concern="writing", message=f"{ODD}: no space", seconds=1),),
        facts=(("Serving", ODD),),
    )
    pages = [
        status_page.render(view, site).decode(),
        status_page.render_explanation(
            "x\u202e", [Explained(path=ODD, answer=f"{ODD} is held", notes=(f"as {ODD} says",))], site
        ).decode(),
    ]
    for page in pages:
        shown = html.fromstring(page).text_content()
        assert not {"\x1b", "\x07", "\r", "\u202e"} & set(shown)
        assert "a\\x1b]0;x\\x07\\rb\\u202ec'!.md" in shown
    assert not {"\x1b", "\x07", "\r"} & set("".join(pages))
    assert "explain?q=a%1B%5D0%3Bx%07%0Db%E2%80%AEc%27%21.md" in pages[0]


def test_a_copied_command_names_the_same_file(tmp_path):
    """Bash passes the very name, though the command has no control character."""
    for name in (ODD, "plain.md", "it's a.md", "-rf\x1b.md", "back\\slash\n.md"):
        command = status_page.command(name)
        assert command.isprintable()
        words = ["bash", "-c", f'aggregator() {{ printf %s "$2"; }}; {command}']
        assert subprocess.run(words, capture_output=True, check=True).stdout.decode().removeprefix("./") == name
