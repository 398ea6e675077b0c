"""Type checks of a user's script."""

import inspect
import re
from pathlib import Path

import pytest
from mypy import api

from sknamegen import CharLSTMGenerator, CharNGramGenerator, NameClassifier, NamePseudonymizer

ROOT = Path(__file__).parents[1]
SCRIPT = """
from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer
from sknamegen import NameClassifier, load_names
from sknamegen.metrics import constraint_probability

names, labels = load_names(return_X_y=True)
windows = CharSequenceVectorizer(window_length=5).fit_transform(names)
generator = CharLSTMGenerator(hidden_size=8, max_epochs="auto").fit(windows, labels)
reveal_type(generator)  # CharLSTMGenerator
reveal_type(generator.sample())  # str
reveal_type(generator.sample("Mar", 0.5, max_length=5))  # str
reveal_type(generator.sample(n_samples=3))  # list[str]
reveal_type(generator.sample("Mar", 0.5, 3, label="female"))  # list[str]
reveal_type(generator.sample(["A", "B"]))  # list[str]
reveal_type(generator.score(windows))  # float
classifier = NameClassifier(CharNGramGenerator()).fit(windows, labels)
reveal_type(classifier)  # NameClassifier
reveal_type(classifier.score(windows, labels))  # float
reveal_type(load_names())  # list[str]
reveal_type(constraint_probability(CharNGramGenerator().fit(windows)))  # tuple[float, float]
generator.sample(min_lenght=3)  # error: "min_lenght"
"".join(generator.stream("A", pattern=5))  # error: "pattern"
generator.most_likely(3, top_k=2)  # error: "top_k"
constraint_probability(generator, max_lenght=3)  # error: "max_lenght"
CharLSTMGenerator(precision="half")  # error: "precision"
CharSequenceVectorizer(5)  # error: Too many positional arguments
generator.sample().append("x")  # error: "append"
"""


@pytest.mark.full
def test_mypy_checks_a_user_script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # so that mypy finds the package only if installed
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    # The cache of `mypy` in the clone reduces the time from ten seconds to two.
    config = ["--config-file", ROOT / "pyproject.toml", "--cache-dir", ROOT / ".mypy_cache"]
    printed, failure, _ = api.run(list(map(str, [*config, script])))
    assert not failure
    errors = dict(re.findall(r"script\.py:(\d+): (?:error: |note: (?=Revealed))(.*)", printed))
    for number, line in enumerate(SCRIPT.splitlines(), 1):
        code, _, expected = line.partition("  # ")
        message = errors.pop(str(number), "")
        if code.startswith("reveal_type"):
            message = re.sub(r"builtins\.|[\w.]+\.(?=CharLSTM|NameClassifier)", "", message)
            assert message == f'Revealed type is "{expected}"', code
        else:
            assert expected.removeprefix("error: ") in message, code
            assert bool(message) == bool(expected), code
    assert not errors


def test_signatures_name_long_unions():
    """`help` shows "ArrayLike" instead of the members of the union."""
    for kind in (CharLSTMGenerator, CharNGramGenerator, NameClassifier, NamePseudonymizer):
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            if not name.startswith("_") and method.__module__.startswith("sknamegen"):
                assert "numpy._typing" not in str(inspect.signature(method)), (kind, name)
