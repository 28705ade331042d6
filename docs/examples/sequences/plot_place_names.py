"""
The language of a place name
============================

Greece is called Görögország in Hungarian and Grikkland in Icelandic. A recurrent
network reads the names of countries and territories letter by letter and tells in which
of twenty languages they are. Needs the packages babel and matplotlib besides sklstm
itself.
"""

# %%
# The names
# ---------
# The package babel holds the names of some 250 countries and territories in each
# language. Twenty languages in Latin letters take part, listed by family. Many a name
# is the same in several of them: "Malta" is a sign of none. Names that occur more than
# once are left out, so that each name left has one right answer. More are left of the
# languages that spell foreign names in their own way.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from babel import Locale
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV, GroupShuffleSplit
from sklearn.pipeline import make_pipeline

from sklstm import RNNClassifier, SequenceTokenizer

families = {
    "Germanic": ["en", "de", "nl", "sv", "is"],
    "Celtic": ["ga"],
    "Romance": ["fr", "es", "pt", "it", "ro"],
    "Slavic": ["pl", "cs", "hr"],
    "Baltic": ["lt", "lv"],
    "Uralic": ["fi", "et", "hu"],
    "Turkic": ["tr"],
}
locales = [Locale(code) for family in families.values() for code in family]
languages = [locale.english_name for locale in locales]
not_territories = ["EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"]  # organizations and so on
all_names = pd.DataFrame(
    [
        (name, locale.english_name, territory)
        for locale in locales
        for territory, name in locale.territories.items()
        if len(territory) == 2 and territory not in not_territories
    ],
    columns=["name", "language", "territory"],
)
shared = all_names["name"].str.lower().duplicated(keep=False)
names = all_names[~shared]
counts = names["language"].value_counts()
print(f"{len(names)} names that occur once, of {len(all_names)}")
print(f"from {counts.iloc[-1]} ({counts.index[-1]}) ", end="")
print(f"to {counts.iloc[0]} ({counts.index[0]}) in a language")

# %%
# Split by territory
# ------------------
# Portugal is Portugali in Finnish and Portúgal in Icelandic. With one of them in the
# training part and the other in the test part, a model is tested on names which it
# nearly knows, and gets hints, right or wrong, from the name of the country rather
# than from the language. So all names of a territory go to the same part.

split = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=0)
train, test = next(split.split(names, groups=names["territory"]))
train, test = names.iloc[train], names.iloc[test]
print(f"{len(train)} names to train on, {len(test)} of other territories to test on")

# %%
# Letters in order
# ----------------
# `SequenceTokenizer` turns each name into a sequence of numbers, one for each letter.
# The network learns a vector for each of these (``embedding_dim``), reads the vectors
# forwards and backwards and pools its states. Long names and short ones go in as they
# are, and nobody pads.
#
# Three settings are tried. The search holds out a quarter of the training territories,
# in the same way.


def search(pipeline, grid):
    searched = GridSearchCV(pipeline, grid, cv=split, scoring="accuracy")
    return searched.fit(train["name"], train["language"], groups=train["territory"])


candidates = {
    "LSTM": {"embedding_dim": 64},
    "LSTM, larger steps": {"embedding_dim": 64, "learning_rate": 0.01},
    "GRU, larger steps": {
        "embedding_dim": 64,
        "learning_rate": 0.01,
        "cell": "gru",
        "dropout": 0.5,
    },
}
network = search(
    make_pipeline(SequenceTokenizer(analyzer="char"), RNNClassifier(random_state=0)),
    [
        {f"rnnclassifier__{name}": [value] for name, value in candidate.items()}
        for candidate in candidates.values()
    ],
)

# %%
# Groups of letters, counted
# --------------------------
# The peer is a linear model of how often each group of up to four letters occurs: well
# tried for the language of short texts. Its one setting is searched in the same way.
# The naive answer is the most frequent language of the training part, and its
# probability the share of names in it.

n_grams = search(
    make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4)),
        LogisticRegression(solver="newton-cg"),
    ),
    {"logisticregression__C": [10.0, 30.0, 100.0]},
)
naive = search(DummyClassifier(), {"strategy": ["prior"]})

scores = network.cv_results_["mean_test_score"]
table = pd.DataFrame({"held out": pd.Series(scores, index=[*candidates])})
chosen = table.index[network.best_index_]
for name, model in {"naive": naive, chosen: network, "n-grams": n_grams}.items():
    table.loc[name, "held out"] = model.best_score_
    table.loc[name, "test"] = model.score(test["name"], test["language"])
    highest = model.predict_proba(test["name"]).max(axis=1)
    table.loc[name, "probability"] = highest.mean()
