"""Parameters that are objects of Keras: losses, optimizers and callbacks."""

from __future__ import annotations

from typing import Any

from sklstm import engine


class KerasParameters:
    """Mixin of estimators that have such parameters.

    scikit-learn and sktime read the parameters before they copy them, and pickle asks
    for the state: by then objects of Keras must be copied without loss.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters of this estimator.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of estimators that are parameters.

        Returns
        -------
        params : dict
            Parameter names mapped to their values.
        """
        engine.enable_copying()
        return super().get_params(deep)  # type: ignore[misc]

    def __getstate__(self) -> Any:
        engine.enable_copying()
        return super().__getstate__()


def refuse_class(name: str, value: Any) -> None:
    """Raise an error if a class is passed where an object of it is meant."""
    if isinstance(value, type):
        raise ValueError(
            f"{name} must hold an object, got the class {value.__name__}. Pass "
            f"{value.__name__}(), with its arguments if it needs any."
        )
