"""
A program that encrypts files, told by its system calls
=======================================================

Whatever a program does, it asks the system for: to open a file, to read, to write, to
remove. A recurrent network learns in which order ordinary programs ask, and watches
others call by call. How soon does it notice a script that encrypts file after file, as
ransomware does? And how often is it wrong about a program that does no harm? Needs
matplotlib besides sklstm itself.
"""

# %%
# The traces
# ----------
# They were recorded for this example: ``data/record_system_calls.py`` runs programs in
# temporary folders, which it fills with some thirty files, and writes down the names of
# the system calls of each process, in order. The scripts that encrypt are harmless.
# They work on those files only, and each does it in another way: a new file beside the
# old one, which is removed, or in place, all of it or the beginning, with or without
# another name.
#
# Learnt are traces of ordinary programs alone. The ordinary ones to be told from the
# scripts are of two kinds: the same programs, with other files and arguments, and
# programs that were never learnt. Some of these look much like the scripts. They pack
# files and remove what they have packed, rename them, or change them in place.

import gzip
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from sklstm import SequenceAnomalyDetector

columns = ["kind", "program", "calls", "lost"]
here = Path(__file__).parent if "__file__" in globals() else Path()  # a notebook
with gzip.open(here / "data" / "system_calls.txt.gz", "rt") as lines:
    traces = pd.DataFrame([line.rstrip("\n").split("\t") for line in lines])
traces.columns = columns
traces["calls"] = traces["calls"].str.split()
traces["lost"] = [np.array(at.split(), int) for at in traces["lost"]]
learnt = traces[traces["kind"] == "train"]
known = traces["program"].isin(learnt["program"])
traces["kind"] = traces["kind"].mask(
    traces["kind"] == "ordinary",
    pd.Series(np.where(known, "known program", "new program"), index=traces.index),
)
test = traces[traces["kind"] != "train"].reset_index(drop=True)

traces["length"] = traces["calls"].map(len)
by_kind = traces.groupby("kind", sort=False)
summary = by_kind["length"].agg(
    traces="size", shortest="min", median="median", longest="max"
)
summary.insert(1, "programs", by_kind["program"].nunique())
print("Traces, and how many calls they hold")
print(summary.astype(int).to_string())

# %%
# One score for a trace that goes on
# ----------------------------------
# The network gives each call a log-likelihood, given all calls before it. A trace has
# many, and needs one score. Over the whole trace, their mean drowns a bad end in a long
# and good beginning, and a threshold that fits whole traces does not fit beginnings of
# them. The worst window, the lowest mean of 50 calls in a row, suits a trace that goes
# on: from the fiftieth call, the score can only fall, so an ordinary trace that ends
# above the threshold was never below it.
#
# The threshold is the lowest score of a tenth of the ordinary traces which were set
# aside and not learnt: what ``contamination="auto"`` means.

WINDOW = 50
detector = SequenceAnomalyDetector(
    aggregate="worst_window",
    aggregate_length=WINDOW,
    dropout=0.2,
    epochs=8,
    random_state=0,
)
detector.fit(learnt["calls"].tolist())
scores = {"network": detector.score_samples(test["calls"].tolist())}
thresholds = {"network": detector.offset_}

# %%
# Counting instead
# ----------------
# STIDE, which has been used for this since 1996, keeps every six calls in a row that
# were learnt. A call counts as known if it and the five before it stand in that list,
# and a trace scores the share of known calls in its worst window, or in the whole of
# it. The naive detector looks for calls that no learnt trace holds: STIDE for one call
# in a row. Both get their threshold in the same way as the network.


