"""Record the log of git in working sessions, some of them with faults.

    python record_git_log.py

Writes git_log.txt.gz to the folder of this script. The file in this folder was recorded
with git 2.39 on Linux.

Each session takes place in a clone of a new repository in a temporary folder: files are
edited and committed, branches merged, and a colleague pushes changes in between, so
that a push may be rejected and a merge may have conflicts. Such failures are ordinary:
a pull, or a resolution, follows. The faults are not:

- lock: a crashed process has left its lock on the index behind;
- object: a file of the object database is cut off;
- remote: the remote repository has been moved;
- retry: a rejected push is repeated instead of pulling first;
- force: a rejected push to the main branch is forced, which loses the changes of the
  colleague;
- loop: a job commits again and again although nothing has changed;
- slow: the hook that checks a commit takes a second.

The file has a line for each line of the log: the number of the session, its kind
("train", "ordinary", or the fault) and the line itself, separated by tabs. git writes
what it does (GIT_TRACE), how long each command takes (GIT_TRACE_PERFORMANCE), and its
messages. The remote side of a push, the times of parts of a command and the time of day
are left out.
"""

import gzip
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
FAULTS = ["lock", "object", "remote", "retry", "force", "loop", "slow"]
N_TRAIN, N_ORDINARY, N_EACH_FAULT = 240, 60, 8
WORDS = ["alpha", "beta", "gamma", "delta", "kappa", "lambda", "sigma", "omega"]
HOOK = "#!/bin/sh\ngit diff --cached --check\n"
# What the remote side of a push does; times of parts of a command.
LEFT_OUT = re.compile(
    r"^remote: \d\d:|receive-pack|GIT_QUARANTINE_PATH|performance: (?!.*git command:)"
)
SHORTER = [
    (r"^\d\d:\d\d:\d\d\.\d+ +(\S+:\d+ +)?", ""),  # time of day, place in git's source
    (r"performance: (\d+\.\d{4})\d+", r"performance: \1"),
    (r"\b([0-9a-f]{7})[0-9a-f]{33}\b", r"\1"),
    (r"/\S*/session_\w+", "/srv"),
    (r"\t", " "),
]
QUIET = {
    **os.environ,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_EDITOR": "true",
    "LC_ALL": "C",
}
LOGGED = {**QUIET, "GIT_TRACE": "1", "GIT_TRACE_PERFORMANCE": "1"}


def shorten(line):
    """Return a line without what varies at random; an empty one is left out."""
    if LEFT_OUT.search(line):
        return ""
    for pattern, shorter in SHORTER:
        line = re.sub(pattern, shorter, line)
    return line.rstrip()


