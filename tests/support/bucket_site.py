"""A site in buckets of an object store, with methods to change and read it."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.seaweedfs import SeaweedFS
from support.site_folder import NOW, SiteFolder

import aggregator
from aggregator.model.reports import Turn

NUMBERS = itertools.count()


class BucketSite:
    """A site with seeds in one bucket and feeds in another; `site` is a folder with the same seeds."""

    def __init__(self, store: SeaweedFS, site: SiteFolder) -> None:
        self.store, self.site = store, site
        self.filesystem = store.filesystem()
        number = next(NUMBERS)
        # Prefixes in two buckets, since each bucket of SeaweedFS takes seven volumes.
        self.seeds, self.feeds = f"newsroom/in-{number}", f"public/out-{number}"

    def write(self, path: str, body: str = "", **keys: Any) -> None:
        """Write a seed, as `SiteFolder.write` does, to the folder and to the bucket."""
        self.put(path, self.site.write(path, body, **keys).read_bytes())

    def put(self, key: str, body: bytes) -> None:
        """Write an object below the seeds."""
        bucket, _, prefix = self.seeds.partition("/")
        self.filesystem.call_s3("put_object", Bucket=bucket, Key=f"{prefix}/{key}", Body=body)

    def delete(self, path: str) -> None:
        """Delete a seed from the folder and the bucket."""
        (self.site.seeds / path).unlink()
        self.filesystem.rm_file(f"{self.seeds}/{path}")

    def config(self, **settings: Any) -> aggregator.Config:
        """Write the config and load it."""
        own, self.site.settings = self.site.settings, {**self.site.settings, **self.locations, **settings}
        try:
            return self.site.config(state="bucket-state")
        finally:
            self.site.settings = own

    @property
    def locations(self) -> dict[str, str]:
        """Return the keys `seeds` and `feeds` of the config, with URLs."""
        return {"seeds": f"s3://{self.seeds}", "feeds": f"s3://{self.feeds}"}

    def build(self, now: int = NOW, *, settings: dict[str, Any] | None = None, **options: Any) -> Turn:
        """Build the site in buckets."""
        return aggregator.build(self.config(**(settings or {})), now=now, **options)

    def documents(self) -> dict[str, bytes]:
        """Return the published objects: name to content."""
        names = self.filesystem.find(self.feeds)
        return {name[len(self.feeds) + 1 :]: body for name, body in self.filesystem.cat(names).items()} if names else {}

    def object_versions(self) -> dict[str, tuple[str, str]]:
        """Return the ETag and the date of every published object."""
        found = self.filesystem.find(self.feeds, detail=True)
        return {name[len(self.feeds) + 1 :]: (one["ETag"], str(one["LastModified"])) for name, one in found.items()}

    def titles(self, slug: str = "all") -> list[str]:
        """Return the titles of the items of a feed."""
        feed = json.loads(self.filesystem.cat_file(f"{self.feeds}/{slug}/feed.json"))
        return [item["title"] for item in feed["items"]]


def run_command(buckets: BucketSite, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the program on a site in buckets."""
    return subprocess.run(
        [sys.executable, "-m", "aggregator", words[0], "--config", "config/feeds.yaml", *words[1:]], cwd=buckets.site.root,
        env={**os.environ, **buckets.store.environment, "PYTHONPATH": str(Path(aggregator.__file__).parents[1]), **environment},
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
