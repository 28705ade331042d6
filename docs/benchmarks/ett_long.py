"""ETTh1 and ETTh2, all seven columns, 96 to 720 hours ahead: the published protocol.

    python docs/benchmarks/ett_long.py --data FOLDER [--file ETTh1] [--horizon 96]
        [--seeds 1] [--validate]

Training rows 0-8639, validation rows 8640-11519, test rows 11520-14399 (12, 4 and 4
months). Values are standardised with the training rows, and the horizon is forecast
from every hour. All horizons and both files use the same parameters, RECIPE. They were
chosen among CANDIDATES by the error on the validation rows of ETTh1, which
``--validate`` prints; without it the test rows are evaluated.

Published errors are those of the papers: SegRNN (Lin et al. 2023, arXiv:2308.11200,
window of 720 rows) and PatchTST/42 (Nie et al. 2023, arXiv:2211.14730, window of 336).
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
    "patch_length": 48,
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
    {"patch_length": 24},
]
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
    paths = [
        folder / "ett" / f"{name}.csv{ending}"
        for folder in (Path(folder), Path(folder).parent)
        for ending in ("", ".gz")
    ]
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        raise SystemExit(
            f"{name}: there is no ett/{name}.csv or ett/{name}.csv.gz in {folder}. "
            "The file is part of https://github.com/zhouhaoyi/ETDataset (ETT-small)."
        )
    y = pd.read_csv(path).drop(columns="date").to_numpy()[:TEST]
    return (y - y[:TRAIN].mean(axis=0)) / y[:TRAIN].std(axis=0)


def evaluate(y, begin, end, horizon, seed, parameters):
    """Fit on the training rows, and return MSE, MAE and seconds on others."""
    clock = time.perf_counter()
    model = LSTMForecaster(horizon=horizon, random_state=seed, **RECIPE | parameters)
    model.fit(y[:TRAIN]).update(y[TRAIN:begin]) if begin > TRAIN else model.fit(
        y[:TRAIN]
    )
    forecasts = forecast_from_each_row(model, y, begin, end)
    seconds = time.perf_counter() - clock
    errors = forecasts - truth(y, begin, end, horizon)
    return mse(forecasts, y, begin, end), np.abs(errors).mean(), seconds
