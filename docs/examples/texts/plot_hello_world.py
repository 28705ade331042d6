"""
A character-level language model of "hello world"
=================================================

A recurrent network learns a text of 40 characters, predicts the next character, and
generates text. The example also shows what overfitting looks like in a language model.
Needs matplotlib besides sklstm itself.
"""

# %%
# Predicting the next character
# -----------------------------
# The training data is a single short text, which `CharLSTMGenerator` takes as it is. A
# small network is enough. Without dropout it memorises the text, which is intended in
# this example.

from collections import Counter

import matplotlib.pyplot as plt
import numpy as np

from sklstm import CharLSTMGenerator

text = "hello world hello tensorflow hello keras"
generator = CharLSTMGenerator(units=32, window_length=20, dropout=0.0, random_state=0)
generator.fit(text)

prompts = ["hello", "hello ", "hello t", "hello world hello ", "ten", "k"]
probability = generator.predict_proba(prompts)
print("Most probable next character, and its probability")
for prompt, character, row in zip(
    prompts, generator.predict(prompts), probability, strict=True
):
    print(f"{prompt!r:22}{character!r:5}{row.max():.3f}")

# %%
# After "hello" there is always a space. The character after "hello " depends on how
# often the word has occurred before: "w" after the first "hello", "t" after the second.
# The network therefore has to use more than the last six characters, and does. The
# training text does not begin with "ten" or "k", but the network predicts a next
# character after these prompts, too.
#
# Bits per character
# ------------------
# The better a model predicts a text, the fewer bits per character it needs. The naive
# model uses the frequency of each character and ignores the order. Both models also
# predict the end of the text.
#
# A new text, with the same words in another order, reveals the overfitting.

end = ""
frequency = Counter([*text, end])


def naive_bits(characters):
    """Return the bits per character under the frequencies of the training text."""
    probability = np.array([frequency[c] for c in [*characters, end]])
    probability = probability / frequency.total()
    return -np.log2(probability).sum() / len(characters)


new_text = "hello keras hello world"
print("\nBits per character   naive  network")
for name, characters in {"text": text, "words reordered": new_text}.items():
    bits = generator.bits_per_char(characters)
    print(f"{name:18}{naive_bits(characters):8.3f}{bits:9.3f}")

# %%
# Generating text
# ---------------
# At temperature 0, the most probable character is always selected, which reproduces the
# training text. The higher the temperature, the more often a less probable character is
# sampled. After such a deviation the network continues a text that did not occur in
# training.

print('\nContinuations of "hello"')
for temperature in (0, 1, 2, 3):
    generated = generator.generate(
        "hello", temperature=temperature, max_new_tokens=50, random_state=0
    )
    print(f"temperature {temperature}: hello{generated}")

# %%
# Discussion
# ----------
# Each column of the plots shows the predicted distribution of one character, given all
# characters to the left of it. The circle marks the actual character.
#
# In the training text, the predictions agree with the circles. In the reordered text,
# the network predicts "w" after the first "hello ", which is wrong, and fails again
# after "keras", where the training text ended. It has memorised one text instead of
# learning the words. Its wrong predictions are confident, which costs many bits, so
# most of its advantage over the naive model is lost. A good score on the training text
# says nothing about other texts.

characters = sorted(set(text))
rows = [*characters, end]
columns = [generator.vocabulary_[character] for character in rows]
figure, axes = plt.subplots(2, 1, figsize=(11, 8.6), layout="constrained")
figure.get_layout_engine().set(w_pad=0.15, h_pad=0.12)
titles = ["Training text", "The same words in another order"]
for ax, title, shown in zip(axes, titles, [text, new_text], strict=True):
    prefixes = [shown[:i] for i in range(len(shown) + 1)]
    predicted = generator.predict_proba(prefixes)[:, columns].T
    image = ax.imshow(predicted, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    actual = [rows.index(character) for character in [*shown, end]]
    ax.plot(actual, "o", markersize=11, markerfacecolor="none", color="tab:orange")
    names = {" ": "\u2423", end: "end"}
    ax.set_xticks(range(len(actual)), [names.get(c, c) for c in [*shown, end]])
    ax.set_yticks(range(len(rows)), [names.get(c, c) for c in rows])
    ax.set_title(title, loc="left")
    ax.set(xlabel="actual character", ylabel="predicted character")
    ax.spines[:].set_visible(False)
figure.colorbar(image, ax=axes, label="probability", shrink=0.5)

figure.savefig("hello_world.png", dpi=110)
print("\nFigure saved as hello_world.png")
