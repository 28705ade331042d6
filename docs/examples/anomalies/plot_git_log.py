"""
Detecting faults in the log of git
==================================

The lines of a log are templates with parameters: the same line is written again and
again, with other file names, numbers and times. As in DeepLog (Du et al. 2017), one
detector learns in which order the templates follow each other, and another one which
values the parameters have. Each finds faults that the other one does not see. Needs
matplotlib besides sklstm itself.
"""

# %%
# The log
# -------
# ``data/record_git_log.py`` recorded what git writes in working sessions: its commands,
# how long each took, and its messages. Failures are part of ordinary work. A colleague
# may have pushed first, and then a push is rejected and a pull follows, with conflicts
# or without. In some test sessions something is wrong: a lock that a crashed process
# left behind, a damaged object, a remote repository that has moved, a rejected push
# that is repeated or forced, a job that commits again and again, and a hook that takes
# a second. There are no faults in the training sessions.

import gzip
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklstm import SequenceAnomalyDetector

here = Path(__file__).parent if "__file__" in globals() else Path()  # a notebook
with gzip.open(here / "data" / "git_log.txt.gz", "rt") as lines:
    log = pd.DataFrame(
        [line.rstrip("\n").split("\t", 2) for line in lines],
        columns=["session", "kind", "line"],
    )
sessions = log.groupby("session", sort=False)
kind = sessions["kind"].first()
train, test = kind.index[kind == "train"], kind.index[kind != "train"]
length = sessions.size()
print(f"{len(log)} lines in {len(train)} sessions to train on and {len(test)} to test")
print(f"{length.min()} to {length.max()} lines per session, for example")
print("\n".join(log["line"][:8]))

# %%
# Templates and parameters
# ------------------------
# Names of files and branches, identifiers of commits and numbers are masked. What
# remains is the template. For this log a few patterns are enough; drain3 finds
# templates in logs of any origin. The parameter that is kept is the time that a command
# took.

MASKS = [
    (r"'[^']*'|\"[^\"]*\"", "<text>"),
    (r"(?<=WIP on ).*|(?<=\] ).*", "<text>"),
    (r"(\.git)?/\S*", "<path>"),
    (r"\bnotes_\d+\.txt", "<file>"),
    (r"\b(main|feature-\d+)\b", "<branch>"),
    (r"\b[0-9a-f]{7,40}\b", "<commit>"),
    (r"^(<commit>|    \S+|[A-Z]\w+:|Merge) .*", "<text>"),
    (r"\d+(\.\d+)?", "<number>"),
    (r"[+-]+$", "<changes>"),
    (r" +", " "),
]


def template_of(line):
    for pattern, mask in MASKS:
        line = re.sub(pattern, mask, line)
    return line.strip()


log["template"] = log["line"].map({x: template_of(x) for x in log["line"].unique()})
log["seconds"] = (
    log["line"].str.extract(r"performance: ([0-9.]+) s", expand=False).astype(float)
)
templates = log.groupby("session", sort=False)["template"].agg(list)
n_templates = log.loc[log["kind"] == "train", "template"].value_counts()
print(
    f"\n{len(n_templates)} templates in the training sessions, the most frequent ones"
)
print(n_templates.head(6).to_string(header=False))

# %%
# The order of the templates
# --------------------------
# A session is a sequence of templates. A tenth of the training sessions is held out,
# and the lowest of their scores is the threshold. The naive detector flags each session
# with a template that occurs in no training session.

detector = SequenceAnomalyDetector(random_state=0)
detector.fit(templates[train].tolist())
known = set(n_templates.index)
flagged = pd.DataFrame(
    {
        "naive (unknown line)": [not known.issuperset(templates[i]) for i in test],
        "order of templates": detector.predict(templates[test].tolist()) == -1,
    },
    index=test,
)

# %%
# The values of the parameters
# ----------------------------
# The time that a command takes is compared with the times of the same template in the
# training sessions. Logarithms of times are roughly normal, and few are more than four
# standard deviations above their mean.

