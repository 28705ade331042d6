"""Parameters that several estimators share are described alike."""

import inspect
import re
from importlib import import_module

import pytest

import sklstm

docscrape = pytest.importorskip("numpydoc.docscrape")

ESTIMATORS = {
    name: getattr(sklstm, name)
    for name in sklstm.__all__
    if inspect.isclass(getattr(sklstm, name))
    and hasattr(getattr(sklstm, name), "get_params")
}
ADAPTERS = {
    name: getattr(import_module(f"sklstm.{package}"), name)
    for package, name in (
        ("sktime", "SktimeLSTMForecaster"),
        ("sktime", "SktimeRNNClassifier"),
        ("sktime", "SktimeRNNRegressor"),
        ("sktime", "SktimeLSTMAutoencoderDetector"),
        ("sktime", "SktimeLSTMForecastDetector"),
        ("keras", "KerasSequenceClassifier"),
        ("keras", "KerasSequenceRegressor"),
    )
}
NETWORKS = {
    name: cls
    for name, cls in ESTIMATORS.items()
    if "learning_rate_schedule" in inspect.signature(cls).parameters
} | {name: cls for name, cls in ADAPTERS.items() if name.startswith("Sktime")}

# Described by the same words in all estimators that train a network.
SHARED = [
    "bidirectional",
    "callbacks",
    "dropout",
    "learning_rate",
    "learning_rate_schedule",
    "optimizer",
    "patience",
    "recurrent_dropout",
]
# It has a second network in place of layers that read both ways.
OTHER_MEANING = ("SequenceAnomalyDetector", "bidirectional")
# Estimators of one kind, and the parameters that each describes in its own words.
FAMILIES = [
    (["LSTMForecaster", "SktimeLSTMForecaster"], {"horizon", "normalize", "quantiles"}),
    (["LSTMForecaster", "WindowForecaster"], {"window_length", "known_future"}),
    (
        ["RNNClassifier", "RNNRegressor", "SktimeRNNClassifier", "SktimeRNNRegressor"],
        {"loss", "early_stopping"},
    ),
    (["LSTMAutoencoderDetector", "LSTMForecastDetector"], {"window_length", "units"}),
    (["LSTMAutoencoderDetector", "SktimeLSTMAutoencoderDetector"], set()),
    (["LSTMForecastDetector", "SktimeLSTMForecastDetector"], set()),
    (
        ["LSTMForecastDetector", "PCADetector"],
        {"window_length", "known_future", "validation_split"},
    ),
    (
        ["KerasSequenceClassifier", "KerasSequenceRegressor"],
        {"loss", "metrics", "model"},
    ),
]


REFERENCE = re.compile(r"\s*\((cf\. )?\[\d+\]_\)|(,? (cf\.|as in))?\s*\[\d+\]_")

# A pattern that docstrings spell as a raw string, and one that has to be passed.
UNSTATED = {"token_pattern", "model"}


def described(cls):
    """Return the type without its default, and the description, of each parameter."""
    parameters = {}
    for each in docscrape.ClassDoc(cls)["Parameters"]:
        kind = re.sub(r",\s*default=.*", "", each.type)
        text = " ".join(each.desc)
        # References are numbered per class, and adapters have none.
        text = re.sub(
            r"\s*\((cf\. )?\[\d+\]_\)|(,? (cf\.|as in))?\s*\[\d+\]_", "", text
        )
        parameters[each.name] = kind, " ".join(text.split())
    return parameters


@pytest.mark.parametrize("name", [*ESTIMATORS, *ADAPTERS])
def test_every_parameter_is_described_with_its_default(name):
    cls = (ESTIMATORS | ADAPTERS)[name]
    documented = {
        each.name.lstrip("*"): each.type
        for each in docscrape.ClassDoc(cls)["Parameters"]
    }
    signature = inspect.signature(cls).parameters
    assert list(documented) == list(signature)
    for parameter, each in signature.items():
        if each.default is inspect.Parameter.empty or parameter in UNSTATED:
            continue
        stated = documented[parameter].rpartition("default=")[2].strip()
        assert stated in (str(each.default), f'"{each.default}"') or (
            float(stated) == each.default
        ), parameter


@pytest.mark.parametrize("parameter", SHARED)
def test_shared_parameters_have_one_description(parameter):
    texts = {
        described(cls)[parameter]
        for name, cls in NETWORKS.items()
        if parameter in described(cls) and (name, parameter) != OTHER_MEANING
    }
    assert len(texts) == 1


@pytest.mark.parametrize(("names", "own"), FAMILIES, ids=lambda value: value)
def test_a_family_has_one_description_of_each_parameter(names, own):
    each = [described((ESTIMATORS | ADAPTERS)[name]) for name in names]
    for parameter in set.union(*map(set, each)) - own:
        texts = {one[parameter] for one in each if parameter in one}
        assert len(texts) == 1, parameter
