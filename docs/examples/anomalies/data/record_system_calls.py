"""Record the system calls of ordinary programs, and of scripts that encrypt files.

    python record_system_calls.py

Writes system_calls.txt.gz to the folder of this script. The file in this folder was
recorded on a virtual machine with Linux (Debian 12). Needs strace, git and common
command-line programs.

Each recording creates a temporary folder, fills it with files of random words, runs one
command there under ``strace -f`` and deletes the folder. The encrypting scripts are
harmless: they are written to be detected, work only inside a temporary folder that this
script created and named (they refuse any other), on files that it generated, and access
no other folder and no network.

Each line of the file is a trace with four fields, separated by tabs:

- "train", "ordinary" (for testing) or "encrypting"
- the command; the commands of "train" also occur in "ordinary", with other files and
  arguments
- the names of the system calls of one process, in order. A command that starts others
  yields one trace per process, because the order of calls between concurrent processes
  is random. Traces longer than `LONGEST` are truncated; processes and threads with
  fewer calls than `SHORTEST` are left out.
- for encrypting scripts, the positions in the sequence at which files are lost, counted
  from 0: the first call that writes to, truncates, renames or removes the file. Empty
  for all other traces.
"""

import gzip
import json
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

HERE = Path(__file__).parent
# -S: no third-party packages, which differ from machine to machine.
PYTHON = [str(Path(sys.base_prefix, "bin", "python3")), "-S"]
PREFIX = "recorded-folder-"
SHORTEST, LONGEST = 50, 2000
WORDS = ["the", "river", "and", "house", "of", "stone", "winter", "error", "value"]

# Number of recordings per program: for training, for testing, and of new programs.
N_TRAIN, N_TEST, N_NEW = 15, 2, 3


# --- Files to work on.


class Folder:
    """A folder of generated files, with random choices of files and options."""

    def __init__(self, path: Path, rng: random.Random):
        self.path, self.rng = path, rng
        for folder in ("docs/old", "data", "logs", "src/lib", "pictures"):
            (path / folder).mkdir(parents=True)
        makers = {
            "txt": ("docs docs/old", self._text),
            "csv": ("data", self._table),
            "json": ("data", lambda: json.dumps(self._text().splitlines())),
            "log": ("logs", self._text),
            "py": ("src src/lib", lambda: f"NAME = {rng.randrange(99)}\n" * 20),
            "png": ("pictures", lambda: rng.randbytes(rng.randint(500, 20_000))),
        }
        self.files: dict[str, list[str]] = {}
        for suffix, (folders, make) in makers.items():
            names = []
            for i in range(rng.randint(3, 8)):
                name = f"{rng.choice(folders.split())}/{rng.choice(WORDS)}{i}.{suffix}"
                content = make()
                content = content.encode() if isinstance(content, str) else content
                (path / name).write_bytes(content)
                names.append(name)
            self.files[suffix] = names

    def _text(self) -> str:
        n_lines = self.rng.randint(3, 300)
        return "".join(
            " ".join(self.rng.choices(WORDS, k=self.rng.randint(3, 12))) + "\n"
            for _ in range(n_lines)
        )

    def _table(self) -> str:
        rows = range(self.rng.randint(5, 300))
        rng = self.rng
        return "".join(f"{i},{rng.choice(WORDS)},{rng.random():.3f}\n" for i in rows)

    def one(self, suffix: str) -> str:
        return self.rng.choice(self.files[suffix])

    def some(self, suffix: str) -> str:
        names = self.files[suffix]
        return " ".join(self.rng.sample(names, self.rng.randint(1, len(names))))

    def of(self, *options: str) -> str:
        return self.rng.choice(options)


# --- Ordinary programs. The text in quotes after ``sh -c`` is run by a shell.