timed = log.dropna(subset=["seconds"])
times = np.log(timed["seconds"].clip(lower=1e-4))
normal_times = times[timed["kind"] == "train"].groupby(timed["template"])
n_times = timed["template"].map(normal_times.size())
spread = timed["template"].map(normal_times.std()).clip(lower=0.1)
deviation = (times - timed["template"].map(normal_times.mean())) / spread
slow = (deviation > 4) & (n_times >= 20)
flagged["time taken"] = slow.groupby(timed["session"]).any().reindex(test)
flagged["order or time"] = flagged["order of templates"] | flagged["time taken"]

# %%
# Results
# -------

by_kind = flagged.groupby(kind[test], sort=False)
table = by_kind.sum().assign(sessions=by_kind.size()).rename_axis(None)
print("\nFlagged test sessions")
print(table.to_string())

# %%
# Where is the fault?
# -------------------
# `token_scores` says how likely each line is after those before it. The least likely
# ones show where a session leaves the usual order.


def surprising_lines(session, n_lines=3):
    """Return the lines with the highest surprisals of a session, in their order."""
    lines = log.loc[log["session"] == session, "line"].tolist()
    surprisals = -detector.token_scores([templates[session]])[0]
    at = np.sort(np.argsort(surprisals)[-n_lines:])
    return [(i, surprisals[i], lines[i]) for i in at]


for name in ("retry", "force"):
    session = kind.index[kind == name][0]
    print(f"\nThe most surprising lines of a session of the kind {name!r}")
    for number, surprisal, line in surprising_lines(session):
        print(f"line {number:3d}, {surprisal:4.1f} nats: {line[:62]}")

# %%
# Discussion
# ----------
# The naive detector finds the faults for which git has a message of its own: a lock, a
# damaged object, a missing remote. Nobody needs a network for these. But all lines of a
# push that is repeated or forced, and of a job that runs again and again, are known.
# Only their order is unusual, which the detector finds in all of these sessions, and
# the surprising lines show the place. A slow hook writes the same lines in the same
# order as a fast one, and is seen in the times alone.
#
# The price is a few false alarms among the ordinary sessions, from which either part
# has its share: the order of lines by sessions with rare combinations of work, the
# times because the machine was busy with other programs while it recorded.

figure, (above, below) = plt.subplots(
    2, 1, figsize=(11, 9), height_ratios=[1, 1.5], layout="constrained"
)
figure.get_layout_engine().set(w_pad=0.15, h_pad=0.15)
scores = pd.Series(detector.decision_function(templates[test].tolist()), test)
rng = np.random.default_rng(0)
for x, name in enumerate(table.index):
    shown = scores[kind[test] == name]
    is_slow = flagged.loc[shown.index, "time taken"].to_numpy()
    places = x + rng.uniform(-0.15, 0.15, len(shown))
    above.scatter(places[~is_slow], shown[~is_slow], s=18, color="tab:blue")
    above.scatter(places[is_slow], shown[is_slow], s=24, color="tab:red", marker="s")
above.scatter([], [], s=24, color="tab:red", marker="s", label="a command was slow")
above.axhline(0, color="0.3", linewidth=1, linestyle="--")
above.set_xticks(range(len(table)), table.index)
above.set(ylabel="score above threshold\n(standard deviations)")
above.set_title("Sessions by kind; those below the line are flagged")
above.legend(frameon=False, loc="lower right")

session = kind.index[kind == "retry"][0]
lines = log.loc[log["session"] == session, "line"].tolist()
surprisals = -detector.token_scores([templates[session]])[0]
center = int(np.argmax(surprisals))
part = np.arange(max(center - 18, 0), min(center + 8, len(lines)))
below.barh(part, surprisals[part], color="tab:blue")
below.set_yticks(part, [lines[i][:70] for i in part], fontsize=7)
below.invert_yaxis()
below.set(xlabel="surprisal (nats)")
below.set_title("A push that is repeated although it was rejected")
for ax in (above, below):
    ax.spines[["top", "right"]].set_visible(False)
    ax.title.set_horizontalalignment("left")
    ax.title.set_x(0)
figure.savefig("git_log.png", dpi=120)
print("\nFigure saved as git_log.png")
