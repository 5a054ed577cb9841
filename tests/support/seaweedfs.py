"""SeaweedFS with its S3 gateway on 127.0.0.1, with methods to change and read buckets.

The gateway requires credentials, except for reading one bucket, `public`: what a plain HTTP client gets there is
what a CDN would.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from support.needed_tools import skip_missing

KEY, SECRET = "the-key-of-the-tests", "the-secret-of-the-tests"
ACCOUNTS = {
    "identities": [
        {
            "name": "writer",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        },
        {"name": "anonymous", "actions": ["Read:public", "List:public"]},
    ]
}
SERVICES = ("master", "volume", "filer", "s3")


class SeaweedFS:
    """An object store in `folder`; it can be started and stopped at the same address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._ports = dict(zip(SERVICES, _free_ports(len(SERVICES)), strict=True))
        self._grpc = dict(zip(SERVICES, _free_ports(len(SERVICES)), strict=True))
        self.url = f"http://127.0.0.1:{self._ports['s3']}"
        self.environment = {
            "AWS_ENDPOINT_URL_S3": self.url, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
            # The libraries of stores are large: without compiled modules each process takes seconds to start.
            "PYTHONDONTWRITEBYTECODE": "",
        }  # fmt: skip
        (folder / "data").mkdir(parents=True)
        (folder / "s3.json").write_text(json.dumps(ACCOUNTS))

    def start(self) -> None:
        """Start it and wait until it answers."""
        data = self._folder / "data"
        ports = [f"-{name}.port={port}" for name, port in self._ports.items()]
        grpc = [f"-{name}.port.grpc={port}" for name, port in self._grpc.items()]
        sockets = [f"-{name}.localSocket={self._folder}/{name}.sock" for name in ("filer", "s3")]
        words = [
            _weed(), "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *ports, *grpc, *sockets,
            "-filer", "-s3", f"-s3.config={self._folder}/s3.json", "-s3.port.iceberg=0", "-s3.port.lance=0",
            "-s3.autoCreateBucket=false",
            "-master.telemetry=false", "-master.volumeSizeLimitMB=256", "-volume.max=100", "-volume.preStopSeconds=0",
        ]  # fmt: skip
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log, cwd=self._folder)
        ends = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, f"weed ended: {(self._folder / 'log').read_text()[-2_000:]}"
            assert time.monotonic() < ends, f"weed does not answer: {(self._folder / 'log').read_text()[-2_000:]}"
            time.sleep(0.05)

    def stop(self) -> None:
        """Kill it, if it runs."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _answers(self) -> bool:
        """Return whether a bucket can be created: the gateway answers before it can store data."""
        with suppress(Exception):  # of several libraries
            with suppress(FileExistsError):
                self.make_buckets("started")
            self.filesystem().pipe_file("started/here", b"yes")
            return True
        return False

    def filesystem(self) -> Any:
        """Return an fsspec filesystem with the owner's credentials."""
        s3fs = _package()
        return s3fs.S3FileSystem(
            key=KEY,
            secret=SECRET,
            endpoint_url=self.url,
            use_listings_cache=False,
            client_kwargs={"region_name": "us-east-1"},
        )

    def make_buckets(self, *buckets: str) -> None:
        """Create buckets."""
        for name in buckets:
            self.filesystem().mkdir(name)

    def get(self, name: str, method: str = "GET") -> HTTPResponse:
        """Request an object without credentials, by plain HTTP; the body is read."""
        connection = HTTPConnection("127.0.0.1", self._ports["s3"], timeout=10)
        connection.request(method, f"/{name}")
        answer = connection.getresponse()
        answer.body = answer.read()  # type: ignore[attr-defined]
        connection.close()
        return answer


def _package() -> Any:
    try:
        import s3fs
    except ModuleNotFoundError:
        skip_missing("the package s3fs (`uv sync --all-groups`)")
    return s3fs


def _weed() -> str:
    beside = os.path.join(os.path.dirname(sys.executable), "weed")
    return (
        beside
        if os.path.exists(beside)
        else shutil.which("weed") or skip_missing("the program weed (`uv sync --all-groups`)")
    )


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def running_store(folder: Path) -> Iterator[SeaweedFS]:
    """Yield a running store."""
    store = SeaweedFS(folder)
    store.start()
    try:
        yield store
    finally:
        store.stop()