TRAINING_PROGRAMS = {
    "ls": lambda f: f"ls {f.of('', '-l', '-la', '-R', '-lt')} {f.of('.', 'docs')}",
    "grep": lambda f: f"grep {f.of('-c', '-n', '-i')} {f.of(*WORDS)} {f.some('txt')}",
    "grep -r": lambda f: (
        f"grep -r{f.of('', 'l', 'n')} {f.of(*WORDS)} {f.of('.', 'src')}"
    ),
    "find": lambda f: f"find . {f.of('-type f', '-size +4k', '-name *.txt', '-empty')}",
    "tar -c": lambda f: f"tar -cf a.tar {f.of('docs', 'data logs', 'src', 'pictures')}",
    "tar -x": lambda f: "tar -xf a.tar",
    "gzip": lambda f: f"gzip {f.of('-k', '-9', '')} {f.one(f.of('txt', 'log'))}",
    "gunzip": lambda f: "gunzip a.tar.gz",
    "sort": lambda f: f"sort {f.of('', '-r', '-u')} {f.some('txt')}",
    "sort -o": lambda f: f"sort -t, -k{f.of('2', '3n')} {f.one('csv')} -o sorted.csv",
    "cat": lambda f: f"cat {f.of('', '-n')} {f.some('log')}",
    "cp": lambda f: f"cp {f.of('', '-p')} {f.one('csv')} copy.csv",
    "cp -r": lambda f: f"cp {f.of('-r', '-a')} {f.of('docs', 'src', 'data')} copies",
    "mv": lambda f: f"mv {f.one('log')} {f.of('docs', 'moved.log')}",
    "sed": lambda f: f"sed s/{f.of(*WORDS)}/{f.of(*WORDS)}/ {f.one('txt')}",
    "sed -i": lambda f: f"sed -i s/{f.of(*WORDS)}/x/ {f.one('txt')}",
    "awk": lambda f: f"awk -F, '{{s += $3}} END {{print s}}' {f.some('csv')}",
    "diff": lambda f: f"diff {f.of('', '-u')} {f.one('txt')} {f.one('txt')}",
    "cmp": lambda f: f"cmp {f.one('png')} {f.one('png')}",
    "wc": lambda f: f"wc {f.of('', '-l', '-w')} {f.some(f.of('txt', 'csv'))}",
    "head": lambda f: f"head -n {f.of('5', '20')} {f.some('log')}",
    "tail": lambda f: f"tail -n {f.of('5', '20')} {f.some('log')}",
    "du": lambda f: f"du {f.of('-s', '-a', '-h')} {f.of('.', 'docs')}",
    "sha256sum": lambda f: f"sha256sum {f.some('png')}",
    "split": lambda f: f"split -l {f.of('20', '50')} {f.one('txt')} part-",
    "mkdir": lambda f: f"mkdir -p new/{f.of('a', 'a/b', 'a/b/c')}",
    "sh pipe": lambda f: f"sh -c 'cut -d, -f2 {f.one('csv')} | sort | uniq -c'",
    "sh loop": lambda f: f"sh -c 'for i in {f.some('txt')}; do wc -w $i; done'",
    "git init": lambda f: "git init -q",
    "git add": lambda f: f"git add {f.of('.', 'docs', 'src data')}",
    "git commit": lambda f: "git commit -qm first",
    "git log": lambda f: f"git log {f.of('', '--stat', '--oneline')}",
    "git diff": lambda f: f"git diff {f.of('', '--stat')}",
    "git status": lambda f: f"git status {f.of('', '-s')}",
}
NEW_PROGRAMS = {
    "rm -r": lambda f: f"rm -r {f.of('docs', 'logs data', 'src')}",
    "find -delete": lambda f: f"find . -name *.{f.of('txt', 'log', 'csv')} -delete",
    "zip": lambda f: f"zip -rq a.zip {f.of('docs', 'src', 'data pictures')}",
    "xz": lambda f: f"xz {f.some('txt')}",
    "gzip many": lambda f: f"gzip {' '.join(f.files['txt'])}",
    "perl -i": lambda f: f"perl -pi -e s/the/this/ {f.some('txt')}",
    "sed -i many": lambda f: f"sed -i s/the/this/ {' '.join(f.files['txt'])}",
    "openssl enc": lambda f: (
        f"openssl enc -aes-256-cbc -pbkdf2 -k {f.of(*WORDS)} -in {f.one('txt')} -out a"
    ),
    "sqlite3": lambda f: "sqlite3 a.db 'create table t (a); insert into t values (1);'",
    "sh cp, rm": lambda f: (
        f"sh -c 'for i in {f.some('log')}; do cp $i $i.old; rm $i; done'"
    ),
    "sh backup": lambda f: (
        f"sh -c 'tar -cf a.tar {f.of('docs', 'src')} && gzip a.tar && rm -r logs'"
    ),
    "git gc": lambda f: "git gc -q",
    "git stash": lambda f: "git stash -q",
}

