"""Record the metrics of a machine under load, one row per second.

    python record_server_metrics.py ordinary --seconds 1800
    python record_server_metrics.py incidents --seconds 900

"ordinary" is a mixed workload: requests at a varying rate, a cache that fills and is
cleared, and jobs that sort, compile and back up. "incidents" is the same workload with
other random numbers, and with three misbehaving processes one after the other; the
column ``incident`` names the one that is running. The script writes
server_metrics_ordinary.csv.gz or server_metrics_incidents.csv.gz to its own folder. The
files in this folder were recorded on a Linux virtual machine with two cores; during the
first recording somebody occasionally worked on it. Needs psutil.
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

# Start and end of each incident, as fractions of the recording.
INCIDENTS = {
    "runaway loop": (0.20, 0.30),
    "memory leak": (0.45, 0.58),
    "disk writer": (0.75, 0.85),
}


# --- Normal workload: one process each, for the whole recording.


def serve_requests(seed: int, folder: str) -> None:
    """Handle short requests, five times as many at peak load as at low load."""
    rng = random.Random(seed)
    page = rng.randbytes(200_000)
    while True:
        busy = 0.6 - 0.4 * math.cos(time.monotonic() / 48)
        time.sleep(rng.expovariate(150 * busy))
        hashlib.sha256(zlib.compress(page, 1)).hexdigest()


def keep_cache(seed: int, folder: str) -> None:
    """Allocate memory with use, and free it when there is too much."""
    rng = random.Random(seed)
    cache: list[bytes] = []
    while True:
        time.sleep(rng.uniform(0.5, 1.5))
        cache.append(rng.randbytes(3 * MEGABYTE))
        if len(cache) > rng.randint(90, 130):
            cache.clear()


def write_log(seed: int, folder: str) -> None:
    """Write small amounts to the disk all the time."""
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
    """Run jobs one after the other in random order: sort, compile, back up, read."""
    rng = random.Random(seed)
    while True:
        time.sleep(rng.uniform(5, 15))
        rng.choice([sort_records, compile_sources, back_up, read_report])(rng, folder)


def sort_records(rng: random.Random, folder: str) -> None:
    """Use one core for some seconds, and some hundred megabytes meanwhile."""
    for _ in range(rng.randint(1, 6)):
        sorted(rng.random() for _ in range(2_000_000))


def compile_sources(rng: random.Random, folder: str) -> None:
    """Use one core for some seconds, and read and write many small files."""
    packages = ["asyncio", "email", "unittest", "multiprocessing", "xml", "ctypes"]
    with tempfile.TemporaryDirectory(dir=folder) as target:
        sys.pycache_prefix = target
        for package in rng.sample(packages, 4):
            path = Path(sysconfig.get_path("stdlib"), package)
            compileall.compile_dir(path, quiet=2, force=True)


def back_up(rng: random.Random, folder: str) -> None:
    """Write for some seconds, then read the file again."""
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
    """Read the last backup again, if there is one."""
    path = Path(folder, "backup")
    if path.exists():
        read_uncached(path)


def read_uncached(path: Path) -> None:
    """Read a file from the disk, not from the page cache."""
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while block := file.read(MEGABYTE):
            zlib.crc32(block)
            time.sleep(0.01)


# --- Incidents: one process each, for the duration of the incident.


def runaway_loop(folder: str) -> None:
    """Run an endless loop on one core."""
    while True:
        pass


def memory_leak(folder: str) -> None:
    """Allocate 15 megabytes per second and never free them."""
    leaked = []
    while True:
        leaked.append(os.urandom(3 * MEGABYTE))
        time.sleep(0.2)


def disk_writer(folder: str) -> None:
    """Write about 40 megabytes per second."""
    block = os.urandom(MEGABYTE)
    with open(Path(folder, "core"), "wb") as file:
        while True:
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
            if file.tell() > 500 * MEGABYTE:
                file.seek(0)
            time.sleep(0.02)


# --- Recording.


def counters() -> dict:
    """Return the megabytes read and written since the machine was started."""
    disk = psutil.disk_io_counters()
    return {"read": disk.read_bytes / MEGABYTE, "written": disk.write_bytes / MEGABYTE}


def record(seconds: int, incidents: dict, folder: str) -> pd.DataFrame:
    """Record one row per second, and run each incident at its time."""
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
