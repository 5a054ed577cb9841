"""A Dask cluster as an executor.

Talks to the scheduler; for `local:N` it starts processes. It sends any function with its arguments, and gets bytes
back. Dask is imported only when a cluster is used.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import time
import warnings
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from aggregator.model.errors import AggregatorError, ClusterError

if TYPE_CHECKING:
    from distributed import Client

SHAPE = re.compile(r"local:(?P<workers>[1-9][0-9]{0,2})|(tcp|tls)://([^\s/:\[\]]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}")

ALIKE = ("aggregator-feeds", "dask", "distributed", "idna", "lxml", "msgspec", "nh3", "pyyaml", "regex", "yaml-rs")
"""The packages whose versions must be the same everywhere: they decide what is rendered, or how it is sent."""

PATIENCE = 5.0
"""How long, in seconds, a scheduler may take to answer, and its first worker to join."""

LEAST_AHEAD, AHEAD_OF_A_THREAD = 32, 3
"""How many tasks may be under way: at least so many (workers may join later), and so many for each thread."""

ALONE = 60.0
"""How long, in seconds, work waits if no worker is left."""

CLOSE_TIMEOUT = 5.0

_IGNORE_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""What a process of a local cluster runs first: a terminal sends Ctrl-C to all processes, and this one ends them."""

Versions = Mapping[str, str | None]


def is_address(text: str) -> bool:
    """Return whether `text` is the address of a cluster: `tcp://host:port`, `tls://host:port` or `local:N`."""
    return SHAPE.fullmatch(text) is not None


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """Return an executor on the cluster at `address`, or on N processes of this machine for `local:N`.

    Raises:
        ClusterError: if it cannot be used, or its machines have other versions than this one.
    """
    if not is_address(address):
        raise ClusterError(f"{address}: is not a cluster address (write tcp://host:port, or local:4 for 4 processes)")
    try:
        from distributed import Client  # noqa: PLC0415 - 0.7 s, and only builds on a cluster need it
    except ModuleNotFoundError as error:
        raise ClusterError("--cluster needs the extra `cluster`: run pip install '.[cluster]' in the clone") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # we report errors ourselves
    with ExitStack() as held, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # we report other versions ourselves
        started = _started(held, address)
        _require_scheduler(started, address)
        try:
            client = Client(started, timeout=PATIENCE, set_as_default=False, direct_to_workers=True, name="aggregator")
        except OSError as error:
            raise ClusterError(f"{address}: no scheduler answers there (start it: dask scheduler)") from error
        held.callback(_end, client)
        threads = _require_workers(client, address)
        executor = _ClusterExecutor(client, address, threads)
        held.callback(executor.stop)
        yield executor


def _started(held: ExitStack, address: str) -> str:
    """Start the processes of a local cluster, if `address` means one; returns the address of the scheduler."""
    local = SHAPE.fullmatch(address)
    if local is None or not local["workers"]:
        return address
    import dask  # noqa: PLC0415 - as above
    from distributed import LocalCluster  # noqa: PLC0415

    # One task at a time for each process, so that a process that dies blames only one task.
    held.enter_context(dask.config.set({"distributed.scheduler.worker-saturation": 1.0}))
    try:
        started = LocalCluster(
            n_workers=int(local["workers"]), threads_per_worker=1, processes=True, host="127.0.0.1",
            dashboard_address=None, memory_limit=None, silence_logs=logging.CRITICAL, preload=_IGNORE_CTRL_C,
        )  # fmt: skip
    except (OSError, RuntimeError) as error:
        raise ClusterError(f"{address}: its processes cannot be started: {error}") from error
    held.callback(_end, started)
    return str(started.scheduler_address)


def _end(one: Any) -> None:
    """End a client or a local cluster without waiting for long: its processes end with this one anyway."""
    with suppress(TimeoutError, OSError):
        one.close(timeout=CLOSE_TIMEOUT)


# -- the same versions as here


def _require_scheduler(where: str, address: str) -> None:
    """Check that a scheduler answers there: a client waits forever for anything else, such as Dask's own dashboard.

    Raises:
        ClusterError: if nothing answers, or no scheduler.
    """
    from distributed import Security, rpc  # noqa: PLC0415 - loaded by now

    try:
        settings = Security().get_connection_args("client")
    except OSError as error:
        raise ClusterError(f"{address}: the files that Dask's settings name for TLS cannot be used: {error}") from error

    async def ask() -> object:
        async with rpc(where, connection_args=settings) as scheduler:
            return (await asyncio.wait_for(scheduler.identity(), PATIENCE))["type"]

    try:
        with ThreadPoolExecutor(1) as thread:  # the caller may run an event loop of its own
            if thread.submit(asyncio.run, ask()).result() == "Scheduler":
                return
    except (RuntimeError, TypeError) as error:
        raise ClusterError(f"{address}: Dask's settings for TLS do not fit this address: {error}") from error
    except OSError as error:
        raise ClusterError(f"{address}: no scheduler answers there (start it: dask scheduler)") from error
    raise ClusterError(f"{address}: another program than a scheduler answers there (a scheduler prints its address)")


