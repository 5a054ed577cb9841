"""Programs post items over HTTP: each request is answered, nothing is lost, nothing comes twice, no id is taken."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from support.http_client import Reply, ServeProcess, fetch
from support.running_daemon import wait_until
from support.site_folder import SiteFolder

from aggregator.service.http.posting import LARGEST_BODY, PER_MINUTE
from aggregator.site.clock import clock

TOKENS = [f"token-number-{number:04}" for number in range(60)]


def start(root: Path) -> ServeProcess:
    root.mkdir(exist_ok=True)
    site = SiteFolder(root)
    site.settings["rules"] = {}
    site.write(
        "editor.md", link="https://example.org/editor", webUrl="https://example.org/editor", id="tag:example.org,2026:e"
    )
    (root / "tokens").write_text("# programs\n" + "".join(f"program {n}: {token}\n" for n, token in enumerate(TOKENS)))
    server = ServeProcess(site, write_tokens="../tokens")
    site.build()
    return server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    made = start(tmp_path_factory.mktemp("posting"))
    yield made
    assert made.stop() == 0


@pytest.fixture
def token() -> str:
    """A token of this test alone, as each has its own share of requests."""
    return TOKENS.pop()


def post(server: ServeProcess, value: Any, token: str, **headers: str) -> Reply:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    sent = {"content_type": "application/json", "authorization": f"Bearer {token}", **headers}
    return fetch(server.address, "/-/items", "POST", body=body, **sent)


def item(number: int | str, **members: Any) -> dict[str, Any]:
    return {"url": f"https://example.org/posted/{number}", "title": f"Posted {number}", "tags": ["bots"], **members}


def visible(server: ServeProcess) -> dict[str, str]:
    """Build, and return the title of each item by its link."""
    server.site.build(now=clock())
    feed = json.loads((server.site.feeds / "all/feed.json").read_bytes())
    return {one["url"]: one["title"] for one in feed["items"]}


@pytest.mark.slow
def test_a_posted_item_is_in_the_feeds_after_the_next_turn(server: ServeProcess, token: str) -> None:
    """201 with path, id and what will become of it; the same again is 200 and changes no byte; a change is 200 too."""
    answer = post(server, item("a"), token)
    assert (answer.status, answer.json["id"], answer.json["done"]) == (201, "https://example.org/posted/a", "created")
    assert answer.json["explain"][0] == f"{answer.json['path']}: in all from the next build on"
    path = server.site.seeds / answer.json["path"]
    before = path.read_bytes(), path.stat().st_mtime_ns
    wait_until(lambda: clock() > int(path.stat().st_mtime), 5, what="the clock stands")
    again = post(server, item("a"), token)
    assert (again.status, again.json["done"]) == (200, "unchanged")
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert visible(server)["https://example.org/posted/a"] == "Posted a"
    changed = post(server, item("a", title="Corrected"), token)
    assert (changed.status, changed.json["done"], changed.json["path"]) == (200, "changed", answer.json["path"])
    assert visible(server)["https://example.org/posted/a"] == "Corrected"


def test_a_bad_item_is_answered_with_every_problem(server: ServeProcess, token: str) -> None:
    """422 with JSON paths; nothing of the request is written."""
    before = sorted(server.site.seeds.iterdir())
    answer = post(server, [item("b"), {"url": "ftp://x", "titel": "B", "summary": "s"}], token)
    assert answer.status == 422
    assert [one["path"] for one in answer.json["problems"]] == ["$[1].titel", "$[1].url"]
    assert sorted(server.site.seeds.iterdir()) == before
    assert post(server, b"{", token).status == 422


def test_a_missing_seeds_folder_is_not_made_anew(server: ServeProcess, token: str) -> None:
    """503: with one seed in a new folder, all other seeds would look deleted."""
    seeds = server.site.seeds
    away = seeds.rename(seeds.with_name("away"))
    answer = post(server, item("lost"), token)
    assert not seeds.exists()
    away.rename(seeds)
    assert (answer.status, "the seeds folder is missing" in answer.json["error_description"]) == (503, True)
    assert post(server, item("lost"), token).status == 201


def test_only_who_has_a_token_may_post(server: ServeProcess, token: str) -> None:
    """No token, a wrong one, one that is too short and a page of another site are refused, and nothing is written."""
    before = sorted(server.site.seeds.iterdir())
    for wrong in ("", "wrong", f"{token}x", token[:-1], "# programs"):
        assert post(server, item("c"), wrong).status == 401
    assert post(server, item("c"), token, origin="https://evil.example.org").status == 403
    assert post(server, item("c"), token, content_type="text/plain").status == 415
    other = fetch(server.address, "/-/items", "GET")
    assert (other.status, other.body) == (405, b"only POST and DELETE are allowed\n")
    assert fetch(server.address, "/-/status", authorization=f"Bearer {token}").status == 404, "write-only"
    assert sorted(server.site.seeds.iterdir()) == before


def test_a_token_is_good_for_sixty_requests_a_minute(server: ServeProcess, token: str) -> None:
    """The next one is answered 429 and says how long to wait; other tokens are not affected."""
    answers = [post(server, b"{", token) for _ in range(PER_MINUTE + 1)]
    assert [one.status for one in answers] == [422] * PER_MINUTE + [429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 61
    assert post(server, b"{", TOKENS[0]).status == 422


def test_a_body_may_have_a_mebibyte(server: ServeProcess, token: str) -> None:
    """A larger one is answered 413."""
    fits = item("big", summary="s", content_text="x" * (LARGEST_BODY - 2_000))
    assert post(server, fits, token).status == 201
    assert post(server, b" " * (LARGEST_BODY + 1), token).status == 413


def test_what_an_editor_wrote_is_not_taken(server: ServeProcess, token: str) -> None:
    """Neither the id nor the link of a seed that was not posted; a posted seed that was edited since stays (G16)."""
    visible(server)
    assert post(server, item("d", id="tag:example.org,2026:e"), token).status == 409
    assert post(server, item("d", url="https://example.org/editor?utm_source=x"), token).status == 409
    path = server.site.seeds / post(server, item("edited"), token).json["path"]
    path.write_text(path.read_text().replace("Posted edited", "By hand"))
    answer = post(server, item("edited", title="Again"), token)
    assert answer.status == 409
    assert "was edited by hand since it was posted" in answer.json["error_description"]
    assert "By hand" in path.read_text()
    assert "editor.md" in [one.name for one in server.site.seeds.iterdir()]


@pytest.mark.slow
def test_an_item_is_withdrawn_and_comes_back(server: ServeProcess, token: str) -> None:
    """DELETE by id; again is 200; an unknown id is 404; posted anew it appears under its old id."""
    post(server, item("gone"), token)
    link = "https://example.org/posted/gone"
    assert link in visible(server)

    def delete(target: str) -> Reply:
        return fetch(server.address, f"/-/items?id={quote(target)}", "DELETE", authorization=f"Bearer {token}")

    assert (delete(link).status, delete(link).json["done"]) == (200, "unchanged")
    assert link not in visible(server)
    assert delete("https://example.org/posted/never").status == 404
    assert fetch(server.address, "/-/items", "DELETE", authorization=f"Bearer {token}").status == 400
    assert post(server, item("gone"), token).json["done"] == "changed"
    assert link in visible(server)


def test_what_an_editor_holds_back_is_not_taken_either(server: ServeProcess, token: str) -> None:
    """A draft, an embargoed and an expired item keep their ids and links; the answer names no path (G12)."""
    held = {
        "draft": {"published": False},
        "later": {"publishedDateTime": "2999-01-01"},
        "over": {"expires": "2020-01-01"},
    }
    for name, keys in held.items():
        server.site.write(
            f"CANARY-{name}.md", webUrl=f"https://example.org/{name}", id=f"tag:example.org,2026:{name}", **keys
        )
    visible(server)
    for name in held:
        for taken in (item("x", url=f"https://example.org/{name}"), item("x", id=f"tag:example.org,2026:{name}")):
            answer = post(server, taken, token)
            assert answer.status == 409, name
            assert b"CANARY" not in answer.body


def test_the_items_of_another_token_are_not_touched(server: ServeProcess, token: str) -> None:
    """Another program neither reads, overwrites nor withdraws them; the owner may."""
    other = TOKENS.pop()
    link = "https://example.org/posted/mine"
    draft = item("mine", title="CANARY of the draft", _aggregator={"published": False})
    assert post(server, draft, token).status == 201
    visible(server)
    assert post(server, item("mine"), other).status == 409
    assert post(server, item("mine", id="tag:example.org,2026:mine"), other).status == 409
    source = fetch(server.address, f"/-/micropub?q=source&url={quote(link)}", authorization=f"Bearer {other}")
    assert (source.status, b"CANARY" in source.body) == (404, False)
    assert fetch(server.address, f"/-/items?id={quote(link)}", "DELETE", authorization=f"Bearer {other}").status == 404
    assert post(server, item("mine", title="Published"), token).json["done"] == "changed"


def test_several_ids_may_have_one_link_and_each_is_withdrawn_by_its_own(server: ServeProcess, token: str) -> None:
    """As in a link blog; without an id of its own the second one would be the first."""
    link = "https://example.org/posted/shared"
    first, second = (item("shared", id=f"tag:example.org,2026:{number}", title=f"N{number}") for number in (1, 2))
    assert [post(server, one, token).status for one in (first, second)] == [201, 201]
    visible(server)
    assert post(server, item("shared"), token).status == 409

    def delete(target: str) -> int:
        return fetch(server.address, f"/-/items?id={quote(target)}", "DELETE", authorization=f"Bearer {token}").status

    assert delete(link) == 409, "which of them?"
    assert (delete(first["id"]), delete(second["id"])) == (200, 200)
    assert link not in visible(server)


def test_every_form_of_a_link_is_one_item(server: ServeProcess, token: str) -> None:
    """Scheme, slash and tracking do not make another one, and it is withdrawn by any of them."""
    forms = [f"https://example.org/posted/form{end}" for end in ("", "/", "?utm_source=x")]
    answers = [post(server, item("form", url=form), token) for form in (*forms, "http://example.org/posted/form")]
    assert [one.status for one in answers] == [201, 200, 200, 200]
    assert len({one.json["path"] for one in answers}) == 1
    where = f"/-/items?id={quote('http://example.org/posted/form/')}"
    assert fetch(server.address, where, "DELETE", authorization=f"Bearer {token}").status == 200
    assert not [link for link in visible(server) if "posted/form" in link]


def test_an_edit_that_moved_the_file_stays(server: ServeProcess, token: str) -> None:
    """A posted file that somebody renamed and edited is theirs (G16)."""
    path = server.site.seeds / post(server, item("moved"), token).json["path"]
    path.with_name("mine.md").write_text(path.read_text().replace("Posted moved", "By hand"))
    path.unlink()
    assert visible(server)["https://example.org/posted/moved"] == "By hand"
    assert post(server, item("moved"), token).status == 409
    assert visible(server)["https://example.org/posted/moved"] == "By hand"


def test_nothing_is_written_into_a_folder_that_is_not_mounted(server: ServeProcess, token: str) -> None:
    """Known seeds and an empty folder: what is written there would vanish when it comes back."""
    away = server.site.root / "away"
    server.site.seeds.rename(away)
    server.site.seeds.mkdir()
    try:
        assert post(server, item("unmounted"), token).status == 503
        assert list(server.site.seeds.iterdir()) == []
    finally:
        server.site.seeds.rmdir()
        away.rename(server.site.seeds)


HOSTILE = {
    "script": item("h1", content_html="<script>alert(1)</script><p onclick=x()>fine</p>"),
    "front matter": item("h2", content_text="---\nsecured: x\n---\n", summary="s"),
    "yaml in the title": item("h3", title='x"\nsecured: true\n---\n'),
    "path as title": item("h4", title="../../etc/passwd"),
    "path as id": item("h5", id="../../../etc/cron.d/x"),
    "controls": item("h6", title="a\u0000b\u001b[31m\u202e"),
    "long id": item("h7", id="x" * 1_900),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_item_is_harmless(server: ServeProcess, hostile: dict[str, Any]) -> None:
    """Its file lies in the seeds folder and holds no key that was not posted; what goes out is sanitised."""
    answer = post(server, hostile, TOKENS[1])
    assert answer.status == 201, answer.body
    (path,) = [one for one in server.site.seeds.rglob("*") if one.name == answer.json["path"]]
    assert path.parent == server.site.seeds
    assert not [line for line in path.read_text().partition("\n---\n")[0].splitlines() if line.startswith("secured")]
    visible(server)
    assert b"<script>alert" not in (server.site.feeds / "all/rss.xml").read_bytes()


@pytest.mark.slow
def test_a_thousand_items_at_once_survive_kills(tmp_path: Path) -> None:
    """Ten programs post 100 items each while the server is killed; all repeat what was not answered: each item once."""
    server = start(tmp_path / "site")
    wanted = [[item(f"{program}-{number}") for number in range(100)] for program in range(10)]
    is_up = threading.Event()
    is_up.set()

    def run_program(number: int) -> None:
        for first in range(0, 100, 20):
            while True:
                is_up.wait(20)
                try:
                    if post(server, wanted[number][first : first + 20], TOKENS[10 + number]).status in {200, 201}:
                        break
                except (OSError, HTTPException):
                    continue

    def posted() -> int:
        return sum(path.name.startswith("2") for path in server.site.seeds.iterdir())

    with ThreadPoolExecutor(10) as programs:
        running = [programs.submit(run_program, number) for number in range(10)]
        for least in (100, 400, 700):
            wait_until(lambda least=least: posted() >= least, 60, what="nothing is posted")  # type: ignore[misc]
            is_up.clear()
            server.process.kill()
            server.process.wait()
            server.start()
            is_up.set()
        for one in running:
            one.result(60)
    assert posted() == 1_000
    server.site.settings["feed"] = {"limit": None, "max_bytes": None}
    links = [one["url"] for program in wanted for one in program]
    assert sorted(set(visible(server)) - {"https://example.org/editor"}) == sorted(links)
    assert server.stop() == 0


def micropub(server: ServeProcess, token: str, **properties: str) -> Reply:
    return fetch(
        server.address, "/-/micropub", "POST", body=urlencode(properties).encode(),
        content_type="application/x-www-form-urlencoded", authorization=f"Bearer {token}",
    )  # fmt: skip


@pytest.mark.slow
def test_micropub_creates_updates_and_deletes(server: ServeProcess, token: str) -> None:
    """The whole life of an entry, as the W3C Recommendation describes it."""
    link = "https://example.org/posted/micropub"
    created = micropub(server, token, h="entry", name="By Micropub", content="Words", url=link)
    assert (created.status, created.headers["location"]) == (201, link)
    source = fetch(server.address, f"/-/micropub?q=source&url={quote(link)}", authorization=f"Bearer {token}").json
    assert source["properties"]["name"] == ["By Micropub"]
    change = {"action": "update", "url": link, "replace": {"name": ["Renamed"]}, "add": {"category": ["new"]}}
    updated = fetch(
        server.address, "/-/micropub", "POST", body=json.dumps(change).encode(), content_type="application/json",
        authorization=f"Bearer {token}",
    )  # fmt: skip
    assert updated.status == 200
    assert visible(server)[link] == "Renamed"
    assert micropub(server, token, action="delete", url=link).status == 204
    assert link not in visible(server)
    assert micropub(server, token, action="undelete", url=link).status == 204
    assert link in visible(server)
    assert micropub(server, token, action="delete", url="https://example.org/other").status == 404


def update(server: ServeProcess, token: str, **change: Any) -> Reply:
    body = json.dumps({"action": "update", **change}).encode()
    headers = {"content_type": "application/json", "authorization": f"Bearer {token}"}
    return fetch(server.address, "/-/micropub", "POST", body=body, **headers)


def test_an_update_does_not_publish_what_was_deleted(server: ServeProcess, token: str) -> None:
    """It changes the entry, which stays deleted until it is undeleted (G15)."""
    link = "https://example.org/posted/undead"
    micropub(server, token, h="entry", name="N", content="Words", url=link)
    assert micropub(server, token, action="delete", url=link).status == 204
    assert update(server, token, url=link, replace={"name": ["M"]}).status == 200
    assert link not in visible(server)
    assert micropub(server, token, action="undelete", url=link).status == 204
    assert visible(server)[link] == "M"
    assert update(server, token, url=link, replace={"url": ["https://example.org/other"]}).status == 400


def test_updates_at_the_same_time_are_all_done(server: ServeProcess, token: str) -> None:
    """None overwrites another one, since each is made of what the last one left."""
    link = "https://example.org/posted/at-once"
    micropub(server, token, h="entry", name="N", content="Words", url=link)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: update(server, token, url=link, add={"category": [f"tag {n}"]}), range(8)))
    assert {one.status for one in answers} == {200}
    source = fetch(server.address, f"/-/micropub?q=source&url={quote(link)}", authorization=f"Bearer {token}").json
    assert sorted(source["properties"]["category"]) == [f"tag {n}" for n in range(8)]


def test_micropub_takes_the_token_in_the_form_and_names_errors(server: ServeProcess, token: str) -> None:
    """§3.2 and §3.8: `access_token`, and errors as JSON."""
    body = urlencode(
        {"h": "entry", "content": "Words", "url": "https://example.org/m2", "access_token": token}
    ).encode()
    form = "application/x-www-form-urlencoded"
    assert fetch(server.address, "/-/micropub", "POST", body=body, content_type=form).status == 201
    assert fetch(server.address, "/-/micropub", "POST", body=b"h=entry&content=x", content_type=form).status == 401
    refused = micropub(server, token, h="entry", content="Words", url="nowhere")
    assert (refused.status, refused.json["error"]) == (400, "invalid_request")
    assert refused.json["error_description"].startswith("url: ")
    config = fetch(server.address, "/-/micropub?q=config", authorization=f"Bearer {token}").json
    assert config == {"syndicate-to": [], "q": ["config", "source", "syndicate-to"]}
    assert fetch(server.address, "/-/micropub?q=source", authorization=f"Bearer {token}").status == 400
    wrong = fetch(
        server.address, "/-/micropub", "POST", body=b"h=entry&content=x", content_type=form, authorization="Bearer x"
    )
    assert (wrong.status, wrong.json["error"]) == (401, "unauthorized")
    long = b"h=entry&content=" + b"%41" * 100_000
    assert fetch(server.address, "/-/micropub", "POST", body=long, content_type=form).status == 413, "nobody asked yet"


def test_items_are_written_into_the_inbox_of_a_root(tmp_path: Path) -> None:
    """The folder is made below the seeds, but a missing folder of seeds is not made anew (G5)."""
    site = SiteFolder(tmp_path)
    site.settings |= {"rules": {}, "seeds": {"folder": "../seeds", "inbox": "from/programs"}}
    (tmp_path / "tokens").write_text(f"a: {TOKENS[2]}")
    server = ServeProcess(site, write_tokens="../tokens")
    assert post(server, item("inbox"), TOKENS[2]).status == 503, "nobody knows yet whose items there are"
    site.build(now=clock())
    assert post(server, item("inbox"), TOKENS[2]).json["path"].startswith("from/programs/2")
    assert list(visible(server)) == ["https://example.org/posted/inbox"]
    site.seeds.rename(tmp_path / "away")
    assert post(server, item("inbox 2"), TOKENS[2]).status == 503
    assert not site.seeds.exists()
    assert server.stop() == 0


def test_without_tokens_there_is_no_door(tmp_path: Path) -> None:
    """A site that names no file of tokens answers 404."""
    site = SiteFolder(tmp_path)
    site.write("a.md")
    site.build()
    server = ServeProcess(site)
    assert fetch(server.address, "/-/items", "POST", body=b"{}").status == 404
    assert fetch(server.address, "/-/micropub", "POST", body=b"").status == 404
    assert server.stop() == 0


def test_posted_items_are_written_into_the_first_folder_of_our_own_dialect(tmp_path: Path, token: str) -> None:
    """Of several; the answer names the seed as `explain` does, and it is found again by its id."""
    (tmp_path / "blog").mkdir()
    site = SiteFolder(tmp_path)
    site.settings |= {"rules": {}, "seeds": [{"folder": "../blog", "dialect": "hugo"}, "../seeds"]}
    (tmp_path / "tokens").write_text(f"program: {token}\n")
    server = ServeProcess(site, write_tokens="../tokens")
    site.build(now=clock())
    try:
        answer = post(server, item("x"), token)
        assert (answer.status, answer.json["path"].partition("/")[0]) == (201, "seeds")
        assert [path.name for path in site.seeds.iterdir()] == [answer.json["path"].partition("/")[2]]
        assert visible(server) == {"https://example.org/posted/x": "Posted x"}
        assert post(server, item("x", title="Again"), token).json["done"] == "changed"
    finally:
        server.stop()


def test_an_item_without_an_address_gets_a_page(site: SiteFolder) -> None:
    """If items have pages: it needs an id, and a client of Micropub gets the address at once."""
    site.settings["rules"], site.settings["pages"] = {}, {"items": "own"}
    (site.root / "tokens").write_text("a program: token-number-9999\n")
    server = ServeProcess(site, write_tokens="../tokens")
    try:
        site.build()
        reply = post(
            server, {"id": "urn:x:7", "title": "The bridge opens", "content_text": "Text."}, "token-number-9999"
        )
        assert reply.status == 201, reply.body
        sent = urlencode({"h": "entry", "name": "A note", "content": "Text."}).encode()
        made = fetch(
            server.address, "/-/micropub", "POST", body=sent, authorization="Bearer token-number-9999",
            content_type="application/x-www-form-urlencoded",
        )  # fmt: skip
        found = visible(server)
        assert set(found.values()) == {"The bridge opens", "A note"}
        assert found[made.headers["location"]] == "A note"
        for link in found:
            assert fetch(server.address, link.removeprefix("https://feeds.example.org")).status == 200
    finally:
        assert server.stop() == 0
