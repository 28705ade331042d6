"""Sentiment of sentences from film reviews: RNNClassifier and linear models.

    python docs/benchmarks/sentiment.py --data FOLDER [--seeds 3] [--validate]

Sentence Polarity Dataset 1.0: 8530 training and 2132 test sentences. With --validate,
the script prints the accuracy of a five-fold cross-validation on the training
sentences, which was used to choose the parameters.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from sklstm import RNNClassifier, SequenceTokenizer

PARAMETERS = {
    "embedding_dim": 64,
    "units": 32,
    "pooling": "mean",
    "learning_rate": 1e-3,
    "epochs": 3,
    "batch_size": 32,
}


def network(seed):
    return make_pipeline(
        SequenceTokenizer(min_df=2), RNNClassifier(**PARAMETERS, random_state=seed)
    )


def linear(seed):
    return make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))


def linear_with_bigrams(seed):
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    return make_pipeline(vectorizer, LogisticRegression(C=10, max_iter=1000))


METHODS = {
    "sklstm": network,
    "TF-IDF + logistic regression": linear,
    "TF-IDF of words and word pairs + logistic regression": linear_with_bigrams,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKLSTM_DATA"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--validate", action="store_true")
    options = parser.parse_args()
    if options.data is None:
        parser.error("the data: pass --data FOLDER or set SKLSTM_DATA")
    path = Path(options.data) / "sentiment" / "sentence_polarity.csv.gz"
    frame = pd.read_csv(path)
    train, test = (frame[frame["split"] == part] for part in ("train", "test"))
    for name, make in METHODS.items():
        accuracies, begin = [], time.perf_counter()
        seeds = range(options.seeds if name == "sklstm" else 1)
        for seed in seeds:
            if options.validate:
                cv = StratifiedKFold(5, shuffle=True, random_state=seed)
                scores = cross_val_score(
                    make(seed), train["text"], train["label"], cv=cv
                )
                accuracies.append(scores.mean())
            else:
                model = make(seed).fit(train["text"], train["label"])
                accuracies.append(model.score(test["text"], test["label"]))
        seconds = (time.perf_counter() - begin) / len(seeds)
        by_seed = ", ".join(f"{accuracy:.4f}" for accuracy in accuracies)
        print(f"{name}: {np.mean(accuracies):.4f} ({by_seed}), {seconds:.1f} s each")


if __name__ == "__main__":
    main()