def _require_workers(client: Client, address: str) -> int:
    """Return how many threads the workers have.

    Raises:
        ClusterError: if there is no worker, or one has other versions than this machine.
    """
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        raise ClusterError(f"{address}: no worker has joined it (start some: dask worker {address})") from error
    own, found = _own_versions(), client.get_versions(packages=ALIKE)
    for who, answer in (("the scheduler", found["scheduler"]), *sorted(found["workers"].items())):
        if problem := _difference(own, answer["packages"]):
            raise ClusterError(f"{address}: {who} cannot be used: {problem}")
    return sum(client.nthreads().values())


@cache
def _own_versions() -> dict[str, str | None]:
    return {"python": ".".join(map(str, sys.version_info)), **{name: _version(name) for name in ALIKE}}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _difference(wanted: Versions, found: Versions) -> str:
    """Return a message on the first version in `found` that differs from `wanted`, "" if none does."""
    for name, version in wanted.items():
        ours, theirs = version, found.get(name)
        if name == "python":  # 3.11.9.final.0: any 3.11 will do
            ours, theirs = (".".join(str(one).split(".")[:2]) for one in (ours, theirs))
        if theirs is None and ours is not None:
            return f"{name} is not installed there (pip install '{name}=={ours}')"
        if theirs != ours:
            return f"it has {name} {theirs}, this machine {ours} (install the same there)"
    return ""


# -- work


class _ClusterExecutor(Executor):
    """Runs work on a cluster's workers; `ahead` is how many tasks may be under way at once.

    Dask runs on its own thread, so that Ctrl-C interrupts the caller and not Dask's housekeeping.
    """

    def __init__(self, client: Client, address: str, threads: int) -> None:
        self.ahead = max(LEAST_AHEAD, AHEAD_OF_A_THREAD * threads)
        self._client, self._address = client, address
        self._own = _own_versions()
        self._alone = False
        self._under_way: set[Any] = set()
        self._watching = self._schedule(self._watch())

    def submit(self, function: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        """Call `function` with `args` on a worker; if the cluster fails, the future raises `AggregatorError`."""
        return self._schedule(self._answer(function, args))

    def stop(self) -> None:
        """Stop watching the cluster; work under way ends with the client."""
        self._watching.cancel()

    def _schedule(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._client.loop.asyncio_loop)

    async def _answer(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        from distributed import CancelledError, KilledWorker  # noqa: PLC0415 - loaded by now
        from distributed.comm import CommClosedError  # noqa: PLC0415 - as above

        coming = self._client.submit(_call, self._own, function, *args, pure=False)
        self._under_way.add(coming)
        try:
            return await coming
        except KilledWorker as error:
            what = getattr(args[0], "name", "a batch of pages")
            raise AggregatorError(
                f"{what}: {error.allowed_failures + 1} workers ended while they worked on this, one after the other"
                " (their logs say more; it may be that their memory is too small)"
            ) from error
        except (CancelledError, CommClosedError) as error:  # reported by Dask, or raised while an answer was on its way
            what = "no worker is left" if self._alone else "the scheduler ended"
            raise AggregatorError(f"{self._address}: {what} (start it again, and build again)") from error
        finally:
            self._under_way.discard(coming)

    async def _watch(self) -> None:
        """Cancel all work if no worker is left for it."""
        seen = time.monotonic()
        while time.monotonic() - seen < ALONE:
            await asyncio.sleep(1)
            if await self._client.nthreads():
                seen = time.monotonic()
        self._alone = True
        await self._client.cancel(list(self._under_way))


def _call(wanted: Versions, function: Callable[..., bytes], *args: object) -> bytes:
    """Call a function on a worker; one that joined late may have other versions than those that were checked."""
    from distributed import get_worker  # noqa: PLC0415 - on a worker alone

    problem = _difference(wanted, _own_versions())
    if not problem:
        try:
            return function(*args)
        except AggregatorError as error:
            problem = str(error)
    raise AggregatorError(f"worker {get_worker().address}: {problem}")
