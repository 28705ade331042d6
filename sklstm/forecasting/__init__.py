"""Forecasting of time series."""

from sklstm.forecasting._lstm import LSTMForecaster
from sklstm.forecasting._pipeline import ForecastPipeline, make_forecast_pipeline
from sklstm.forecasting._window import WindowForecaster

__all__ = [
    "LSTMForecaster",
    "WindowForecaster",
    "ForecastPipeline",
    "make_forecast_pipeline",
]
