"""One-step-ahead forecasts of log prices with default parameters, vs. the last price.

    python docs/benchmarks/stocks.py --data FOLDER [--seeds 3]

The last 1000 rows of the adjusted closing prices of AAPL and GOOG, 5 expanding folds of
100 test rows, `LSTMForecaster(window_length=60)`. No method beats the last price
significantly on daily prices, so the benchmark measures how much worse it is.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sktime.split import ExpandingWindowSplitter

from sklstm import LSTMForecaster, walk_forward

ROWS, TEST_ROWS, FOLDS = 1000, 100, 5
NORMALIZE = ("window", "last", "standard")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKLSTM_DATA"))
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("pass --data FOLDER (with stock/*.csv.gz) or set SKLSTM_DATA")
    cv = ExpandingWindowSplitter(
        fh=np.arange(1, TEST_ROWS + 1),
        initial_window=ROWS - FOLDS * TEST_ROWS,
        step_length=TEST_ROWS,
    )
    print(f"{'':6}{'normalize':12}{'MAE':>8}{'naive':>8}{'ratio':>8}  seeds")
    for ticker in ("AAPL", "GOOG"):
        frame = pd.read_csv(Path(arguments.data) / "stock" / f"{ticker}.csv.gz")
        y = np.log(frame["Adj Close"].to_numpy())[-ROWS:]
        for normalize in NORMALIZE:
            begin = time.perf_counter()
            errors = []
            for seed in range(arguments.seeds):
                model = LSTMForecaster(
                    window_length=60, normalize=normalize, random_state=seed
                )
                result = walk_forward(model, y[:, None], y, cv=cv)
                errors.append(result.summary.loc["mean_absolute_error"])
            error = np.mean([e["forecast"] for e in errors])
            naive = errors[0]["naive"]
            seeds = ", ".join(f"{e['forecast'] / naive:.4f}" for e in errors)
            seconds = (time.perf_counter() - begin) / len(errors)
            default = " (default)" if normalize == "window" else ""
            print(
                f"{ticker:6}{normalize:12}{error:8.4f}{naive:8.4f}{error / naive:8.4f}"
                f"  {seeds}; {seconds:.1f} s{default}",
                flush=True,
            )


if __name__ == "__main__":
    main()