# Commands that are run before the recording.
REPOSITORY = "git init -q && git add . && git commit -qm first"
PREPARED = {
    "tar -x": "tar -cf a.tar docs data",
    "gunzip": "tar -czf a.tar.gz docs data",
    "git add": "git init -q",
    "git commit": "git init -q && git add .",
    "git log": REPOSITORY,
    "git diff": f"{REPOSITORY} && date >> logs/new.log && git add -N .",
    "git status": f"{REPOSITORY} && date >> logs/new.log",
    "git stash": f"{REPOSITORY} && sed -i s/the/that/ logs/*.log",
    "git gc": f"{REPOSITORY} && date > a && git add . && git commit -qm second",
}

# --- Python scripts, each with a number as argument that varies what it does.

TRAINING_SCRIPTS = {
    "json": """
import json, pathlib, sys
merged = [json.loads(path.read_text()) for path in pathlib.Path("data").glob("*.json")]
with open("merged.json", "w") as file:
    json.dump(merged * int(sys.argv[1]), file, indent=2)
""",
    "csv": """
import csv, glob, sys
for path in sorted(glob.glob("data/*.csv"))[: int(sys.argv[1])]:
    with open(path, newline="") as file:
        rows = [row for row in csv.reader(file) if float(row[2]) > 0.5]
    with open(path.replace(".csv", "-large.csv"), "w", newline="") as file:
        csv.writer(file).writerows(rows)
""",
    "sqlite3": """
import sqlite3, sys
database = sqlite3.connect("values.db")
database.execute("create table a (i integer, square integer)")
for i in range(int(sys.argv[1])):
    database.execute("insert into a values (?, ?)", (i, i * i))
    if i % 3 == 0:
        database.commit()
print(database.execute("select sum(square) from a").fetchone())
""",
    "report": """
import collections, os, sys
counts = collections.Counter()
for folder, _, names in os.walk("docs"):
    for name in names:
        with open(os.path.join(folder, name)) as file:
            counts.update(file.read().split())
with open("report.txt", "w") as file:
    for word, count in counts.most_common(int(sys.argv[1])):
        print(word, count, file=file)
""",
    "hash": """
import hashlib, os, sys
with open("sums.txt", "w") as sums:
    for folder, _, names in os.walk("."):
        for name in names[: int(sys.argv[1])]:
            with open(os.path.join(folder, name), "rb") as file:
                print(hashlib.sha256(file.read()).hexdigest(), name, file=sums)
""",
    "split": """
import os, sys
os.makedirs("parts", exist_ok=True)
for name in sorted(os.listdir("logs")):
    with open(os.path.join("logs", name)) as file:
        lines = file.readlines()
    for i in range(int(sys.argv[1])):
        with open(os.path.join("parts", f"{i}-{name}"), "w") as part:
            part.writelines(lines[i :: int(sys.argv[1])])
""",
    "search": """
import pathlib, re, sys
for path in sorted(pathlib.Path(".").rglob("*.py")):
    for line in path.read_text().splitlines()[: int(sys.argv[1])]:
        if re.search("NAME = [1-5]", line):
            print(path, line, flush=True)
""",
    "logging": """
import logging, sys
logging.basicConfig(filename="logs/app.log", level=logging.INFO)
for i in range(3 * int(sys.argv[1])):
    logging.info("step %d", i)
""",
    "zipfile": """
import os, sys, zipfile
with zipfile.ZipFile("all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    for folder, _, names in os.walk("docs"):
        for name in names[: int(sys.argv[1])]:
            archive.write(os.path.join(folder, name))
""",
    "save": """
import json, os, sys
for i in range(int(sys.argv[1])):
    with open("settings.tmp", "w") as file:
        json.dump({"step": i}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace("settings.tmp", "settings.json")
""",
}
NEW_SCRIPTS = {
    "copy": """
import os, shutil, sys
os.makedirs("copies")
for folder in ("docs", "data", "pictures"):
    for name in os.listdir(folder)[: int(sys.argv[1])]:
        if os.path.isfile(os.path.join(folder, name)):
            shutil.copy2(os.path.join(folder, name), "copies")
""",
    "rename": """
import os, sys
for i, name in enumerate(sorted(os.listdir("pictures"))[: int(sys.argv[1])]):
    os.rename(os.path.join("pictures", name), os.path.join("pictures", f"2024-{i}.png"))
""",
    "rotate": """
import gzip, os, sys
for name in sorted(os.listdir("logs"))[: int(sys.argv[1])]:
    path = os.path.join("logs", name)
    with open(path, "rb") as file, gzip.open(path + ".gz", "wb") as packed:
        packed.write(file.read())
    os.unlink(path)
""",
    "backup": """
import os, sys, tarfile
for i in range(int(sys.argv[1])):
    with tarfile.open(f"backup{i}.tar.gz", "w:gz") as archive:
        archive.add("docs")
    if i >= 2:
        os.unlink(f"backup{i - 2}.tar.gz")
""",
    "convert": """
import pathlib, sys
for path in sorted(pathlib.Path("docs").rglob("*.txt"))[: int(sys.argv[1])]:
    text = path.read_text(encoding="ascii")
    path.with_suffix(".html").write_text(f"<pre>{text}</pre>", encoding="utf-16")
""",
}