class Counted:
    """Which calls are known, together with those just before them."""

    def __init__(self, n_calls, whole=False):
        self.n_calls = n_calls
        self.whole = whole

    def grams(self, calls):
        return [
            tuple(calls[end - self.n_calls : end])
            for end in range(self.n_calls, len(calls) + 1)
        ]

    def fit(self, sequences):
        order = np.random.default_rng(0).permutation(len(sequences))
        n_held_out = round(0.1 * len(sequences))
        held_out, learnt = order[:n_held_out], order[n_held_out:]
        self.known = {gram for i in learnt for gram in self.grams(sequences[i])}
        self.threshold = min(self.score(sequences[i]) for i in held_out)
        return self

    def running(self, calls):
        """The score after each call; none until a window is full."""
        first = [1.0] * (self.n_calls - 1)
        is_known = pd.Series(first + [gram in self.known for gram in self.grams(calls)])
        if self.whole:
            return is_known.expanding(WINDOW).mean().to_numpy()
        return is_known.rolling(WINDOW).mean().cummin().to_numpy()

    def score(self, calls):
        return self.running(calls)[-1]


naive = "naive (calls never seen)"
counted = {
    "STIDE": Counted(6),
    "STIDE, whole trace": Counted(6, whole=True),
    naive: Counted(1),
}
for name, model in counted.items():
    model.fit(learnt["calls"].tolist())
    scores[name] = np.array([model.score(calls) for calls in test["calls"]])
    thresholds[name] = model.threshold

is_attack = test["kind"] == "encrypting"
flagged = pd.DataFrame({name: scores[name] < thresholds[name] for name in scores})
table = flagged.groupby(test["kind"], sort=False).sum().T
table["ROC-AUC"] = [roc_auc_score(is_attack, -scores[name]) for name in scores]
sizes = test["kind"].value_counts()
table = table.rename(columns={kind: f"{kind} (of {n})" for kind, n in sizes.items()})
print("\nTraces flagged, and how well the score tells the scripts from all others")
print(table.to_string(float_format="{:.3f}".format))

harmless = flagged[~is_attack].groupby(test["program"], sort=False)
alarms = harmless[["network", "STIDE"]].sum().assign(of=harmless.size())
print("\nHarmless, but flagged")
print(alarms[alarms["network"] > 0].rename_axis(None).to_string())

# %%
# Call by call
# ------------
# A verdict on the whole trace comes when all files are gone. On a machine in use
# `stream` takes the calls as they come; of a recorded trace `running_scores` tells the
# same for all of its calls at once. At some call the score falls below the threshold:
# the alarm. The calls at which files are lost were recorded too, so the loss up to the
# alarm can be counted.


def watch(traces):
    """The score above the threshold after each call of each trace."""
    return [running - detector.offset_ for running in detector.running_scores(traces)]


def first_below(decisions):
    """The position of the alarm; none before a window is full."""
    below = np.flatnonzero(decisions[WINDOW - 1 :] < 0)
    return below[0] + WINDOW - 1 if len(below) else np.nan


attacks = test[is_attack].copy()
attacks["decisions"] = watch(attacks["calls"].tolist())
caught = pd.DataFrame(
    {
        "files": attacks["lost"].map(len),
        "first lost at": attacks["lost"].map(min),
        "network": attacks["decisions"].map(first_below),
        "STIDE": [
            first_below(counted["STIDE"].running(calls) - counted["STIDE"].threshold)
            for calls in attacks["calls"]
        ],
    }
)
for name in ("network", "STIDE"):
    caught[f"lost ({name})"] = [
        np.sum(lost <= (len(calls) if np.isnan(alarm) else alarm))
        for lost, calls, alarm in zip(
            attacks["lost"], attacks["calls"], caught[name], strict=True
        )
    ]
caught.index = attacks["program"]
print("\nThe call at which the alarm comes, and the files lost by then")
print(caught.rename_axis(None).to_string(float_format="{:.0f}".format, na_rep="never"))
for name in ("network", "STIDE"):
    delay = (caught[name] - caught["first lost at"]).fillna(np.inf).median()
    print(f"{name}: in the middle {delay:.0f} calls after the first loss, ", end="")
    print(f"files lost: {caught[f'lost ({name})'].median():.0f}")