rows = {
    "naive": f"naive ({naive.predict([''])[0]})",
    **{name: name for name in candidates},
    chosen: f"{chosen} (chosen)",
    "n-grams": "n-grams, logistic regression",
}
table = table.loc[[*rows]].rename(index=rows)
print("\nShare of names whose language is told rightly, in the held-out quarter and in")
print("the test part, and mean probability of the language told in the test part")
print(table.to_string(float_format="{:.3f}".format, na_rep=""))

# %%
# Names of towns
# --------------
# None of these is the name of a territory. Most of them are what a language calls a
# town abroad.

towns = {
    "Milton Keynes": "English",
    "Kopenhagen": "German",
    "Göteborg": "Swedish",
    "Kaupmannahöfn": "Icelandic",
    "Baile Átha Cliath": "Irish",
    "Varsavia": "Italian",
    "Londýn": "Czech",
    "Varšuva": "Lithuanian",
    "Lontoo": "Finnish",
    "Bécs": "Hungarian",
}


def two_guesses(model):
    """The two most probable languages of each town."""
    guesses = []
    for probability in model.predict_proba([*towns]):
        first, second = np.argsort(probability)[:-3:-1]
        guesses.append(
            f"{model.classes_[first]} {probability[first]:.2f}, "
            f"{model.classes_[second]} {probability[second]:.2f}"
        )
    return guesses


guesses = pd.DataFrame(
    {
        "is": [*towns.values()],
        "network": two_guesses(network),
        "n-grams": two_guesses(n_grams),
    },
    index=[*towns],
)
print("\nProbable languages of towns")
print(guesses.to_string())

# %%
# What to look for
# ----------------
# The n-grams are better. The network tells far more than the naive answer, but where
# there are only some two thousand names to learn from, counting groups of letters beats
# reading them in order. The network is also surer of itself than it should be: the mean
# probability of its answers lies above the share of them that is right. So hold a
# network that reads short texts against such a model before you use it. Among the
# networks, the learning rate matters: the default is too low here.
#
# Names of towns are another matter than names of countries, and both models are often
# wrong about them. The network can be wrong and still rather sure.
#
# In the picture, languages of a family stand side by side. On the right are two names
# of Greece, and each of their beginnings went in as if it were the whole name. The
# network changes its mind from letter to letter until those come that settle it.

figure, axes = plt.subplot_mosaic(
    [["confusion", "Hungarian"], ["confusion", "Portuguese"]],
    figsize=(14, 7.6),
    width_ratios=[1.45, 1],
    layout="constrained",
)
figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)
confusion = ConfusionMatrixDisplay.from_predictions(
    test["language"],
    network.predict(test["name"]),
    labels=languages,
    normalize="true",
    xticks_rotation=90,
    cmap="Blues",
    colorbar=False,
    text_kw={"fontsize": "x-small"},
    ax=axes["confusion"],
)
for share, text in zip(
    confusion.confusion_matrix.flat, confusion.text_.flat, strict=True
):
    text.set_text(f"{100 * share:.0f}" if share > 0 else "")
axes["confusion"].set(xlabel="language told", ylabel="language")
title = "Names of the test part, percent of each language"
axes["confusion"].set_title(title, loc="left")

greece = names[names["territory"] == "GR"].set_index("language")["name"]
part = "test" if "GR" in set(test["territory"]) else "training"
for language in ("Hungarian", "Portuguese"):
    name, ax = greece[language], axes[language]
    beginnings = [name[:end] for end in range(1, len(name) + 1)]
    probability = pd.DataFrame(
        network.predict_proba(beginnings), columns=network.classes_
    )
    others = probability.drop(columns=language).max().nlargest(4).index
    letters = np.arange(len(name))
    for other in others:
        ax.plot(letters, probability[other], ".--", linewidth=1, label=other)
    ax.plot(letters, probability[language], "o-", color="0.1", label=language)
    ax.set_xticks(letters, list(name), fontsize="large")
    ax.set(ylabel="probability", ylim=(-0.03, 1.03))
    ax.set_title(f"{name} ({language}; {part} part)", loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))

figure.savefig("place_names.png", dpi=120)
print("\nPicture saved as place_names.png")
