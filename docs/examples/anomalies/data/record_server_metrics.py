"""Record what a machine reports of itself, once a second, while it has work to do.

    python record_server_metrics.py ordinary --seconds 1800
    python record_server_metrics.py incidents --seconds 900

"ordinary" is a mixed workload: requests that come and go, a cache that fills and is
cleared, and jobs that sort, compile and back up. "incidents" is the same workload
(with other random numbers), and three processes that misbehave, one after the other:
the column ``incident`` says which of them runs. server_metrics_ordinary.csv.gz and
server_metrics_incidents.csv.gz are written beside this script. Those here were recorded
on a virtual machine of two cores with Linux; in the first one somebody was working at
it now and then. Needs psutil.
"""

import argparse
import compileall
import hashlib
import math
import multiprocessing
import os
import random
import sys
import sysconfig
import tempfile
import time
import zlib
from pathlib import Path

import pandas as pd
import psutil

HERE = Path(__file__).parent
MEGABYTE = 1 << 20

# The share of the recording at which an incident begins and ends.
INCIDENTS = {
    "runaway loop": (0.20, 0.30),
    "memory leak": (0.45, 0.58),
    "disk writer": (0.75, 0.85),
}


# --- The ordinary workload: one process each, for as long as the recording takes.


def serve_requests(seed: int, folder: str) -> None:
    """Short pieces of work, five times as many at the busy time as at the quiet one."""
    rng = random.Random(seed)
    page = rng.randbytes(200_000)
    while True:
        busy = 0.6 - 0.4 * math.cos(time.monotonic() / 48)
        time.sleep(rng.expovariate(150 * busy))
        hashlib.sha256(zlib.compress(page, 1)).hexdigest()


def keep_cache(seed: int, folder: str) -> None:
    """Memory that grows with use, and is cleared when there is too much of it."""
    rng = random.Random(seed)
    cache: list[bytes] = []
    while True:
        time.sleep(rng.uniform(0.5, 1.5))
        cache.append(rng.randbytes(3 * MEGABYTE))
        if len(cache) > rng.randint(90, 130):
            cache.clear()


def write_log(seed: int, folder: str) -> None:
    """A little to the disk all the time."""
    rng = random.Random(seed)
    with open(Path(folder, "log"), "wb") as log:
        while True:
            time.sleep(rng.uniform(0.3, 0.7))
            log.write(rng.randbytes(rng.randint(50_000, 400_000)))
            log.flush()
            os.fsync(log.fileno())
            if log.tell() > 100 * MEGABYTE:
                log.seek(0)


def run_jobs(seed: int, folder: str) -> None:
    """One after the other, in random order: sort, compile, back up, report."""
    rng = random.Random(seed)
    while True:
        time.sleep(rng.uniform(5, 15))
        rng.choice([sort_records, compile_sources, back_up, read_report])(rng, folder)


def sort_records(rng: random.Random, folder: str) -> None:
    """Some seconds of one core, and some hundred megabytes for so long."""
    for _ in range(rng.randint(1, 6)):
        sorted(rng.random() for _ in range(2_000_000))


def compile_sources(rng: random.Random, folder: str) -> None:
    """Some seconds of one core, many small files read and written."""
    packages = ["asyncio", "email", "unittest", "multiprocessing", "xml", "ctypes"]
    with tempfile.TemporaryDirectory(dir=folder) as target:
        sys.pycache_prefix = target
        for package in rng.sample(packages, 4):
            path = Path(sysconfig.get_path("stdlib"), package)
            compileall.compile_dir(path, quiet=2, force=True)


def back_up(rng: random.Random, folder: str) -> None:
    """Some seconds of writing, and what was written is read again."""
    path = Path(folder, "backup")
    n_megabytes = rng.randint(60, 250)
    block = rng.randbytes(MEGABYTE)
    with open(path, "wb") as file:
        for _ in range(n_megabytes):
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
            time.sleep(0.02)
    read_uncached(path)


def read_report(rng: random.Random, folder: str) -> None:
    """The last backup is read once more, if there is one."""
    path = Path(folder, "backup")
    if path.exists():
        read_uncached(path)


def read_uncached(path: Path) -> None:
    """Read a file from the disk, whatever memory still holds of it."""
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while block := file.read(MEGABYTE):
            zlib.crc32(block)
            time.sleep(0.01)


# --- The incidents: one process, for as long as the incident takes.


def runaway_loop(folder: str) -> None:
    """A loop without an end: a whole core."""
    while True:
        pass


def memory_leak(folder: str) -> None:
    """What is allocated is never given back: 15 megabytes a second."""
    leaked = []
    while True:
        leaked.append(os.urandom(3 * MEGABYTE))
        time.sleep(0.2)


def disk_writer(folder: str) -> None:
    """A process that writes and writes: some 40 megabytes a second."""
    block = os.urandom(MEGABYTE)
    with open(Path(folder, "core"), "wb") as file:
        while True:
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
            if file.tell() > 500 * MEGABYTE:
                file.seek(0)
            time.sleep(0.02)


# --- The recording.


def counters() -> dict:
    """Megabytes that went to and came from the disk since the machine started."""
    disk = psutil.disk_io_counters()
    return {"read": disk.read_bytes / MEGABYTE, "written": disk.write_bytes / MEGABYTE}


def record(seconds: int, incidents: dict, folder: str) -> pd.DataFrame:
    """One row a second, and the incidents at their time."""
    running: dict = {}
    rows = []
    psutil.cpu_percent()
    last = counters()
    start = time.monotonic()
    for second in range(1, seconds + 1):
        for name, (first, end) in incidents.items():
            due = first * seconds <= second < end * seconds
            if due and name not in running:
                target = globals()[name.replace(" ", "_")]
                running[name] = multiprocessing.Process(target=target, args=(folder,))
                running[name].start()
            elif not due and name in running:
                running.pop(name).kill()
        time.sleep(max(0.0, start + second - time.monotonic()))
        now = counters()
        rows.append(
            {
                "cpu_percent": round(psutil.cpu_percent(), 1),
                "memory_mb": round(psutil.virtual_memory().used / MEGABYTE, 1),
                "disk_read_mb": round(now["read"] - last["read"], 2),
                "disk_write_mb": round(now["written"] - last["written"], 2),
                "incident": next(iter(running), ""),
            }
        )
        last = now
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["ordinary", "incidents"])
    parser.add_argument("--seconds", type=int, default=1800)
    arguments = parser.parse_args()
    incidents = INCIDENTS if arguments.kind == "incidents" else {}
    workload = [serve_requests, keep_cache, write_log, run_jobs]
    with tempfile.TemporaryDirectory() as folder:
        processes = [
            multiprocessing.Process(
                target=work, args=(len(arguments.kind) + i, folder), daemon=True
            )
            for i, work in enumerate(workload)
        ]
        for process in processes:
            process.start()
        time.sleep(5)
        rows = record(arguments.seconds, incidents, folder)
        for process in processes:
            process.kill()
            process.join()
    if not incidents:
        del rows["incident"]
    path = HERE / f"server_metrics_{arguments.kind}.csv.gz"
    rows.to_csv(path, index=False)


if __name__ == "__main__":
    main()
