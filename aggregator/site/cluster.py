"""A Dask cluster as an executor: an address in, something that runs work on its workers out.

Talks to the scheduler, for `local:N` starts processes. What the cluster is to do is its caller's business: any function
with its arguments goes out, bytes come back. Nothing of Dask is imported before a cluster is asked for.
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

ALIKE = ("aggregator", "dask", "distributed", "idna", "lxml", "msgspec", "nh3", "pyyaml", "regex", "yaml-rs")
"""The packages whose versions must be the same everywhere: they decide what bytes come out, or how we talk."""

PATIENCE = 5.0
"""How long, in seconds, a scheduler may take to answer, and its first worker to join."""

LEAST_AHEAD, AHEAD_OF_A_THREAD = 32, 3
"""How many pieces of work may be under way: so many for each thread, and no fewer, for workers that join later."""

ALONE = 60.0
"""How long, in seconds, work waits where no worker is left."""

LAST_WORDS = 5.0

_HEED_NO_INTERRUPT = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""What a process of ours does first: a terminal tells Ctrl-C to all of them, and it is this one that ends others."""

Versions = Mapping[str, str | None]


def is_address(text: str) -> bool:
    """Say whether `text` names a cluster: `tcp://host:port`, `tls://host:port` or `local:N`."""
    return SHAPE.fullmatch(text) is not None


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """Give what runs work on the cluster at `address`, or on N processes of this machine for `local:N`.

    Raises:
        ClusterError: where it cannot be had, or its machines are not like this one.
    """
    if not is_address(address):
        raise ClusterError(f"{address}: names no cluster (write tcp://host:port, or local:4 for 4 processes)")
    try:
        from distributed import Client  # noqa: PLC0415 - 0.7 s, and only who asks for a cluster has it
    except ModuleNotFoundError as error:
        raise ClusterError("--cluster needs the extra `cluster`: run pip install '.[cluster]' in the clone") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is told by us
    with ExitStack() as held, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # unlike versions are told by us
        started = _started(held, address)
        _insist_on_scheduler(started, address)
        try:
            client = Client(started, timeout=PATIENCE, set_as_default=False, direct_to_workers=True, name="aggregator")
        except OSError as error:
            raise ClusterError(f"{address}: no scheduler answers there (start it: dask scheduler)") from error
        held.callback(_end, client)
        threads = _insist_on_workers(client, address)
        executor = _ClusterExecutor(client, address, threads)
        held.callback(executor.stop)
        yield executor


def _started(held: ExitStack, address: str) -> str:
    """Start the processes of a local cluster; gives where its scheduler is."""
    local = SHAPE.fullmatch(address)
    if local is None or not local["workers"]:
        return address
    import dask  # noqa: PLC0415 - as above
    from distributed import LocalCluster  # noqa: PLC0415

    # One task at a time for each process, so that only the one that ends it is under suspicion.
    held.enter_context(dask.config.set({"distributed.scheduler.worker-saturation": 1.0}))
    try:
        started = LocalCluster(
            n_workers=int(local["workers"]), threads_per_worker=1, processes=True, host="127.0.0.1",
            dashboard_address=None, memory_limit=None, silence_logs=logging.CRITICAL, preload=_HEED_NO_INTERRUPT,
        )  # fmt: skip
    except (OSError, RuntimeError) as error:
        raise ClusterError(f"{address}: its processes cannot be started: {error}") from error
    held.callback(_end, started)
    return str(started.scheduler_address)


def _end(one: Any) -> None:
    """End a client or a cluster of ours, within a moment: its processes end with this one in any case."""
    with suppress(TimeoutError, OSError):
        one.close(timeout=LAST_WORDS)


# -- like this machine


def _insist_on_scheduler(where: str, address: str) -> None:
    """Ask who answers there: a client waits without end for one that talks otherwise, such as Dask's own dashboard.

    Raises:
        ClusterError: where nobody does, or not as a scheduler.
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
        with ThreadPoolExecutor(1) as thread:  # whoever calls us may have a loop of its own
            if thread.submit(asyncio.run, ask()).result() == "Scheduler":
                return
    except (RuntimeError, TypeError) as error:
        raise ClusterError(f"{address}: Dask's settings for TLS do not fit it: {error}") from error
    except OSError as error:
        raise ClusterError(f"{address}: no scheduler answers there (start it: dask scheduler)") from error
    raise ClusterError(f"{address}: who answers there is no scheduler (it says its address when it starts)")


def _insist_on_workers(client: Client, address: str) -> int:
    """Give how many threads the workers have.

    Raises:
        ClusterError: where there is none, or one is not like this machine.
    """
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        raise ClusterError(f"{address}: no worker has joined it (start some: dask worker {address})") from error
    own, found = _own_versions(), client.get_versions(packages=ALIKE)
    for who, told in (("the scheduler", found["scheduler"]), *sorted(found["workers"].items())):
        if problem := _difference(own, told["packages"]):
            raise ClusterError(f"{address}: {who} cannot help: {problem}")
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
    """Say how a machine with the versions `found` differs from one with those `wanted`, "" where it does not."""
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
    """Runs work on a cluster's workers; `ahead` says how much of it may be under way at once.

    All that is Dask's happens on its own thread, so that Ctrl-C meets the caller and not its housekeeping.
    """

    def __init__(self, client: Client, address: str, threads: int) -> None:
        self.ahead = max(LEAST_AHEAD, AHEAD_OF_A_THREAD * threads)
        self._client, self._address = client, address
        self._own = _own_versions()
        self._alone = False
        self._under_way: set[Any] = set()
        self._watching = self._soon(self._watch())

    def submit(self, function: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        """Have a worker call `function` with `args`; where the cluster fails the answer is an `AggregatorError`."""
        return self._soon(self._answer(function, args))

    def stop(self) -> None:
        """Watch over it no more; what is under way ends with the client."""
        self._watching.cancel()

    def _soon(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
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
        except (CancelledError, CommClosedError) as error:  # told by Dask, or met while an answer was on its way
            what = "no worker is left" if self._alone else "the scheduler ended"
            raise AggregatorError(f"{self._address}: {what} (start it again, and build again)") from error
        finally:
            self._under_way.discard(coming)

    async def _watch(self) -> None:
        """Give up all work where no worker is left that could do it."""
        seen = time.monotonic()
        while time.monotonic() - seen < ALONE:
            await asyncio.sleep(1)
            if await self._client.nthreads():
                seen = time.monotonic()
        self._alone = True
        await self._client.cancel(list(self._under_way))


def _call(wanted: Versions, function: Callable[..., bytes], *args: object) -> bytes:
    """Do a piece of work, on a worker; one that joined late may be of another kind than those that were looked at."""
    from distributed import get_worker  # noqa: PLC0415 - on a worker alone

    problem = _difference(wanted, _own_versions())
    if not problem:
        try:
            return function(*args)
        except AggregatorError as error:
            problem = str(error)
    raise AggregatorError(f"worker {get_worker().address}: {problem}")