class Session:
    """One working session in a clone, and the lines that git wrote."""

    def __init__(self, folder, rng, fault):
        self.rng = rng
        self.fault = fault
        self.lines = []
        self.n_branches = 0
        self.remote = folder / "remote.git"
        self.clone, self.other = folder / "project", folder / "colleague"
        self.quiet(folder, "init", "--bare", "-b", "main", self.remote)
        self.quiet(folder, "clone", self.remote, self.other)
        for i in range(6):
            self.write(self.other / f"notes_{i}.txt")
        self.quiet(self.other, "checkout", "-B", "main")
        self.commit_of_colleague()
        self.quiet(folder, "clone", self.remote, self.clone)
        hook = self.clone / ".git" / "hooks" / "pre-commit"
        hook.write_text(HOOK)
        hook.chmod(0o755)

    def quiet(self, folder, *command):
        subprocess.run(
            ["git", *map(str, command)],
            cwd=folder,
            env=QUIET,
            capture_output=True,
            check=True,
        )

    def git(self, *command):
        """Run a command, keep what it writes, and return whether it succeeded."""
        done = subprocess.run(
            ["git", *command],
            cwd=self.clone,
            env=LOGGED,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        lines = map(shorten, done.stdout.splitlines())
        self.lines += [line for line in lines if line]
        return done.returncode == 0

    def write(self, path, n_lines=8):
        words = self.rng.choice(WORDS, size=n_lines)
        path.write_text("".join(f"{word}\n" for word in words))

    def some_file(self):
        return f"notes_{self.rng.integers(6)}.txt"

    def commit_of_colleague(self, name=None):
        """Push a change that the session does not know of."""
        if name is not None:
            self.quiet(self.other, "fetch")
            self.quiet(self.other, "reset", "--hard", "origin/main")
            self.write(self.other / name, 9)
        self.quiet(self.other, "add", "-A")
        self.quiet(self.other, "commit", "-m", "change of the colleague")
        self.quiet(self.other, "push", "origin", "HEAD:main")

    def edit(self):
        """Change one to three files and commit them."""
        for _ in range(self.rng.integers(1, 4)):
            name = self.some_file()
            self.write(self.clone / name)
            if self.rng.random() < 0.4:
                self.git("diff", "--stat")
            self.git("add", name)
        if self.rng.random() < 0.5:
            self.git("status", "--short")
        self.git("commit", "-m", f"change of {name}")

    def look(self):
        for command in (
            ["status", "--short"],
            ["log", "--oneline", "-n", "3"],
            ["branch", "--list"],
            ["show", "--stat", "HEAD"],
        ):
            if self.rng.random() < 0.5:
                self.git(*command)

    def idle_commit(self):
        """Commit although nothing has changed, which happens now and then."""
        self.git("commit", "-m", "nothing")
        self.git("status", "--short")

    def resolve(self):
        """Resolve the conflicts of a merge, and commit it."""
        self.git("status", "--short")
        for path in sorted(self.clone.glob("notes_*.txt")):
            if "<<<<<<<" in path.read_text():
                self.write(path)
                self.git("add", path.name)
        self.git("commit", "-m", "merge")

    def pull(self):
        if not self.git("pull", "--no-rebase", "--no-edit"):
            self.resolve()

    def push(self):
        for _ in range(4):
            if self.git("push", "origin", "main"):
                break
            self.pull()

    def share(self):
        """Push; in half of the cases a colleague was faster."""
        self.edit()
        if self.rng.random() < 0.5:
            self.commit_of_colleague(self.some_file())
        self.push()

    def feature(self):
        """Work on a branch and merge it."""
        self.n_branches += 1
        name = f"feature-{self.n_branches}"
        self.git("checkout", "-b", name)
        for _ in range(self.rng.integers(1, 3)):
            self.edit()
        if self.rng.random() < 0.4:
            # A branch of one's own may be changed and pushed again.
            self.git("push", "origin", name)
            self.git("commit", "--amend", "--no-edit")
            if not self.git("push", "origin", name):
                self.git("push", "--force", "origin", name)
        self.git("checkout", "main")
        if not self.git("merge", "--no-ff", "--no-edit", name):
            self.resolve()
        self.git("branch", "-d", name)

    def stash(self):
        self.write(self.clone / self.some_file())
        self.git("stash")
        self.git("pull", "--no-rebase", "--no-edit")
        if not self.git("stash", "pop"):
            self.git("checkout", "--force", "main")
            self.git("stash", "drop")
        else:
            self.git("checkout", "--", ".")

    def break_something(self):
        """Let the fault happen."""
        if self.fault == "lock":
            (self.clone / ".git" / "index.lock").touch()
            self.edit()
            self.edit()
        elif self.fault == "object":
            self.edit()
            objects = sorted((self.clone / ".git" / "objects").glob("??/*"))
            newest = max(objects, key=lambda path: path.stat().st_mtime_ns)
            newest.chmod(0o644)
            newest.write_bytes(newest.read_bytes()[:9])
            self.look()
            self.edit()
            self.git("push", "origin", "main")
        elif self.fault == "remote":
            self.remote.rename(self.remote.with_name("moved.git"))
            self.edit()
            self.git("push", "origin", "main")
            self.git("pull", "--no-rebase", "--no-edit")
            self.remote.with_name("moved.git").rename(self.remote)
        elif self.fault in ("retry", "force"):
            self.edit()
            self.commit_of_colleague(self.some_file())
            self.git("push", "origin", "main")
            if self.fault == "force":
                self.git("push", "--force", "origin", "main")
            else:
                for _ in range(self.rng.integers(3, 6)):
                    self.git("push", "origin", "main")
                self.push()
        elif self.fault == "loop":
            for _ in range(self.rng.integers(4, 8)):
                self.git("add", self.some_file())
                self.git("commit", "-m", "nothing")
        else:
            hook = self.clone / ".git" / "hooks" / "pre-commit"
            hook.write_text(HOOK + "sleep 1\n")
            self.edit()
            hook.write_text(HOOK)

    def run(self):
        steps = [self.edit, self.look, self.share, self.feature, self.stash]
        n_steps = self.rng.integers(3, 8)
        when = self.rng.integers(n_steps)
        for i in range(n_steps):
            if i == when and self.fault is not None:
                self.break_something()
            elif self.rng.random() < 0.06:
                self.idle_commit()
            if self.fault not in ("lock", "object") or i < when:
                steps[self.rng.integers(len(steps))]()
        return self.lines


def main():
    kinds = ["train"] * N_TRAIN + ["ordinary"] * N_ORDINARY
    kinds += [fault for fault in FAULTS for _ in range(N_EACH_FAULT)]
    rows = []
    for number, kind in enumerate(kinds):
        folder = Path(tempfile.mkdtemp(prefix="session_"))
        fault = kind if kind in FAULTS else None
        try:
            lines = Session(folder, np.random.default_rng(number), fault).run()
        finally:
            shutil.rmtree(folder)
        rows += [f"{number}\t{kind}\t{line}\n" for line in lines]
    packed = gzip.compress("".join(rows).encode(), compresslevel=9, mtime=0)
    (HERE / "git_log.txt.gz").write_bytes(packed)
    print(f"{len(kinds)} sessions, {len(rows)} lines, {len(packed)} bytes")


if __name__ == "__main__":
    main()
