"""The report of a validation: one page without any other file, that a browser shows."""

import re
import shutil
from dataclasses import replace
from html import unescape
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sktime.split import ExpandingWindowSplitter

from sklstm import WindowForecaster, walk_forward
from sklstm.inspection import permutation_importance

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

CV = ExpandingWindowSplitter(fh=np.arange(1, 13), initial_window=160, step_length=12)


def make_series(n_rows=220):
    rng = np.random.default_rng(0)
    index = pd.date_range("2024-01-01", periods=n_rows, freq="6h")
    X = pd.DataFrame(rng.normal(size=(n_rows, 2)), index, columns=["load", "<wind>"])
    X["load"] += 3 * np.sin(np.arange(n_rows) / 4)
    return X


@pytest.fixture(scope="module")
def result():
    X = make_series()
    forecaster = WindowForecaster(
        Ridge(), window_length=8, horizon=3, calibration_split=0.2
    )
    return walk_forward(forecaster, X, X["load"], cv=CV, season_length=25, coverage=0.8)


@pytest.fixture(scope="module")
def page(result, tmp_path_factory):
    X = make_series()
    importance = permutation_importance(
        result.estimator, X, X["load"], cv=CV, n_repeats=1, random_state=0
    )
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert result.report(path, importance=importance, title="Load & <wind>") == path
    return path


def test_the_page_needs_no_other_file(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|iframe|object)\b", text)
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert "url(http" not in text
    assert "@import" not in text


def test_the_scores_are_those_of_the_result(result, page):
    text = page.read_text(encoding="utf-8")
    table = pd.read_html(StringIO(text))[0].set_index("Unnamed: 0")
    summary = result.summary
    for metric, row in table.iterrows():
        expected = summary.loc[metric.replace(" ", "_")]
        assert row["forecast"] == pytest.approx(expected["forecast"], rel=1e-3)
        assert row["naive"] == pytest.approx(expected["naive"], rel=1e-3)
        assert float(row["skill"].rstrip("%")) == pytest.approx(
            100 * expected["skill"], abs=0.06
        )


def test_the_worst_forecasts_come_first(result, page):
    tables = pd.read_html(StringIO(page.read_text(encoding="utf-8")))
    worst = next(table for table in tables if "error" in table)
    table = result.forecasts
    errors = (table["forecast"] - table["actual"]).abs().sort_values(ascending=False)
    assert len(worst) == 10
    assert worst["error"].to_numpy() == pytest.approx(errors[:10].to_numpy(), rel=1e-3)
    assert worst.iloc[:, 0].tolist() == [str(time) for time in errors.index[:10]]


def test_sections_parameters_and_versions(result, page):
    text = unescape(page.read_text(encoding="utf-8"))
    for title in (
        "Load & <wind>",
        "Scores",
        "Forecasts",
        "Where the errors are",
        "Prediction intervals",
        "Importance",
        "Worst forecasts",
        "Parameters and versions",
    ):
        assert f">{title}</h" in text
    assert repr(result.estimator) in text
    assert "calibration_split" in text
    assert f"pandas {pd.__version__}" in text
    assert "nominal coverage 80%" in text


def test_several_series_and_targets(tmp_path):
    X = make_series()
    panel = pd.concat({("north", 1): X, ("south", 2): 5 * X}, names=["area", "id"])
    estimator = WindowForecaster(Ridge(), window_length=8)
    result = walk_forward(estimator, panel, cv=CV)
    text = result.report(tmp_path / "panel.html").read_text(encoding="utf-8")
    assert "2 series, 2 targets" in text
    assert "error relative to naive" in text
    assert "Prediction intervals" not in text
    assert "<wind>" not in text  # escaped
    # Without times there are no weekdays.
    numbered = walk_forward(estimator, X.to_numpy(), cv=CV)
    text = numbered.report(tmp_path / "plain.html").read_text(encoding="utf-8")
    assert "weekday" not in text


def test_a_result_without_an_estimator(result, tmp_path):
    """Such as one unpickled from an earlier version."""
    bare = replace(result, estimator=None, coverage=None)
    text = bare.report(tmp_path / "bare.html").read_text(encoding="utf-8")
    assert "Walk-forward validation of Forecasts" in text


def test_bad_input(result, tmp_path):
    with pytest.raises(FileNotFoundError, match="folder that does not exist.*Create"):
        result.report(tmp_path / "missing" / "report.html")
    with pytest.raises(TypeError, match="permutation_importance, got dict"):
        result.report(tmp_path / "report.html", importance={})


@pytest.fixture
def browser(tmp_path):
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs the programs chromium and chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1000,1400",
        f"--user-data-dir={tmp_path / 'profile'}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(driver)
    with webdriver.Chrome(options=options, service=service) as browser:
        yield browser


@pytest.mark.parametrize("width", [1000, 420])
def test_a_browser_shows_the_page(browser, page, width):
    browser.set_window_size(width, 1400)
    browser.get(page.as_uri())
    assert browser.title == "Load & <wind>"
    assert not browser.get_log("browser")
    # Nothing was loaded from elsewhere.
    assert (
        browser.execute_script(
            "return performance.getEntriesByType('resource')"
            ".filter(each => !each.name.startsWith('data:')).length"
        )
        == 0
    )
    # Wide tables scroll by themselves; the page does not.
    assert browser.execute_script(
        "const root = document.documentElement;"
        "return root.scrollWidth <= root.clientWidth"
    )
    sizes = browser.execute_script(
        "return [...document.querySelectorAll('figure svg, figure img')].map(each => {"
        "  const box = each.getBoundingClientRect(); return [box.width, box.height]; })"
    )
    assert len(sizes) == 4
    assert all(width > 250 and height > 50 for width, height in sizes)
    details = browser.find_element("css selector", "details")
    table = details.find_element("css selector", "table")
    assert not table.is_displayed()
    details.find_element("css selector", "summary").click()
    assert table.is_displayed()
