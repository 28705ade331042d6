"""
Why this class, why this alarm?
===============================

Which moments of an utterance tell who speaks, which letters give a language away, and
why is a server's memory called anomalous? Integrated gradients answer that for any
network of sklstm: contributions of all inputs that add up to the difference between the
answer and that for an input without information. Needs matplotlib and babel besides
sklstm itself.
"""

# %%
# Speakers
# --------
# Nine speakers say the same two vowels; twelve coefficients describe the spectrum at
# each time step (JapaneseVowels, which sktime installs). The contributions belong to a
# step and a coefficient.

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from babel import Locale
from sklearn.pipeline import make_pipeline
from sktime.datasets import load_japanese_vowels

from sklstm import (
    AttributionDisplay,
    LSTMAutoencoderDetector,
    RNNClassifier,
    SequenceTokenizer,
)
from sklstm.inspection import attribute

X, y = load_japanese_vowels("train", return_type="df-list")
X_test, y_test = load_japanese_vowels("test", return_type="df-list")
speakers = RNNClassifier(random_state=0).fit(X, y)
accuracy = pd.Series(speakers.predict(X_test) == y_test).mean()
naive = pd.Series(y_test).value_counts(normalize=True).max()
print(f"Speakers: accuracy {accuracy:.3f} (naive, the most frequent one: {naive:.3f})")
speaker = attribute(speakers, X_test[:1])
print(speaker.outputs.round(3).to_string())

# %%
# Languages
# ---------
# Names of countries in five languages, read letter by letter. After a tokenizer, the
# inputs are tokens.

locales = {code: Locale(code) for code in ("de", "fr", "pl", "fi", "hu")}
names = pd.DataFrame(
    [
        (name.lower(), locale.english_name)
        for locale in locales.values()
        for territory, name in locale.territories.items()
        if len(territory) == 2 and territory != "GR"
    ],
    columns=["name", "language"],
).drop_duplicates("name", keep=False)
languages = make_pipeline(
    SequenceTokenizer(analyzer="char"),
    RNNClassifier(embedding_dim=32, learning_rate=0.01, random_state=0),
).fit(names["name"], names["language"])
greece = [locale.territories["GR"].lower() for locale in locales.values()]
language = attribute(languages, greece)
print("\nThe name of Greece, which was left out of training")
print(language.outputs.round(3).assign(name=greece).to_string())

# %%
# An alarm
# --------
# An autoencoder that was trained on normal operation of a server reconstructs each
# window of metrics. In the row that deviates most, the value that it expects is
# explained by the rows around it. The recordings are those of
# :ref:`sphx_glr_gallery_anomalies_plot_server_metrics.py`.

here = Path(__file__).parent if "__file__" in globals() else Path()  # a notebook
data = here.parent / "anomalies" / "data"
normal = pd.read_csv(data / "server_metrics_ordinary.csv.gz")
test = pd.read_csv(data / "server_metrics_incidents.csv.gz", keep_default_na=False)
incident = test.pop("incident")
detector = LSTMAutoencoderDetector(window_length=30, random_state=0).fit(normal)
alarm = attribute(detector, test)
row, feature = alarm.outputs.index[0]
expected, actual = alarm.outputs["output"].item(), test.loc[row, feature]
print(f"\nRow {row}: {feature} is {actual:.1f}, expected {expected:.1f}")
print(f"What went wrong there: {incident[row] or 'nothing'}")

figure = plt.figure(figsize=(12, 8.5), layout="constrained")
left, right = figure.subfigures(1, 2, wspace=0.03)
AttributionDisplay.from_attribution(
    speaker, ax=left.subplots(2, height_ratios=[2.2, 1])
)
texts, metrics = right.subfigures(2, height_ratios=[1, 1.4])
for number, panel in enumerate(texts.subplots(len(greece))):
    AttributionDisplay.from_attribution(language, output=number, ax=panel)
AttributionDisplay.from_attribution(
    alarm, kind="series", max_columns=3, ax=list(metrics.subplots(3, sharex=True))
)
figure.savefig("why_this_class.png", dpi=110)
print("\nFigure saved as why_this_class.png")
