"""
Hello world, letter by letter
=============================

The smallest text that many a tutorial begins with: a recurrent network learns it
character by character, tells what comes next, and writes it. Needs matplotlib besides
sklstm itself.
"""

# %%
# Fit, and ask what comes next
# ----------------------------
# Forty characters are a whole data set here. `CharLSTMGenerator` takes the text as it
# is. A small network is enough, and without dropout it learns the text by heart, which
# is what we want this once.

from collections import Counter

import matplotlib.pyplot as plt
import numpy as np

from sklstm import CharLSTMGenerator

text = "hello world hello tensorflow hello keras"
generator = CharLSTMGenerator(units=32, window_length=20, dropout=0.0, random_state=0)
generator.fit(text)

prompts = ["hello", "hello ", "hello t", "hello world hello ", "ten", "k"]
probability = generator.predict_proba(prompts)
print("What comes next, and how probable the network holds it to be")
for prompt, character, row in zip(
    prompts, generator.predict(prompts), probability, strict=True
):
    print(f"{prompt!r:22}{character!r:5}{row.max():.3f}")

# %%
# After "hello" there is always a blank. What comes after "hello " depends on how often
# it has been said: a "w" after the first one, a "t" after the second. So the network
# has to look back further than six characters, and does. "ten" and "k" alone are
# beginnings that it never read; it answers nonetheless.
#
# How many bits?
# --------------
# The fewer bits a character takes, the better it was foreseen. The naive model knows
# how often each character occurs, and nothing of their order. The end of the text is to
# be told too, by both.
#
# A text that the network has not read shows the other side of learning by heart: the
# words are the same, in another order.

end = ""
frequency = Counter([*text, end])


def naive_bits(characters):
    """Bits a character under the frequencies of the training text."""
    share = np.array([frequency[c] for c in [*characters, end]]) / frequency.total()
    return -np.log2(share).sum() / len(characters)


new_text = "hello keras hello world"
print("\nBits a character     naive  network")
for name, characters in {"text": text, "words reordered": new_text}.items():
    bits = generator.bits_per_char(characters)
    print(f"{name:18}{naive_bits(characters):8.3f}{bits:9.3f}")

# %%
# Write
# -----
# At temperature 0 the most probable character is taken each time, and what comes out is
# the text itself. The higher the temperature, the more often a less probable one is
# drawn, and what follows a slip is a text the network has never seen.

print('\nWritten on from "hello"')
for temperature in (0, 1, 2, 3):
    written = generator.generate(
        "hello", temperature=temperature, max_new_tokens=50, random_state=0
    )
    print(f"temperature {temperature}: hello{written}")

# %%
# What to look for
# ----------------
# Each column of the picture is what the network expects at that place, after all that
# stands to the left of it. The ring is what really comes.
#
# In the text it has learnt, dark cells and rings go together. In the reordered one the
# network expects "w" after the first "hello ", is taken by surprise, and is lost again
# after "keras", where the text used to end. It has learnt one text by heart rather
# than words. There it is wrong and sure of it, which costs many bits: most of its
# advantage over the naive model is gone. A good score on the training text says nothing
# about other texts.

characters = sorted(set(text))
rows = [*characters, end]
columns = [generator.vocabulary_[character] for character in rows]
figure, axes = plt.subplots(2, 1, figsize=(11, 8.6), layout="constrained")
figure.get_layout_engine().set(w_pad=0.15, h_pad=0.12)
titles = ["The text it has learnt", "The same words in another order"]
for ax, title, shown in zip(axes, titles, [text, new_text], strict=True):
    beginnings = [shown[:i] for i in range(len(shown) + 1)]
    expected = generator.predict_proba(beginnings)[:, columns].T
    image = ax.imshow(expected, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    truth = [rows.index(character) for character in [*shown, end]]
    ax.plot(truth, "o", markersize=11, markerfacecolor="none", color="tab:orange")
    names = {" ": "\u2423", end: "end"}
    ax.set_xticks(range(len(truth)), [names.get(c, c) for c in [*shown, end]])
    ax.set_yticks(range(len(rows)), [names.get(c, c) for c in rows])
    ax.set_title(title, loc="left")
    ax.set(xlabel="character that comes", ylabel="character expected")
    ax.spines[:].set_visible(False)
figure.colorbar(image, ax=axes, label="probability", shrink=0.5)

figure.savefig("hello_world.png", dpi=110)
print("\nPicture saved as hello_world.png")
