"""Compare requests per second with nginx: `python tests/benchmarks/serving.py [RUNS] [SECONDS]`.

Makes a site whose feed has some 40 KB in a temporary folder, serves it with `aggregator serve` and with nginx (all
cores, sendfile, gzip_static, open_file_cache), and asks both in turn with wrk, in the same run: plain, gzip and a
conditional request that is answered 304. Prints a Markdown table: medians, their ratio, and what a request costs each
server in microseconds of a processor. Needs `nginx` and `wrk`.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import results  # noqa: E402
from support.running_daemon import children_of, free_port  # noqa: E402 - found by the line above
from support.site_folder import SiteFolder  # noqa: E402

CLIENTS = 64
PATH = "/all/rss.xml"
NGINX = """
daemon off; master_process on; worker_processes auto; pid {root}/nginx.pid; error_log stderr crit; {user}
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; gzip_static on; etag on; keepalive_requests 100000000;
  open_file_cache max=1000 inactive=60s; open_file_cache_valid 1s;
  types {{ application/rss+xml xml; }}
  {temporary}
  server {{ listen 127.0.0.1:{port} backlog=1024; root {root}/feeds; }}
}}
"""


class Load(NamedTuple):
    """The result of a run of wrk: requests per second, and processor microseconds for each."""

    rate: float
    cost: float


def make(root: Path) -> None:
    """Write seeds and build: a feed of 50 items, some 40 KB."""
    site = SiteFolder(root)
    for number in range(50):
        site.write(f"{number}.md", f"Some words of the body of item {number}. " * 6)
    site.build()


@contextmanager
def ours(root: Path, port: int) -> Iterator[int]:
    """Serve with `aggregator serve`; yield the process id."""
    (root / "config/serve.yaml").write_text(
        f"site: {{title: Test, url: 'https://feeds.example.org/'}}\nseeds: ../seeds\nfeeds: ../feeds\nstate: ../state\n"
        f"server: {{port: {port}}}\n"
    )
    words = [sys.executable, "-m", "aggregator", "serve", "--config", "config/serve.yaml"]
    with running(words, root, port) as pid:
        yield pid


@contextmanager
def nginx(root: Path, port: int) -> Iterator[int]:
    """Serve with nginx; yield the process id of its master."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {root}/nginx-{kind};" for kind in kinds)
    user = "user root;" if os.geteuid() == 0 else ""
    (root / "nginx.conf").write_text(NGINX.format(root=root, port=port, user=user, temporary=temporary))
    with running(
        [shutil.which("nginx") or "nginx", "-p", str(root), "-c", str(root / "nginx.conf")], root, port
    ) as pid:
        yield pid


@contextmanager
def running(words: list[str], root: Path, port: int) -> Iterator[int]:
    """Run a server until the end of the block; yield its process id once it listens."""
    process = subprocess.Popen(words, cwd=root, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
    try:
        while not is_listening(port):
            if process.poll() is not None:
                raise SystemExit(f"{words[0]} ended with {process.returncode}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def head(port: int, **headers: str) -> http.client.HTTPResponse:
    """Return the feed's response headers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("HEAD", PATH, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def kinds(port: int) -> dict[str, dict[str, str]]:
    """Return the request headers of each kind; assert that this server responds as expected."""
    etag = head(port).headers["etag"]
    found = {"plain": {}, "gzip": {"Accept-Encoding": "gzip"}, "304": {"If-None-Match": etag}}
    assert head(port, **found["gzip"]).headers["content-encoding"] == "gzip"
    assert head(port, **found["304"]).status == 304
    return found


def processor_seconds(pid: int) -> float:
    """Return the processor seconds that a server's processes have used so far."""
    ticks = 0
    for one in (pid, *children_of(pid)):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def load(port: int, pid: int, headers: dict[str, str], seconds: int) -> Load:
    """Send requests for `seconds` with wrk.

    Raises:
        SystemExit: where an answer was an error.
    """
    options = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    words = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", *options, f"http://127.0.0.1:{port}{PATH}"]
    before = processor_seconds(pid)
    output = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    used = processor_seconds(pid) - before
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(output)
    requests = int(re.search(r"(\d+) requests in", output)[1])  # type: ignore[index]
    return Load(float(re.search(r"Requests/sec:\s*([\d.]+)", output)[1]), used / requests * 1e6)  # type: ignore[index]


def median(loads: list[Load]) -> Load:
    return Load(statistics.median(one.rate for one in loads), statistics.median(one.cost for one in loads))


def measure(runs: int, seconds: int) -> tuple[str, list[results.Row]]:
    """Measure both in turn; return a description of the measurement and a row for each kind of request."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        make(root)
        size, small = ((root / f"feeds{PATH}{suffix}").stat().st_size for suffix in ("", ".gz"))
        first, second = free_port(), free_port()
        with ours(root, first) as one, nginx(root, second) as other:
            mine, theirs = kinds(first), kinds(second)
            found: dict[tuple[str, str], list[Load]] = {}
            for _ in range(runs):
                for kind in mine:
                    found.setdefault((kind, "ours"), []).append(load(first, one, mine[kind], seconds))
                    found.setdefault((kind, "nginx"), []).append(load(second, other, theirs[kind], seconds))
    asked = f"A feed of {size:,} bytes ({small:,} as gzip), {CLIENTS} connections, medians of {runs} × {seconds} s"
    rows = [
        {"answer": kind, "ours": median(found[kind, "ours"])._asdict(), "nginx": median(found[kind, "nginx"])._asdict()}
        for kind in mine
    ]
    return asked, rows


def table(rows: list[results.Row]) -> str:
    """Return the rows as a Markdown table."""
    cells = []
    for row in rows:
        a, b = Load(**row["ours"]), Load(**row["nginx"])
        rates = [f"{a.rate:,.0f}", f"{b.rate:,.0f}", f"{a.rate / b.rate:.2f}"]
        cells.append([row["answer"], *rates, f"{a.cost:.1f}", f"{b.cost:.1f}", f"{a.cost / b.cost:.2f}"])
    heads = ("answer", "requests/s", "nginx", "ratio", "µs of a processor", "nginx", "ratio")
    return results.table(heads, cells)


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    asked, rows = measure(runs, seconds)
    print(f"{asked}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
