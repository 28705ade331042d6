"""N-gram model of sequences of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from sklstm.engine import PADDING

# Steps of the EM algorithm that learns the weight of a mixture, and a number of tokens
# in favour of each of the two models, which matters if few are held out.
_EM_STEPS = 100
_PRIOR_TOKENS = 5.0

# Token ids of each document.
Documents = Sequence[np.ndarray]


@dataclass(frozen=True)
class NgramModel:
    """N-gram model with interpolated Kneser-Ney smoothing [1]_.

    The n-grams of each order have ids. That of order k is found by the id of its first
    k - 1 tokens and by its last token, so a whole document takes one search per order.

    Parameters
    ----------
    n_tokens : int
        Size of the vocabulary, with the padding.
    keys : tuple of ndarray of int
        For each order from 1, the ids of the first tokens times ``n_tokens`` plus the
        last token, sorted: the position of a key is the id of the n-gram.
    counts : tuple of ndarray of int
        For each order and n-gram, its count; of orders below the highest, the number of
        different tokens before it.
    totals : tuple of ndarray of int
        For each order and the n-grams of the order below, the sum of the counts of the
        n-grams that continue them.
    followers : tuple of ndarray of int
        Like ``totals``: the number of n-grams that continue them.
    discounts : tuple of float
        For each order, what is subtracted from each count.

    References
    ----------
    .. [1] Chen and Goodman (1999), "An empirical study of smoothing techniques for
       language modeling", Computer Speech & Language 13.
    """

    n_tokens: int
    keys: tuple[np.ndarray, ...]
    counts: tuple[np.ndarray, ...]
    totals: tuple[np.ndarray, ...]
    followers: tuple[np.ndarray, ...]
    discounts: tuple[float, ...]

    @classmethod
    def fit(cls, documents: Documents, order: int, n_tokens: int) -> NgramModel:
        """Count the n-grams of documents.

        Parameters
        ----------
        documents : sequence of ndarray of shape (n_tokens,)
        order : int
            Number of tokens in an n-gram.
        n_tokens : int
            Size of the vocabulary, with the padding.
        """
        tokens, place = _pad(documents, order)
        predicted = place >= order - 1
        ids = [np.zeros(len(tokens), np.int64)]
        keys: list[np.ndarray] = []
        for k in range(1, order + 1):
            # Others reach into the document before.
            complete = place >= k - 1
            found = _keys(_shift(ids[-1]), tokens, n_tokens)
            unique, inverse = np.unique(found[complete], return_inverse=True)
            keys.append(unique)
            ids.append(np.full(len(tokens), -1))
            ids[-1][complete] = inverse
        counts, totals, followers, discounts = [], [], [], []
        for k in range(1, order + 1):
            suffixes = ids[k][predicted]
            if k < order:
                # One occurrence of each n-gram that is longer by one token.
                _, first = np.unique(ids[k + 1][predicted], return_index=True)
                suffixes = suffixes[first]
            count = np.bincount(suffixes, minlength=len(keys[k - 1]))
            once, twice = int((count == 1).sum()), int((count == 2).sum())
            n_contexts = 1 if k == 1 else len(keys[k - 2])
            contexts = keys[k - 1] // n_tokens
            counts.append(count.astype(np.int32))
            total = np.bincount(contexts, count, n_contexts)
            totals.append(total.astype(np.int32))
            n_followers = np.bincount(contexts[count > 0], minlength=n_contexts)
            followers.append(n_followers.astype(np.int32))
            # The constants keep it between 0 and 1 where counts are few.
            discounts.append((once + 0.5) / (once + 2 * twice + 1))
        return cls(
            n_tokens,
            tuple(keys),
            tuple(counts),
            tuple(totals),
            tuple(followers),
            tuple(discounts),
        )

    @property
    def order(self) -> int:
        """Number of tokens in an n-gram."""
        return len(self.keys)

    def log_likelihood(self, documents: Documents) -> list[np.ndarray]:
        """Compute the log-likelihood of each token of each document.

        Parameters
        ----------
        documents : sequence of ndarray of shape (n_tokens,)

        Returns
        -------
        log_likelihood : list of ndarray of shape (n_tokens,)
        """
        tokens, place = _pad(documents, self.order)
        flat = self._log_likelihood(tokens)[place >= self.order - 1]
        return np.split(flat, np.cumsum([len(ids) for ids in documents])[:-1])

    def log_likelihood_after(self, history: np.ndarray, token: int) -> float:
        """Compute the log-likelihood of a token.

        Parameters
        ----------
        history : ndarray of int of shape (n_tokens,)
            All tokens of the document before it, or at least as many as an n-gram has.
        token : int
        """
        n_before = self.order - 1
        recent = history[max(len(history) - n_before, 0) :]
        padding = np.full(n_before - len(recent), PADDING)
        tokens = np.concatenate([padding, recent, [token]]).astype(np.int64)
        return float(self._log_likelihood(tokens)[-1])

    def _log_likelihood(self, tokens: np.ndarray) -> np.ndarray:
        """Compute it for each token, given those before it in the same array."""
        ids = np.zeros(len(tokens), np.int64)
        probability = np.full(len(tokens), 1 / (self.n_tokens - 1))
        for keys, counts, totals, followers, discount in zip(
            self.keys,
            self.counts,
            self.totals,
            self.followers,
            self.discounts,
            strict=True,
        ):
            contexts = _shift(ids)
            ids = _find(keys, _keys(contexts, tokens, self.n_tokens))
            # Unknown contexts leave the probability to the order below.
            known = (contexts >= 0) & (totals[contexts] > 0)
            count = np.where(ids >= 0, counts[ids], 0)[known]
            rest = discount * followers[contexts[known]] * probability[known]
            probability[known] = (np.maximum(count - discount, 0) + rest) / totals[
                contexts[known]
            ]
        return np.log(probability)


def _pad(documents: Documents, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Concatenate documents, each after ``order - 1`` tokens of padding.

    Returns
    -------
    tokens : ndarray of int of shape (n_tokens,)
    place : ndarray of int of shape (n_tokens,)
        Place of each token in its padded document.
    """
    padding = np.full(order - 1, PADDING)
    parts = [part for ids in documents for part in (padding, ids)]
    lengths = np.array([len(ids) + order - 1 for ids in documents])
    place = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.concatenate(parts).astype(np.int64), place