# %%
# What to look for
# ----------------
# The network flags none of the known programs, and nearly all scripts: most of them
# when one or two of some thirty files are lost. It misses, or finds too late, those
# that read a whole file and write it again in place, as many an ordinary script does:
# the names of the calls say nothing of what is written.
#
# Counting is better here. STIDE finds all of the scripts, and before the second file is
# lost, and its score tells them better from the others. It pays with more false alarms.
# Where programs do few things over and over, what has never been seen is a strong sign,
# and a list of it needs no network. So hold a network against such a list before you
# use it. The naive detector finds none: the scripts make no call that others do not.
#
# Both are wrong about most programs that they have not learnt. They tell what is new,
# not what does harm, and that is of use where always the same programs run, or after
# an answer such as "that was the new backup" has been learnt.
#
# In the picture, the score stays at its lowest, so each line falls in steps. Below, the
# network is surprised that a file is opened for writing while another is open, and at
# each removal. It is less so from file to file, having read the first ones, but does
# not get used to the script.

figure, (above, below) = plt.subplots(
    2, 1, figsize=(13, 9.4), height_ratios=[1.25, 1], layout="constrained"
)
figure.get_layout_engine().set(w_pad=0.15, h_pad=0.12)

ordinary = test[~is_attack].groupby("program").head(1)
styles = {"known program": ("0.75", 0.8), "new program": ("0.35", 1.1)}
for kind, (color, width) in styles.items():
    shown = ordinary.loc[ordinary["kind"] == kind, "calls"].iloc[::4]
    for decisions in watch([calls[:1200] for calls in shown]):
        steps = np.arange(WINDOW - 1, len(decisions))
        above.plot(steps, decisions[steps], color=color, linewidth=width, zorder=1)
    above.plot([], [], color=color, linewidth=width, label=kind)
colors = plt.get_cmap("plasma")(np.linspace(0.05, 0.8, len(attacks) // 2))
shown = attacks.iloc[: len(colors)]
for color, (_, trace) in zip(colors, shown.iterrows(), strict=True):
    decisions, first = trace["decisions"], trace["lost"][0]
    steps = np.arange(WINDOW - 1, len(decisions))
    above.plot(steps, decisions[steps], color=color, label=trace["program"][:-2])
    above.plot(first, decisions[first], "o", color=color, markerfacecolor="white")
    alarm = first_below(decisions)
    if not np.isnan(alarm):
        above.plot(alarm, decisions[int(alarm)], "X", color=color, markersize=9)
above.axhline(0, color="0.1", linestyle="--", linewidth=1)
above.plot([], [], "o", color="0.1", markerfacecolor="white", label="first file lost")
above.plot([], [], "X", color="0.1", markersize=9, label="alarm")
above.set(xlabel="calls so far", ylabel="score above threshold (nats a call)")
above.set_xlim(0, 1200)
above.set_title("Worst window so far: ordinary programs, and scripts that encrypt")
above.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))

trace = attacks.iloc[0]
start = trace["lost"][0] - 25
surprise = -detector.token_scores([trace["calls"]])[0]
part = np.arange(start, min(start + 75, len(surprise)))
lost = np.isin(part, trace["lost"])
below.bar(part, surprise[part], color="0.6")
below.bar(part[lost], surprise[part[lost]], color="tab:red", label="a file is lost")
below.set_xticks(part, [trace["calls"][i] for i in part], rotation=90, fontsize=7)
below.set(ylabel="surprise (nats)", xlim=(part[0] - 1, part[-1] + 1))
below.set_title(f'How unexpected each call is: "{trace["program"][:-2]}"')
below.legend(frameon=False, loc="upper right")
for ax in (above, below):
    ax.spines[["top", "right"]].set_visible(False)
    ax.title.set_horizontalalignment("left")
    ax.title.set_x(0)

figure.savefig("system_calls.png", dpi=120)
print("\nPicture saved as system_calls.png")
