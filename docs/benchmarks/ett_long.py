"""ETTh1 and ETTh2, all seven columns, 96 to 720 hours ahead: the published protocol.

    python docs/benchmarks/ett_long.py --data FOLDER --file ETTh1 --horizon 96
        [--seeds 1] [--epochs 6] [--validate]

Training rows 0-8639, validation rows 8640-11519, test rows 11520-14399 (12, 4 and 4
months). Values are standardised with the training rows, and the horizon is forecast
from every hour. All horizons and both files use the same parameters, RECIPE. They were
chosen among CANDIDATES by the error on the validation rows of ETTh1, which
``--validate`` prints, averaged over the four horizons; without it the test rows are
evaluated.

Published errors: SegRNN with windows of 720 rows (Lin et al. 2023, arXiv:2308.11200),
and PatchTST (Nie et al. 2023, arXiv:2211.14730) as quoted in later comparisons.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from etth1 import TEST, TRAIN, VALIDATE, forecast_from_each_row, mse, truth

from sklstm import LSTMForecaster

RECIPE = {
    "window_length": 720,
    "patch_length": 24,
    "cell": "gru",
    "units": 128,
    "decoder": "segments",
    "channel_independent": True,
    "linear_skip": False,
    "normalize": "last",
    "dropout": 0.5,
    "loss": "mae",
    "learning_rate": 3e-3,
    "epochs": 6,
    "batch_size": 256,
}
CANDIDATES = [
    {},
    {"patch_length": 48},
    {"patch_length": 48, "learning_rate": 1e-3},
    {"epochs": 12},
]
HORIZONS = [96, 192, 336, 720]
PUBLISHED = {
    "ETTh1": {
        "SegRNN": {96: 0.351, 192: 0.392, 336: 0.423, 720: 0.466},
        "PatchTST": {96: 0.375, 192: 0.418, 336: 0.462, 720: 0.495},
    },
    "ETTh2": {
        "SegRNN": {96: 0.276, 192: 0.341, 336: 0.364, 720: 0.403},
        "PatchTST": {96: 0.290, 192: 0.382, 336: 0.421, 720: 0.404},
    },
}


def read(folder, name):
    """Read the columns of a file, standardised with the training rows."""
    paths = [Path(folder) / "ett" / f"{name}.csv{ending}" for ending in (".gz", "")]
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        raise FileNotFoundError(
            f"{paths[0]} is missing, and so is {paths[1].name}. Take {name}.csv from "
            "the folder ETT-small of https://github.com/zhouhaoyi/ETDataset."
        )
    y = pd.read_csv(path).drop(columns="date").to_numpy()[:TEST]
    return (y - y[:TRAIN].mean(axis=0)) / y[:TRAIN].std(axis=0)


def evaluate(y, part, horizon, seed, parameters):
    """Fit on the training rows; return MSE, MAE and seconds on a part of the rows."""
    clock = time.perf_counter()
    model = LSTMForecaster(horizon=horizon, random_state=seed, **parameters)
    model.fit(y[:TRAIN])
    begin, end = part
    if begin > TRAIN:
        model.update(y[TRAIN:begin])
    forecasts = forecast_from_each_row(model, y, begin, end)
    absolute = np.abs(forecasts - truth(y, begin, end, horizon)).mean()
    seconds = time.perf_counter() - clock
    return mse(forecasts, y, begin, end), absolute, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKLSTM_DATA"))
    parser.add_argument("--file", choices=sorted(PUBLISHED), default="ETTh1")
    parser.add_argument("--horizon", type=int, choices=HORIZONS, default=96)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=RECIPE["epochs"])
    parser.add_argument("--validate", action="store_true")
    options = parser.parse_args()
    if options.data is None:
        parser.error("the data: pass --data FOLDER or set SKLSTM_DATA")
    try:
        y = read(options.data, options.file)
    except FileNotFoundError as error:
        parser.error(str(error))
    candidates = CANDIDATES if options.validate else [{"epochs": options.epochs}]
    part = (TRAIN, VALIDATE) if options.validate else (VALIDATE, TEST)
    print(f"{options.file}, {options.horizon} hours ahead, ", end="")
    print("validation rows" if options.validate else "test rows")
    for candidate in candidates:
        parameters = RECIPE | candidate
        scores = []
        for seed in range(options.seeds):
            scores.append(evaluate(y, part, options.horizon, seed, parameters))
            print("seed {}: MSE {:.4f} MAE {:.4f}, {:.0f} s".format(seed, *scores[-1]))
        if options.validate:
            print(f"mean MSE {np.mean(scores, axis=0)[0]:.4f}  {candidate}", flush=True)
    if options.validate:
        return
    for method, errors in PUBLISHED[options.file].items():
        print(f"published MSE of {method}: {errors[options.horizon]:.3f}")
    print("MSE {:.4f} MAE {:.4f}".format(*np.mean(scores, axis=0)))


if __name__ == "__main__":
    main()