def _shift(ids: np.ndarray) -> np.ndarray:
    """Return the id before each; that before the first one is not used."""
    return np.append(ids[:1], ids[:-1])


def _keys(contexts: np.ndarray, tokens: np.ndarray, n_tokens: int) -> np.ndarray:
    return np.where(contexts >= 0, contexts * n_tokens + tokens, -1)


def _find(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the positions in sorted keys, -1 for those that are not there."""
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1)


def mix(network: np.ndarray, ngrams: np.ndarray, weight: float) -> np.ndarray:
    """Compute the log-likelihoods of tokens in a mixture of two models.

    Parameters
    ----------
    network, ngrams : ndarray of shape (n_tokens,)
        Log-likelihoods of the tokens in each model.
    weight : float
        Weight of the network, from 0 to 1.
    """
    with np.errstate(divide="ignore"):
        return np.logaddexp(network + np.log(weight), ngrams + np.log(1 - weight))


def learn_weight(network: np.ndarray, ngrams: np.ndarray) -> float:
    """Find the weight in a mixture with which held-out tokens are most likely [1]_.

    Parameters
    ----------
    network, ngrams : ndarray of shape (n_tokens,)
        Log-likelihoods of the tokens in each model.

    Returns
    -------
    weight : float
        Weight of the network.

    References
    ----------
    .. [1] Jelinek and Mercer (1980), "Interpolated estimation of Markov source
       parameters from sparse data", Pattern Recognition in Practice.
    """
    weight = 0.5
    for _ in range(_EM_STEPS):
        expected = expit(logit(weight) + network - ngrams).sum()
        weight = (expected + _PRIOR_TOKENS) / (len(network) + 2 * _PRIOR_TOKENS)
    return float(weight)