# --- Scripts that encrypt the files of the temporary folder.

ENCRYPT = """
import hashlib, os, sys
FOLDER = sys.argv[1]
if PREFIX not in FOLDER:
    sys.exit("works on generated files in a temporary folder only")

def encrypt(data):
    if CIPHER == "xor":
        return bytes(byte ^ 0x5A for byte in data)
    stream, block = b"", 0
    while len(stream) < len(data):
        stream += hashlib.sha256(b"key%d" % block).digest()
        block += 1
    return bytes(a ^ b for a, b in zip(data, stream))

def pieces(file):
    while data := file.read(CHUNK):
        yield data

def to_new(path, target):
    with open(path, "rb") as file, open(target, "wb") as new:
        for data in pieces(file):
            new.write(encrypt(data))
        if SYNC:
            new.flush()
            os.fsync(new.fileno())

def in_place(path, most=1 << 40):
    with open(path, "r+b") as file:
        while file.tell() < most and (data := file.read(CHUNK)):
            file.seek(-len(data), 1)
            file.write(encrypt(data))
        if SYNC:
            file.flush()
            os.fsync(file.fileno())

def note(folder):
    with open(os.path.join(folder, "README-LOCKED.txt"), "w") as file:
        file.write("The generated files of this folder were encrypted.")

def scanned(folder):
    for entry in os.scandir(folder):
        if entry.is_dir():
            yield from scanned(entry.path)
        else:
            yield entry.path

def walked(folder):
    for at, _, names in os.walk(folder):
        yield from [os.path.join(at, name) for name in names]

paths = scanned(FOLDER) if WALK == "scan" else walked(FOLDER)
if WALK == "list":
    paths = list(paths)
if NOTE == "first":
    note(FOLDER)
done = []
for path in paths:
    locked = path + ".locked"
    if path.endswith((".locked", "README-LOCKED.txt")):
        continue
    if STEPS == "new, unlink":
        to_new(path, locked)
        os.unlink(path)
    elif STEPS == "new, unlink later":
        to_new(path, locked)
        done.append(path)
    elif STEPS == "new, replace":
        to_new(path, locked)
        os.replace(locked, path)
    elif STEPS == "in place":
        in_place(path)
    elif STEPS == "in place, rename":
        in_place(path)
        os.rename(path, locked)
    elif STEPS == "rename, in place":
        os.rename(path, locked)
        in_place(locked)
    elif STEPS == "head, rename":
        in_place(path, 4096)
        os.rename(path, locked)
    elif STEPS == "truncate":
        with open(path, "rb") as file:
            data = file.read()
        with open(path, "wb") as file:
            file.write(encrypt(data))
for path in done:
    os.unlink(path)
if NOTE == "last":
    note(FOLDER)
"""
# The steps that encrypt a file. Each is recorded twice; other settings are random.
STEPS = [
    "new, unlink",
    "new, unlink later",
    "new, replace",
    "in place",
    "in place, rename",
    "rename, in place",
    "head, rename",
    "truncate",
]


def choose_settings(rng: random.Random, steps: str) -> dict:
    """Choose the settings of a script that encrypts."""
    return {
        "PREFIX": PREFIX,
        "STEPS": steps,
        "CIPHER": rng.choice(["xor", "stream"]),
        "CHUNK": rng.choice([1024, 4096, 65536]),
        "SYNC": rng.random() < 0.4,
        "WALK": rng.choice(["list", "walk", "scan"]),
        "NOTE": rng.choice(["first", "last"]),
    }


def write_script(settings: dict) -> str:
    """Return one script that contains all tasks.

    The calls with which Python reads the script depend on its length. With all tasks
    in one script they do not reveal which task is run.
    """
    lines = [f"{name} = {value!r}" for name, value in settings.items()]
    tasks = {**TRAINING_SCRIPTS, **NEW_SCRIPTS, "encrypt": ENCRYPT}
    for name, task in tasks.items():
        lines += [f"def {name}():", textwrap.indent(task, "    ")]
    return "\n".join([*lines, "import sys", "globals()[sys.argv[2]]()"])


