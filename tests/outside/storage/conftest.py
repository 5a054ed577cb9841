"""An object store for all tests of this folder, with separate prefixes for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bucket_site import BucketSite
from support.seaweedfs import SeaweedFS, running_store
from support.site_folder import SiteFolder


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """Yield a running object store with a bucket for seeds and a public one for feeds."""
    with running_store(tmp_path_factory.mktemp("seaweed")) as started:
        started.make_buckets("newsroom", "public")
        yield started


@pytest.fixture
def buckets(store: SeaweedFS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BucketSite:
    """Return a site in buckets; the environment leads to this store, as with AWS's own tools."""
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    return BucketSite(store, SiteFolder(tmp_path))
