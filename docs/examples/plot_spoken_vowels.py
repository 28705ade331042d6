"""
Who speaks? Utterances of unequal lengths
=========================================

Nine men say two Japanese vowels one after the other. Twelve numbers describe the sound
at each step, and an utterance has 7 to 29 steps. Which of the nine is it? The
utterances go into the classifier as they are: nobody pads or masks. Needs matplotlib
besides sklstm itself.
"""

# %%
# The utterances
# --------------
# sktime carries the data: 270 utterances to train on, 30 of each speaker, and 370 to
# test. A list holds an array of shape (n_steps, 12) for each.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score
from sklearn.model_selection import cross_val_score
from sktime.datasets import load_japanese_vowels

from sklstm import RNNClassifier


def load(part):
    frame, speakers = load_japanese_vowels(split=part, return_X_y=True)
    return [np.column_stack(utterance) for utterance in frame.to_numpy()], speakers


X, y = load("train")
X_test, y_test = load("test")
lengths = np.array([len(utterance) for utterance in X_test])

# %%
# Which cell?
# -----------
# The three cells are compared by five-fold cross-validation on the training utterances.
# The naive answer, always the most frequent speaker, is the accuracy to beat: all are
# equally frequent, so it is one in nine.

cells = {"SimpleRNN": "rnn", "GRU": "gru", "LSTM": "lstm"}
networks = {
    name: RNNClassifier(cell=cell, units=32, random_state=0)
    for name, cell in cells.items()
}
validated = {
    name: cross_val_score(network, X, y, cv=5).mean()
    for name, network in networks.items()
}
validated["naive"] = pd.Series(y).value_counts(normalize=True).max()
print("accuracy in cross-validation on the training utterances")
print(pd.Series(validated).round(3).to_string())

# %%
# The test utterances
# -------------------
# The best of the three is fitted to all training utterances and looks at the test
# utterances once.

best = max(networks, key=validated.get)
classifier = networks[best].fit(X, y)
answers = classifier.predict(X_test)
print(f"\n{best} on the test utterances: {accuracy_score(y_test, answers):.3f}")

# %%
# Inside, batches are padded to their longest utterance. A padded step never changes an
# answer: the shortest utterance gets the same probabilities alone and among all others.

shortest = int(lengths.argmin())
alone = classifier.predict_proba([X_test[shortest]])[0]
in_company = classifier.predict_proba(X_test)[shortest]
print(
    f"\nThe shortest utterance ({lengths[shortest]} steps) alone and in company: "
    f"probabilities differ by {np.abs(alone - in_company).max():.0e} at most"
)

# %%
# What one sees
# -------------
# Above, the first of the twelve channels in three utterances of three speakers each:
# the voices differ, and so do the lengths. Below on the left, who was taken for whom;
# on the right, the share of right answers by the length of the utterance.

figure = plt.figure(figsize=(10, 8), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=[2, 3])

axes = above.subplots(1, 3, sharey=True)
speakers = classifier.classes_
for ax, speaker, color in zip(axes, speakers[:3], ["C0", "C1", "C2"], strict=True):
    for utterance in [x for x, who in zip(X, y, strict=True) if who == speaker][:3]:
        ax.plot(np.arange(1, len(utterance) + 1), utterance[:, 0], color=color)
    ax.set(title=f"speaker {speaker}", xlabel="step")
axes[0].set_ylabel("first channel")

left, right = below.subplots(1, 2, width_ratios=[3, 2])
ConfusionMatrixDisplay.from_predictions(
    y_test, answers, ax=left, cmap="Blues", colorbar=False
)
left.set(title="who was taken for whom", xlabel="answer", ylabel="speaker")

groups = pd.cut(
    lengths, [6, 11, 14, 17, 29], labels=["7-11", "12-14", "15-17", "18-29"]
)
right_answers = pd.Series(answers == y_test).groupby(groups, observed=False)
share, count = right_answers.mean(), right_answers.size()
bars = right.bar(share.index.astype(str), share, color="C0")
right.bar_label(
    bars, [f"{n} utterances" for n in count], rotation=90, padding=-80, color="w"
)
right.axhline(validated["naive"], color="0.3", linestyle="--", label="naive")
right.set(
    title="right answers by length", xlabel="steps", ylabel="share", ylim=(0, 1.05)
)
right.legend(loc="lower right")

figure.savefig("spoken_vowels.png", dpi=120)
print("\nsaved as spoken_vowels.png")
