"""Warnings that point at the user's own line."""

from __future__ import annotations

import sys
import warnings

# Code of these packages stands between the user's line and that of the warning.
_INNER_PACKAGES = {"sklstm", "sklearn", "joblib", "sktime", "skbase", "scikeras"}


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the first line outside this package and those that call it.

    Parameters
    ----------
    message : str
    category : type of Warning, default=UserWarning
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_inner(frame.f_globals):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_inner(module: dict) -> bool:
    return str(module.get("__name__")).partition(".")[0] in _INNER_PACKAGES
