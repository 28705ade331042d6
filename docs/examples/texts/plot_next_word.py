"""
The next word, by three cells
=============================

Three short sentences, and a simple recurrent network, an LSTM and a GRU that tell how
they go on. Beside them stand a model that counts words and one that counts pairs of
words. Needs matplotlib besides sklstm itself.
"""

# %%
# The sentences
# -------------
# Each sentence is a document of its own. Its end is a token like its words, so that a
# model has 15 tokens to tell. The first word cannot be known: there are three
# sentences, and each may come. All other words follow from those before them.

import itertools
from collections import Counter, defaultdict

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklstm import WordLSTMGenerator

sentences = ["hello how are you", "i am fine thank you", "how about you"]
end = ""
beginnings, next_words = [], []
for sentence in sentences:
    words = sentence.split()
    beginnings += [" ".join(words[:i]) for i in range(len(words) + 1)]
    next_words += [*words, end]

# %%
# Three cells
# -----------
# The networks differ in their cell and in nothing else. A GRU has three gates' worth of
# weights where the simple cell has one, and an LSTM four.

networks = {
    cell: WordLSTMGenerator(
        cell=cell,
        units=16,
        embedding_dim=16,
        dropout=0.0,
        window_length=6,
        random_state=0,
    ).fit(sentences)
    for cell in ("rnn", "lstm", "gru")
}

# %%
# Two models that count
# ---------------------
# The naive model takes the most frequent word, and for its probability the share of it.
# The bigram model counts which words follow a word.

words = Counter(next_words)
pairs = defaultdict(Counter)
for sentence in sentences:
    for word, follower in itertools.pairwise([end, *sentence.split(), end]):
        pairs[word][follower] += 1

vocabulary = [*dict.fromkeys(next_words)]
vocabulary.remove(end)
vocabulary.append(end)


def counted(counts):
    """Shares of counts, in the order of the vocabulary."""
    return np.array([counts[word] for word in vocabulary]) / counts.total()


def naive(prompts):
    return np.array([counted(words) for _ in prompts])


def bigram(prompts):
    return np.array([counted(pairs[[end, *p.split()][-1]]) for p in prompts])


def reader(network):
    """The network's probabilities in the order of the vocabulary."""
    columns = [network.vocabulary_[word] for word in vocabulary]
    return lambda prompts: network.predict_proba(prompts)[:, columns]


models = {"naive": naive, "bigram": bigram}
models |= {cell: reader(network) for cell, network in networks.items()}

# %%
# Perplexity is how many equally probable words there seem to be at each place. With
# three sentences to choose from and nothing else in doubt, it cannot be lower than
# 3 to the power of 3/15, which is 1.246, unless a sentence is preferred that does not
# come more often. A network gives its own by ``perplexity``; for the counts we compute
# it from the same 15 tokens.

places = [vocabulary.index(word) for word in next_words]
rows = {}
for name, model in models.items():
    probability = model(beginnings)
    told = probability[np.arange(len(places)), places]
    rows[name] = {
        "weights": "",
        "perplexity": np.exp(-np.log(told).mean()),
        "told rightly": np.mean(probability.argmax(axis=1) == places),
    }
for cell, network in networks.items():
    rows[cell]["weights"] = f"{network.network_.count_params():,}"
    rows[cell]["perplexity"] = network.perplexity(sentences)
table = pd.DataFrame(rows).T
print("Weights, perplexity, and share of the 15 next tokens told rightly")
print(table.to_string(float_format="{:.3f}".format))

# %%
# After some prompts
# ------------------
# An empty prompt begins a sentence, and "." would stand for the end of one. None of
# the sentences begins like the last two.

prompts = ["", "how", "hello how", "i am fine", "thank", "you how"]
answers = pd.DataFrame(
    {
        name: [vocabulary[i] or "." for i in model(prompts).argmax(axis=1)]
        for name, model in models.items()
    },
    index=[prompt or "(nothing)" for prompt in prompts],
)
print("\nMost probable next word")
print(answers.to_string())

print("\nA sentence written by each network at temperature 0, after 'hello'")
for cell, network in networks.items():
    print(f"{cell:6}hello {network.generate('hello', temperature=0)}")

# %%
# What to look for
# ----------------
# All three cells learn the sentences by heart, down to nearly the least perplexity
# there is. So the table is no contest: a sentence of five words asks for no long
# memory, and it is only there that the cells differ. Choose a cell on texts of your own
# and held-out parts of them, not on this.
#
# The networks do show what reading from the beginning is good for. After "how" the
# bigram model is undecided between "are" and "about", and the table names the first of
# them. The networks tell "are" after "hello how" and "about" after "how" alone.
#
# "thank" begins none of the sentences. After such a prompt the networks do not know
# that they do not know. What each of them then expects is an accident of its weights:
# another ``random_state`` gives another answer. The bigram model, which looks back no
# further than one word, says "you".

shown = {
    "": "At the beginning",
    "how": "how ...",
    "hello how": "hello how ...",
    "thank": "thank ...  (begins no sentence)",
}
figure, axes = plt.subplots(2, 2, figsize=(13, 7), layout="constrained")
figure.get_layout_engine().set(w_pad=0.12, h_pad=0.15)
for ax, (prompt, title) in zip(axes.flat, shown.items(), strict=True):
    probability = np.vstack([model([prompt]) for model in models.values()])
    image = ax.imshow(probability, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(probability):
        if value >= 0.005:
            ax.text(
                column,
                row,
                f"{value:.2f}",
                ha="center",
                va="center",
                color="white" if value > 0.6 else "0.15",
            )
    ax.set_xticks(range(len(vocabulary)), [word or "(end)" for word in vocabulary])
    ax.set_yticks(range(len(models)), [*models])
    ax.axhline(1.5, color="0.6", linewidth=1)
    ax.set_title(title, loc="left")
    ax.spines[:].set_color("0.8")
    ax.tick_params(length=0)
figure.colorbar(image, ax=axes, label="probability of the next word", shrink=0.6)

figure.savefig("next_word.png", dpi=110)
print("\nPicture saved as next_word.png")
