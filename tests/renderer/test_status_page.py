"""The owner's pages: they show everything that is known, escaped, without the help of a script."""

import subprocess

import msgspec
import pytest
from lxml import html

from aggregator.model.reports import PastTurn, Problem
from aggregator.renderer import status_page
from aggregator.renderer.status_page import Held, SeedProblem, StatusView, Trouble

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

    assert text_of(tree, "health") == "All is well"
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
    """Each rule has its count, its words, a bar, and links that explain some of the seeds."""
    tree = tree_of(VIEW, site)
    rows = tree.xpath("//section[@id='held']/ul/li")

    assert [row.find("p").text_content() for row in rows] == [
        "Seeds that are below the quality asked for (quality) 40",
        "Seeds that expire before they appear (window) 10",
    ]
    assert tree.xpath("//section[@id='held']//rect/@width") == ["100", "25"]
    assert rows[0].xpath(".//a/@href") == ["explain?q=news/a%20b%26c.md", "explain?q=news/low.md"]
    assert rows[0].xpath(".//summary/text()") == ["Some of them"]
    assert rows[1].xpath(".//details") == []


def test_a_single_seed_is_in_the_singular(site):
    """The words of its rule are in the singular (`words.rule_words`), and so is their subject."""
    tree = tree_of(msgspec.structs.replace(VIEW, held=(Held(rule="valid", words="is not valid", count=1),)), site)

    assert tree.xpath("//section[@id='held']/ul/li")[0].find("p").text_content() == "A seed that is not valid (valid) 1"


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
    """The last turns are shown as a chart, the oldest on the left, as a sentence, and as a table."""
    tree = tree_of(VIEW, site)

    assert tree.xpath("//section[@id='turns']/svg/path/@d") == ["M0 40V0h1V20h1V40"]
    assert tree.xpath("//section[@id='turns']/svg/@aria-label") == ["The last 2 turns took 0.25 to 0.50 seconds"]
    assert tree.xpath("//tbody/tr[1]/td/text()") == ["0.25 s", "3", "16"]


def test_a_new_site(site):
    """Without seeds, problems and turns the page is short but complete."""
    tree = tree_of(StatusView(now=NOW, running=True, seeds=0, items=0, feeds=1), site)

    assert tree.xpath("//main/section/@id") == ["health", "facts"]
    assert facts_of(tree)["Next due"] == "Nothing"


def test_explanation(site):
    """Each seed that was found has its headline and its lines, escaped."""
    tree = html.fromstring(
        status_page.render_explanation("a & b", [("a.md: in 2 feeds", ["id: <x>"]), ("b.md", [])], site)
    )

    assert tree.xpath("//main//h2/text()") == ["a.md: in 2 feeds", "b.md"]
    assert tree.xpath("//main//li/text()") == ["id: <x>"]
    assert tree.xpath("//input[@name='q']/@value") == ["a & b"]
    assert tree.xpath("//form/@action") == ["explain"]


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
        status_page.render_explanation("x\u202e", [(f"{ODD} is held back", (f"as {ODD} says",))], site).decode(),
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
