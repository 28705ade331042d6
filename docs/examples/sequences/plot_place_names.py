"""
Language identification of place names
======================================

Greece is called Görögország in Hungarian and Grikkland in Icelandic. A recurrent
network reads the names of countries and territories character by character and predicts
which of 20 languages each name belongs to. Needs the packages babel and matplotlib
besides sklstm itself.
"""

# %%
# The data set
# ------------
# The package babel contains the names of about 250 countries and territories in each
# language. The example uses twenty languages with Latin script, listed by family. Many
# names are identical in several languages, such as "Malta". Names that occur more than
# once are removed, so that each remaining name has exactly one correct label. Languages
# that adapt the spelling of foreign names keep more names than others.

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
is_shared = all_names["name"].str.lower().duplicated(keep=False)
names = all_names[~is_shared]
counts = names["language"].value_counts()
print(f"{len(names)} names that occur once, of {len(all_names)} in total;")
print(f"between {counts.iloc[-1]} ({counts.index[-1]}) ", end="")
print(f"and {counts.iloc[0]} ({counts.index[0]}) per language")

# %%
# Splitting by territory
# ----------------------
# Portugal is Portugali in Finnish and Portúgal in Icelandic. If one of these names is
# in the training set and the other in the test set, the model sees a nearly identical
# name in training, and can learn the country instead of the language. Therefore all
# names of a territory go to the same set.

split = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=0)
train, test = next(split.split(names, groups=names["territory"]))
train, test = names.iloc[train], names.iloc[test]
print(f"{len(train)} names for training, {len(test)} of other territories for testing")

# %%
# The networks
# ------------
# `SequenceTokenizer` converts each name into a sequence of integers, one per character.
# The network learns an embedding vector for each of them (``embedding_dim``), processes
# the sequence in both directions and pools the hidden states. Names of any length can
# be passed without padding.
#
# Three settings are compared. For validation, the search holds out a quarter of the
# training territories, split in the same way.


def search(pipeline, grid):
    grid_search = GridSearchCV(pipeline, grid, cv=split, scoring="accuracy")
    return grid_search.fit(train["name"], train["language"], groups=train["territory"])


candidates = {
    "LSTM": {"embedding_dim": 64},
    "LSTM, higher learning rate": {"embedding_dim": 64, "learning_rate": 0.01},
    "GRU, higher learning rate": {
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
# Baseline: character n-grams
# ---------------------------
# The baseline is a linear model on the TF-IDF weights of character n-grams with up to
# four characters, a standard method for identifying the language of short texts. Its
# one hyperparameter is searched in the same way. The naive classifier always predicts
# the most frequent language of the training set, with its relative frequency as the
# probability.

n_grams = search(
    make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4)),
        LogisticRegression(solver="newton-cg"),
    ),
    {"logisticregression__C": [10.0, 30.0, 100.0]},
)
naive = search(DummyClassifier(), {"strategy": ["prior"]})

scores = network.cv_results_["mean_test_score"]
table = pd.DataFrame({"validation": pd.Series(scores, index=[*candidates])})
chosen = table.index[network.best_index_]
for name, model in {"naive": naive, chosen: network, "n-grams": n_grams}.items():
    table.loc[name, "validation"] = model.best_score_
    table.loc[name, "test"] = model.score(test["name"], test["language"])
    highest = model.predict_proba(test["name"]).max(axis=1)
    table.loc[name, "confidence"] = highest.mean()
labels = {
    "naive": f"naive ({naive.predict([''])[0]})",
    **{name: name for name in candidates},
    chosen: f"{chosen} (chosen)",
    "n-grams": "n-grams, logistic regression",
}
table = table.loc[[*labels]].rename(index=labels)
print("\nAccuracy on the validation and the test set, and mean probability of the")
print("predicted language on the test set (confidence)")
print(table.to_string(float_format="{:.3f}".format, na_rep=""))

# %%
# Names of cities
# ---------------
# None of these is the name of a territory. Most of them are exonyms, the names that a
# language uses for foreign cities.

cities = {
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
    """Return the two most probable languages of each city."""
    guesses = []
    for probability in model.predict_proba([*cities]):
        first, second = np.argsort(probability)[:-3:-1]
        guesses.append(
            f"{model.classes_[first]} {probability[first]:.2f}, "
            f"{model.classes_[second]} {probability[second]:.2f}"
        )
    return guesses


guesses = pd.DataFrame(
    {
        "language": [*cities.values()],
        "network": two_guesses(network),
        "n-grams": two_guesses(n_grams),
    },
    index=[*cities],
)
print("\nMost probable languages of city names")
print(guesses.to_string())

# %%
# Discussion
# ----------
# The n-grams are more accurate. The network is far better than the naive classifier,
# but with only about two thousand names for training, counting n-grams is better than
# reading the characters in order. The network is also overconfident: the mean
# probability of its predictions is higher than its accuracy. Compare a network for
# short texts with such a baseline before you use it. Among the networks, the learning
# rate matters most; the default is too low here.
#
# Names of cities differ from names of countries, and both models are often wrong about
# them. The network is sometimes wrong with high confidence.
#
# In the confusion matrix, languages of one family are next to each other. The plots on
# the right show two names of Greece: each beginning of the name is classified as if it
# were the complete name. The prediction changes from character to character until the
# decisive ones appear.

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
for fraction, text in zip(
    confusion.confusion_matrix.flat, confusion.text_.flat, strict=True
):
    text.set_text(f"{100 * fraction:.0f}" if fraction > 0 else "")
axes["confusion"].set(xlabel="predicted language", ylabel="true language")
title = "Test set, percent of the names of each language"
axes["confusion"].set_title(title, loc="left")

greece = names[names["territory"] == "GR"].set_index("language")["name"]
subset = "test" if "GR" in set(test["territory"]) else "training"
for language in ("Hungarian", "Portuguese"):
    name, ax = greece[language], axes[language]
    prefixes = [name[:end] for end in range(1, len(name) + 1)]
    probability = pd.DataFrame(
        network.predict_proba(prefixes), columns=network.classes_
    )
    others = probability.drop(columns=language).max().nlargest(4).index
    positions = np.arange(len(name))
    for other in others:
        ax.plot(positions, probability[other], ".--", linewidth=1, label=other)
    ax.plot(positions, probability[language], "o-", color="0.1", label=language)
    ax.set_xticks(positions, list(name), fontsize="large")
    ax.set(ylabel="probability", ylim=(-0.03, 1.03))
    ax.set_title(f"{name} ({language}; {subset} set)", loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))

figure.savefig("place_names.png", dpi=120)
print("\nFigure saved as place_names.png")
