"""
Hyperparameter search on a Dask cluster
=======================================

A grid search and a walk-forward validation run on a Dask cluster. Here the cluster
consists of two processes on this machine; the same code runs on a cluster of several
machines. Needs dask and matplotlib besides sklstm itself
(``pip install "dask[distributed]" matplotlib``).
"""

# %%
# The task
# --------
# A noisy seasonal series and four candidates: two window lengths, each with two numbers
# of units. Each candidate is evaluated by walk-forward validation over four folds.

import pickle
from time import perf_counter

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sktime.split import ExpandingWindowSplitter

from sklstm import LSTMForecaster, WalkForwardCV, walk_forward

rng = np.random.default_rng(0)
t = np.arange(900)
y = np.sin(t / 4) + 0.5 * np.sin(t / 25) + rng.normal(0, 0.2, len(t))
X = y[:, None]

model = make_pipeline(
    MinMaxScaler(), LSTMForecaster(horizon=10, epochs=10, random_state=0)
)
candidates = {
    "lstmforecaster__window_length": [10, 30],
    "lstmforecaster__units": [8, 32],
}
steps = np.arange(1, 51)
splitter = ExpandingWindowSplitter(steps, initial_window=600, step_length=50)


def search():
    return GridSearchCV(
        model,
        candidates,
        cv=WalkForwardCV(splitter),
        scoring="neg_mean_absolute_error",
        n_jobs=2,
    ).fit(X[:800], y[:800])


# %%
# The cluster
# -----------
# ``Client("tcp://scheduler:8786")`` would connect to a remote cluster, whose workers
# need sklstm installed. A task contains only the estimator with its parameters; each
# worker compiles the network once per architecture. The series is sent to each worker
# once. Workers use no more cores than Dask assigns to them. (With several GPUs, start
# one worker per GPU, as dask-cuda does; each worker then uses its own GPU.)
#
# The ``__main__`` guard below is needed whenever processes are started, because each of
# them imports this file.


def main():
    from dask.distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster),
        joblib.parallel_config("dask"),
    ):
        begin = perf_counter()
        found = search()
        seconds = perf_counter() - begin
        result = walk_forward(
            found.best_estimator_,
            X,
            y,
            cv=ExpandingWindowSplitter(steps, initial_window=800, step_length=50),
            n_jobs=2,
        )
    print(f"Size of an unfitted estimator: {len(pickle.dumps(model)) / 1000:.1f} kB")
    size = len(pickle.dumps(found.best_estimator_)) / 1000
    print(f"Size of the fitted estimator: {size:.1f} kB")
    print(f"16 fits on two workers: {seconds:.1f} s, with imports and compilation")
    print(f"Best: {found.best_params_}")
    print(result)
    return found, result


# %%
# Results
# -------
# Left: the error of each candidate in the search, with the best one in blue. Right: the
# last 100 rows as forecast by the best candidate, ten steps at a time.

if __name__ == "__main__":
    found, result = main()

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 4), width_ratios=[2, 3], layout="constrained"
    )
    table = pd.DataFrame(found.cv_results_)
    names = [
        f"window {params['lstmforecaster__window_length']}, "
        f"{params['lstmforecaster__units']} units"
        for params in table["params"]
    ]
    colors = np.where(table["rank_test_score"] == 1, "#1769aa", "0.75")
    left.barh(names[::-1], -table["mean_test_score"][::-1], color=colors[::-1])
    left.set_title("Mean absolute error in the search", loc="left")
    rows = result.forecasts
    right.plot(rows["actual"], color="0.2", label="actual", linewidth=1.2)
    right.plot(rows["forecast"], color="#1769aa", label="forecast", linewidth=1.6)
    right.set_title("Forecasts of the last 100 rows", loc="left")
    right.legend(frameon=False, ncols=2)
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig("search_with_dask.png", dpi=120)
    print("Figure saved as search_with_dask.png")