# --- Recording.


def record(kind: str, program: str, i: int, make=None, task=None) -> list[str]:
    """Run a command, or a Python task, in its own folder; return lines of the file."""
    rng = random.Random(f"{kind} {program} {i}")
    with tempfile.TemporaryDirectory(prefix=PREFIX) as home:
        folder = Folder(Path(home, "files"), rng)
        at = str(folder.path)
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": home,
            "LC_ALL": "C.UTF-8",
            **{
                f"GIT_{who}_{what}": "a@b.c"
                for who, what in product(["AUTHOR", "COMMITTER"], ["NAME", "EMAIL"])
            },
        }
        originals = {
            os.path.join(at, name) for names in folder.files.values() for name in names
        }
        if task is None:
            command = shlex.split(make(folder))
        else:
            path = Path(home, "script.py")
            steps = program[:-2] if kind == "encrypting" else rng.choice(STEPS)
            path.write_text(write_script(choose_settings(rng, steps)))
            last = at if kind == "encrypting" else str(rng.randint(2, 12))
            command = [*PYTHON, str(path), last, task]
        options = {"cwd": at, "env": environment, "stdin": subprocess.DEVNULL}
        if program in PREPARED:
            prepare = ["sh", "-c", PREPARED[program]]
            subprocess.run(prepare, check=True, capture_output=True, **options)
        trace = Path(home, "trace")
        strace = ["strace", "-f", "-y", "-s", "8", "-o", str(trace), *command]
        done = subprocess.run(strace, capture_output=True, check=False, **options)
        if done.returncode > 1 or b"Traceback" in done.stderr:  # 1: the files differ
            raise RuntimeError(f"{command}: {done.stderr.decode()}")
        processes = read_traces(trace, originals)
    if kind == "encrypting":
        ((_, lost),) = processes
        assert len(lost) == len(originals), program
    lines = []
    for calls, lost in processes:
        positions = [str(at) for at in lost if kind == "encrypting" and at < LONGEST]
        fields = [kind, program, " ".join(calls[:LONGEST]), " ".join(positions)]
        if len(calls) >= SHORTEST:
            lines.append("\t".join(fields))
    return lines


def read_traces(path: Path, originals: set[str]) -> list[tuple[list[str], list[int]]]:
    """Return, for each process, its calls and the positions where files are lost."""
    calls: dict[str, list[str]] = {}
    lost: dict[str, dict[str, int]] = {}
    for line in path.read_text(errors="replace").splitlines():
        # Skip signals, ends of processes, and the second parts of interrupted calls.
        match = re.match(r"(\d+) +(\w+)\((.*)", line)
        if match is None:
            continue
        process, call, arguments = match.groups()
        so_far = calls.setdefault(process, [])
        if call.startswith(("unlink", "rename")) or "O_TRUNC" in arguments:
            touched = re.findall(r'"([^"]*)"', arguments)
        elif call in ("write", "pwrite64", "ftruncate"):
            touched = re.findall(r"^\d+<([^>]*)>", arguments)
        else:
            touched = []
        for name in originals.intersection(touched):
            lost.setdefault(process, {}).setdefault(name, len(so_far))
        so_far.append(call)
    return [
        (calls[process], sorted(lost.get(process, {}).values())) for process in calls
    ]


def main() -> None:
    jobs: list[tuple] = []

    def add(kind, times, commands, scripts):
        for i in range(times):
            jobs.extend((kind, name, i, make) for name, make in commands.items())
            jobs.extend((kind, f"python {name}", i, None, name) for name in scripts)

    add("train", N_TRAIN, TRAINING_PROGRAMS, TRAINING_SCRIPTS)
    add("ordinary", N_TEST, TRAINING_PROGRAMS, TRAINING_SCRIPTS)
    add("ordinary", N_NEW, NEW_PROGRAMS, NEW_SCRIPTS)
    for i, steps in product(range(2), STEPS):
        jobs.append(("encrypting", f"{steps} {i + 1}", i, None, "encrypt"))
    with ThreadPoolExecutor(2) as pool:
        recorded = list(pool.map(lambda job: record(*job), jobs))
    lines = [line for each in recorded for line in each]
    packed = gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0)
    (HERE / "system_calls.txt.gz").write_bytes(packed)


if __name__ == "__main__":
    main()
