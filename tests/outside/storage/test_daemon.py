"""The daemon with seeds and feeds in buckets: scheduled scans and notifications."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from support.bucket_site import BucketSite
from support.http_client import Reply, fetch
from support.network_cable import CuttableProxy
from support.running_daemon import DaemonProcess, free_port, wait_until
from support.seaweedfs import KEY, SECRET

pytestmark = pytest.mark.slow  # a store of its own has to start, and clients that take a second to import

TOKEN = "a-token-of-the-tests-0123456789"


class Daemon(DaemonProcess):
    """A daemon on buckets that accepts notifications."""

    def __init__(self, buckets: BucketSite) -> None:
        super().__init__(buckets.site)
        self.buckets = buckets
        (self.site.root / "token").write_text(TOKEN)
        server = {"port": free_port(), "token": "../token"}
        self.site.settings |= {**buckets.locations, "server": server, "schedule": {"scan": "1h"}}
        self.url = f"http://127.0.0.1:{server['port']}/"

    def begin(self, **environment: str) -> Daemon:
        self.start(wait=False, serve=True, **{**self.buckets.store.environment, **environment})
        # The libraries of stores take seconds to import on a busy machine.
        wait_until(self.is_ready, 90, what="the daemon did not take its first turn")
        wait_until(lambda: fetch(self.url, "/healthz").status in {200, 503}, 20, what="it does not serve")
        return self

    def notify(self, *paths: str, token: str = TOKEN, body: bytes | None = None, bucket: str = "") -> Reply:
        """Send a notification that objects changed, as Amazon S3 does."""
        place, _, prefix = self.buckets.seeds.partition("/")
        records = [
            {
                "eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": bucket or place}, "object": {"key": f"{prefix}/{path}"}},
            }
            for path in paths
        ]
        body_bytes = json.dumps({"Records": records}).encode() if body is None else body
        return fetch(self.url, "/-/notify", "POST", body=body_bytes, authorization=f"Bearer {token}")

    def comes_to_show(self, *titles: str, seconds: float = 40) -> float:
        return wait_until(
            lambda: sorted(self.buckets.titles()) == sorted(titles), seconds, what=f"the feed does not show {titles}"
        )


@pytest.fixture
def daemon(buckets: BucketSite) -> Iterator[Daemon]:
    made = Daemon(buckets)
    yield made
    if hasattr(made, "process") and made.process.poll() is None:
        made.process.kill()
        made.process.wait(60)


def test_a_notification_is_handled_at_once(daemon: Daemon) -> None:
    """An add, an edit and a deletion are published long before the next scan, by the events of S3."""
    daemon.buckets.write("a.md", title="A")
    daemon.begin()
    daemon.comes_to_show("A")
    assert daemon.status()["backend"] == "listing"
    daemon.buckets.write("b.md", title="B")
    reply = daemon.notify("b.md", "not-there.md", "no-seed.txt", ".hidden.md")
    assert (reply.status, reply.json) == (202, {"looked_at": 4})
    daemon.comes_to_show("A", "B")
    daemon.buckets.write("a.md", title="edited")
    daemon.notify("a.md")
    daemon.comes_to_show("edited", "B")
    daemon.buckets.delete("b.md")
    daemon.notify("b.md")
    daemon.comes_to_show("edited")
    assert daemon.status()["healthy"]
    assert daemon.stop() == 0


def test_the_bucket_decides_and_not_the_notification(daemon: Daemon) -> None:
    """A notification of a deletion that did not happen, or of another bucket, changes nothing."""
    daemon.buckets.write("a.md", title="A")
    daemon.begin()
    before = daemon.buckets.object_versions()
    assert daemon.notify("a.md").json == {"looked_at": 1}
    assert daemon.notify("a.md", bucket="another").json == {"looked_at": 0}
    daemon.buckets.write("b.md", title="B")
    daemon.notify("b.md")
    daemon.comes_to_show("A", "B")
    assert before.keys() == daemon.buckets.object_versions().keys()


def test_invalid_notifications_are_refused(daemon: Daemon) -> None:
    """401 without the token, 400 for an invalid body, 413 for a long one, 405 for another method."""
    daemon.begin()
    assert daemon.notify("a.md", token="wrong").status == 401
    refused = daemon.notify(body=b'{"detail": {}}')
    assert refused.status == 400
    assert "Records[].s3.object.key" in refused.json["error"]
    assert daemon.notify(body=b"[" + b" " * 70_000).status == 413
    assert fetch(daemon.url, "/-/notify").status == 405
    assert TOKEN not in daemon.log_file.read_text()


def test_a_scan_finds_changes_without_a_notification(daemon: Daemon) -> None:
    """A scheduled scan finds a change that no notification reported."""
    daemon.site.settings["schedule"] = {"scan": "1s"}
    daemon.buckets.write("a.md", title="A")
    daemon.begin()
    daemon.buckets.write("b.md", title="B")
    daemon.comes_to_show("A", "B")
    daemon.buckets.delete("a.md")
    daemon.comes_to_show("B")


def test_documents_are_served_by_the_bucket(daemon: Daemon) -> None:
    """The log says so; health and triggers are still served, and a trigger can name feeds."""
    daemon.buckets.write("a.md", topics=["AI"])
    daemon.begin()
    (line,) = daemon.lines("serving")
    assert line["documents"] == f"served by s3://{daemon.buckets.feeds}, not here"
    assert fetch(daemon.url, "/all/rss.xml").status == 404
    assert fetch(daemon.url, "/healthz").status == 200
    assert b"aggregator_info" in fetch(daemon.url, "/metrics", authorization=f"Bearer {TOKEN}").body
    asked = {
        name: fetch(daemon.url, f"/-/trigger?feed={name}", "POST", authorization=f"Bearer {TOKEN}")
        for name in ("ai", "no")
    }
    assert asked["ai"].status == 200
    assert "no such feed: no" in asked["no"].json["error"]


def test_serve_is_refused(daemon: Daemon) -> None:
    """`aggregator serve` ends with 2 and says who serves the feeds instead."""
    daemon.site.config()
    refused = daemon.command("serve")
    assert refused.returncode == 2
    assert refused.stderr.endswith(
        f"feeds: s3://{daemon.buckets.feeds} is in an object store; let the store or a web server serve it\n"
    )


def test_folders_take_no_notifications(running: DaemonProcess) -> None:
    """The address exists only for seeds in a store."""
    running.site.settings["server"] = {"port": free_port(), "token": "../token"}
    (running.site.root / "token").write_text(TOKEN)
    running.start(serve=True)
    wait_until(lambda: fetch(running.address, "/healthz").status == 200, 20)
    assert fetch(running.address, "/-/notify", "POST", body=b"{}", authorization=f"Bearer {TOKEN}").status == 404


def test_a_store_that_is_down_makes_the_daemon_unhealthy(daemon: Daemon) -> None:
    """Status and log name it, nothing wrong is published, and the daemon recovers when the store is back."""
    cable = CuttableProxy(int(daemon.buckets.store.url.rpartition(":")[2]))
    daemon.site.settings["schedule"] = {"scan": "1s"}
    daemon.buckets.write("a.md", title="A")
    daemon.begin(AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{cable.port}")
    before = daemon.buckets.object_versions()
    cable.cut()
    wait_until(lambda: "does not answer" in daemon.status()["problems"].get("folder", ""), 30)
    assert daemon.lines("not believed")
    daemon.buckets.write("b.md", title="B")
    assert daemon.buckets.object_versions() == before
    cable.restore()
    daemon.comes_to_show("A", "B", seconds=40)
    wait_until(lambda: daemon.status()["healthy"], 30)
    assert daemon.stop() == 0
    assert not daemon.lines("turn failed")
    assert not [line for line in daemon.lines() if KEY in str(line) or SECRET in str(line)]
