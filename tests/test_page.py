"""Web pages that generate names, with the script in Node and the pages in Chromium."""

import json
import os
import re
import shutil
import subprocess
import threading
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import NODE, ngram_pipeline, posix, repeats, slowly_chosen, small_pipeline, windows_of
from scipy.stats import chi2
from sklearn.pipeline import make_pipeline
from test_clusters import INCOMPLETE, LENGTHS, SCOTLAND

from sknamegen import (
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    load_names,
    save_page,
)

full = partial(pytest.param, marks=pytest.mark.full)
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# The workflow provides a browser. Its tests fail if Chromium is missing.
IS_REQUIRED = "SKNAMEGEN_CHROMIUM" in os.environ
NEEDS_CHROMIUM = pytest.mark.skipif(not (CHROMIUM or IS_REQUIRED), reason="needs Chromium")
FEW, WORDS = load_names("female")[::120], ["ab ba", "ba ab", "ab's", "b ba", "a b"]
CASELESS = ["आरती", "अद्वैत", "किशोर", "しんじゅく", "うえの", "שרה", "Zoe\u0328", "Ngọc"]
EMOJI = ["👨‍👩‍👧‍👦👍🏽", "👍🏽👍🏿", "🇫🇷🇩🇪", "🇫🇷", "👍🏽", "👨‍👩‍👧‍👦", SCOTLAND, "\u06dd5กำ"]
SCORED = [*load_names("male")[:3800:300], *CASELESS[:6], "", "A", "Ab-cd O'N", "Hildegardamarietta"]
TITLE = "</title><script>document.title = 'broken'</script> & {{MODEL_JSON}}"
TOOLS, USE, REOPEN = Path(__file__).with_name("page.js").read_text("utf-8").split("// ---\n")


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
        [NODE, "run.mjs"], cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def pipes():
    """Yield the kind and the fitted pipeline of each model."""
    names, labels = load_names(return_X_y=True)
    names, labels = names[::20], labels[::20]
    default, counted = (
        make_pipeline(CharSequenceVectorizer(), CharLSTMGenerator(**params, random_state=0))
        for params in ({"max_epochs": 1}, {"max_epochs": 1, "ngram_counts": True})
    )
    yield "n-grams", ngram_pipeline().fit(names)
    yield "n-grams, order 1", ngram_pipeline(order=1).fit(names)
    yield "n-grams, short window", ngram_pipeline(2).fit(names)
    yield "n-grams, labels", ngram_pipeline().fit(names, labels)
    yield "words, n-grams", ngram_pipeline().fit(WORDS)
    yield "few names", default.fit(FEW)
    yield "few names, counts and labels", counted.fit(names[::10], labels[::10])
    yield "from scratch", small_pipeline(num_layers=2).fit(names)
    yield "one-hot, short window", small_pipeline(window_length=4, embedding_dim=None).fit(names)
    yield "two networks, labels", small_pipeline(num_networks=2).fit(names, labels)
    yield "scripts, n-grams", ngram_pipeline().fit(CASELESS * 2)
    yield "scripts", small_pipeline().fit(CASELESS * 2)
    yield "emoji", ngram_pipeline().fit(EMOJI * 5)


@pytest.fixture(scope="module")
def kinds():
    return dict(pipes())


def test_scores_match_the_generator(tmp_path, kinds):
    """With and without labels, scores agree within 0.001 nats per character, or 0.005%."""
    script = f"const names = {json.dumps(SCORED)}; return [undefined, ...g.labels].map("
    script += "(label) => names.map((name) => g.logLikelihood(name, label)));"
    lengths = np.array([len(name) + 1 for name in SCORED])
    for kind, pipe in kinds.items():
        generator, windows = pipe[-1], pipe[0].transform(SCORED)
        labels = [None, *getattr(generator, "classes_", [])]
        for label, actual in zip(labels, node(tmp_path, generator, script), strict=True):
            y = None if label is None else [label] * len(SCORED)
            expected = generator.score_samples(windows, y)
            pair = actual / lengths, expected / lengths
            np.testing.assert_allclose(*pair, rtol=5e-5, atol=1e-3, err_msg=kind)


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


@pytest.mark.parametrize(
    ("kind", "n", "temperature", "constraints"),
    [
        ("n-grams", 8000, 1, {}),
        ("n-grams", 3000, 0.5, {"seed": "Ma", "min_length": 4, "max_length": 5}),
        ("n-grams, labels", 4000, 0.5, {"label": "male"}),
        full("n-grams, labels", 4000, 1, {"label": {"male": 1, "female": 2}}),
        ("n-grams, labels", 4000, 0.5, {"seed": "A"}),
        full("n-grams", 3000, 0.5, {"min_p": 0.1}),
        ("scripts, n-grams", 5000, 1, {}),
        ("scripts, n-grams", 2000, 0.5, {"min_length": 2, "max_length": 3}),
        ("emoji", 4000, 1, {"max_length": 1}),
        ("emoji", 4000, 0.5, {"max_length": 2}),
        full("few names", 500, 0.5, {}),
        full("two networks, labels", 2000, 1, {"label": "female"}),
    ],
)
def test_samples_match_the_generator(tmp_path, kinds, kind, n, temperature, constraints):
    camel_case = partial(re.sub, "_(.)", lambda match: match[1].upper())  # as in the script
    options = {camel_case(name): value for name, value in constraints.items()}
    options |= {"n": n, "random": 1, "temperature": temperature, "tries": 5000}
    names = node(tmp_path, kinds[kind][-1], f"return g.sample({json.dumps(options)});")
    assert len(names) == n
    seed = constraints.get("seed", "")
    limits = {name: value for name, value in constraints.items() if name != "seed"}
    expected = kinds[kind][-1].sample(seed, temperature, 4 * n, random_state=0, **limits)
    assert_same_distribution(names, expected)


@pytest.mark.parametrize("kind", ["words, n-grams", "n-grams", "n-grams, labels"])
@pytest.mark.parametrize("penalty", [0, 1])
def test_choices_match_a_slow_choice(tmp_path, kinds, kind, penalty):
    """So do those of Python, as `test_best.py` tests."""
    generator, learned = kinds[kind][-1], WORDS if "words" in kind else load_names()[::20]
    names = generator.sample("", 1, 60, random_state=0)
    n_labels = len(getattr(generator, "classes_", [None]))
    labels = np.random.default_rng(0).integers(n_labels, size=60)
    scores = generator.score_samples(names) / [len(name) + 1 for name in names]
    expected = slowly_chosen(names, scores, labels, labels[:25], penalty, learned)
    rows = zip(names, scores, labels.tolist(), strict=True)
    candidates = [{"name": name, "score": score, "label": label} for name, score, label in rows]
    script = f"const all = {json.dumps(candidates)}; "
    script += f"const chosen = g.choose(all, all.slice(0, 25), {penalty});"
    assert node(tmp_path, generator, f"{script} return chosen.map(({{name}}) => name);") == expected


def test_best_names_repeat_no_word_and_differ(tmp_path, kinds):
    script = "return g.sample({n: 30, bestOf: 4, minP: 0.1, random: 1});"
    for kind in ("words, n-grams", "n-grams"):
        names = node(tmp_path, kinds[kind][-1], script)
        assert not any(map(repeats, names))
        assert len(set(names)) > (25 if kind == "n-grams" else 5)


def test_characters_match_python(tmp_path):
    texts = [*LENGTHS, *INCOMPLETE]
    generator = CharNGramGenerator().fit(windows_of(texts, normalization=None))
    script = f"return {json.dumps(texts)}.map((text) => g.clustersOf(text));"
    clusters = dict(zip(texts, node(tmp_path, generator, script), strict=True))
    assert [text for text in INCOMPLETE if clusters[text]["isComplete"]] == []
    complete = {text: n for text, n in LENGTHS.items() if text not in ("🇩", "\u0301a")}
    assert {text: clusters[text] for text in complete} == {
        text: {"length": n, "isComplete": True} for text, n in complete.items()
    }


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


def run_in_chromium(tmp_path, page, *scripts, width=1440, scheme="light"):
    """Run each script after loading a page. Return their values, or fail if Chromium has errors."""
    driver = Path(__file__).with_name("browser.mjs")
    picture = tmp_path / "picture.png"
    arguments = [CHROMIUM, page, width, 900, scheme, picture, *scripts]
    done = subprocess.run(
        [NODE, driver, *map(str, arguments)], capture_output=True, encoding="utf-8", timeout=120
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["problems"] == []
    return result["values"]


def run_in_node(tmp_path, page, script):
    """Run a script in a page in Node, as soon as the page exists. Return a list of its value."""
    driver = Path(__file__).with_name("page_in_node.mjs")
    command = [NODE, driver, page, script]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(done.stdout)]


IN_NODE = pytest.mark.parametrize("run", [run_in_node], indirect=True)


@pytest.fixture(params=[run_in_node, pytest.param(run_in_chromium, marks=NEEDS_CHROMIUM)])
def run(request, tmp_path):
    """Return a function that runs a script in the page of a generator and returns its value."""

    def run(generator, script):
        save_page(generator, tmp_path / "names.html")
        (value,) = request.param(tmp_path, tmp_path / "names.html", script)
        return value

    return run


@pytest.mark.full
@NEEDS_CHROMIUM
@pytest.mark.parametrize("kind", ["n-grams, labels", "two networks, labels"])
def test_page_in_chromium(tmp_path, kinds, kind):
    width, scheme = (1440, "light") if kind == "n-grams, labels" else (420, "dark")
    pipe, page = kinds[kind], tmp_path / "names.html"
    save_page(pipe, page, TITLE)
    look = "return [names(), field.novel.checked, namesIn('favourites')];"
    scripts = [TOOLS + script for script in (USE, REOPEN, look)]
    used, reopened, last = run_in_chromium(tmp_path, page, *scripts, width=width, scheme=scheme)
    assert used["title"] == used["heading"] == TITLE
    assert used["open"] == [width == 1440, False]
    assert used["isNamesFirst"] or width == 1440
    assert used["novel"]
    assert len(used["first"]) == len(used["again"]) == len(used["blend"]) == 10
    assert used["first"] != used["again"]
    assert used["seeded"][0] == used["seeded"][2] != used["seeded"][1]
    assert len(used["three"]) == len(used["unseeded"]) == 3
    assert used["random"]
    assert used["temperature"] == "0.5"
    assert [n for n in used["matching"] if not re.fullmatch("Ma(.{0,3}[ae])?", n)] == []
    assert not set(used["matching"] + used["first"]) & set(load_names()[::20])
    assert used["none"] == [[], "No name matches. Change the options."]
    assert used["invalid"] == [False, True]
    names = used["names"]
    assert used["focused"] == "Favourites"
    assert used["pressed"] == ["true", "false", "true"]
    assert used["unsaved"] == [names[0], names[2], names[3]]
    assert used["favourites"] == [names[0], names[2]]
    favourites = "\n".join(used["favourites"])
    assert used["copied"] == [names[0], "\n".join(names), favourites, used["link"]]
    assert used["asked"] == [", ".join(names)]
    sentences = [r"About one in [\d.]+ (thousand|million) names would be “Maria”\."]
    sentences += ["“Zqxjkvwwwqqzzxx” would almost never appear.", ".* names labelled male would.*"]
    assert list(map(re.fullmatch, sentences, used["scores"])).count(None) == 0
    assert used["width"] <= width
    expected = {"names": names, "favourites": used["favourites"], "seed": "Ma", "length": "9"}
    assert reopened.items() >= (expected | {"labels": [True, True]}).items()
    assert len(reopened["linked"]) == 4
    assert all(name.startswith("Jo") for name in reopened["linked"])
    assert last == [reopened["linked"], False, []]


@IN_NODE
def test_too_few_typical_names_are_completed(run):
    """Few names consist of typical characters, such as aa and bb."""
    generator = CharNGramGenerator().fit([*["aa"] * 9, *["bb"] * 9, *"cdefgh"]).forget_names()
    script = """
        field.n.value = 6;
        field.minP.value = 0.6;
        return [await press(), at("message").textContent];
    """
    names, message = run(generator, TOOLS + script)
    assert len(set(names)) == 6
    assert re.fullmatch(r"The last \d names are less typical\.", message)


@pytest.mark.full
@IN_NODE
def test_impatient_clicks_keep_the_names(kinds, run):
    """Until the names appear, equal requests are ignored, and the newest other request waits."""
    tools, _ = TOOLS.rsplit("await", 1)
    script = """
        const first = worker, sent = [];
        worker.postMessage = (call) => {
          sent.push(call[1]);
          Worker.prototype.postMessage.call(first, call);
        };
        for (let i = 0; i < 5; i++) {
          submit();
          await new Promise((done) => setTimeout(done, 300));
        }
        const isIdle = () => at("names").getAttribute("aria-busy") === "false";
        const nSent = () => sent.filter((method) => method === "sample").length;
        await until(isIdle, 1000);
        const impatient = [names(), at("message").textContent, nSent()];
        for (const n of [2, 3, 4]) {
          field.n.value = n;
          submit();
        }
        await until(isIdle, 1000);
        return [...impatient, names(), nSent(), worker === first];
    """
    names, message, n_sent, newest, n_later, is_first = run(kinds["few names"], tools + script)
    assert len(names) == 10
    assert message == "Click a name to copy it, a star to keep it."
    assert n_sent <= 1
    assert len(newest) == 4
    assert n_later == n_sent + 2
    assert is_first


@IN_NODE
def test_the_time_limit_excludes_loading_and_names_its_cause(kinds, run):
    script = """
        const wait = setTimeout;
        globalThis.setTimeout = (call, ms) => wait(call, ms === 8000 ? 1000 : ms);
        worker.postMessage = () => {}; // no answer
        submit();
        await says("That took");
        const late = at("message").textContent, before = names();
        loaded = new Promise((done) => wait(done, 2000));
        submit();
        await new Promise((done) => wait(done, 1500));
        const loading = at("message").textContent;
        await says("Click");
        return [late, before, loading, names()];
    """
    late, before, loading, after = run(kinds["n-grams"], TOOLS + script)
    assert late == "That took too long. Reduce “Best of” or the number of names."
    assert loading == "Loading …"
    assert len(before) == len(after) == 10
    assert before != after


def test_a_beginning_is_accepted_in_either_case(kinds, run):
    script = "return [await press(() => { field.seed.value = 'mar'; }), field.seed.value];"
    names, typed = run(kinds["n-grams, labels"], TOOLS + script)
    assert len(names) == 10
    assert all(name.startswith("Mar") for name in names)
    assert typed == "mar"


@pytest.mark.parametrize("case", [str.title, str.lower, str.upper])
@pytest.mark.parametrize("pipeline", [ngram_pipeline, small_pipeline])
def test_beginnings_have_the_case_of_the_names(tmp_path, pipeline, case):
    names = [case(name) for name in [*load_names()[::20], *["De Vries", "De Boer"] * 20]]
    beginnings = ["m", "mar", "M", "Mar", "MAR", "mAR", "DE V", "de v", "", "ж"]
    script = f"return {json.dumps(beginnings)}.map((text) => g.inUsualCase(text));"
    expected = [case(text) for text in beginnings[:-1]] + ["ж"]
    assert node(tmp_path, pipeline().fit(names), script) == expected


def test_a_usual_beginning_keeps_its_case(tmp_path):
    names = [*load_names()[::20], *["de Vries", "de Boer", "DeLia", "McCoy"] * 20]
    script = "return ['de', 'de B', 'De', 'DeL', 'McC'].map((text) => g.inUsualCase(text));"
    expected = ["de", "de B", "De", "DeL", "McC"]
    assert node(tmp_path, ngram_pipeline().fit(names), script) == expected


@NEEDS_CHROMIUM
def test_options_are_described_on_a_phone(tmp_path, kinds):
    save_page(kinds["n-grams"], tmp_path / "names.html")
    script = """
        document.querySelectorAll("details").forEach((details) => (details.open = true));
        const hintOf = (input) => at(input.getAttribute("aria-describedby"));
        const hints = [field.bestOf, field.minP].map(hintOf);
        const isVisible = hints.every((hint) => hint.checkVisibility());
        const width = document.documentElement.scrollWidth;
        return [isVisible, ...hints.map((hint) => hint.textContent), width];
    """
    (values,) = run_in_chromium(tmp_path, tmp_path / "names.html", TOOLS + script, width=320)
    is_visible, best_of, min_p, width = values
    assert is_visible
    assert best_of.startswith("Drafts for each name.")
    assert min_p.startswith("Skips unlikely letters.")
    assert width <= 320


@pytest.mark.full
def test_slow_patterns_time_out(kinds, run):
    script = """
        field.seed.value = "Annamarianna".repeat(2); // long enough that no match ends in time
        field.maxLength.value = 40;
        field.novel.checked = false;
        field.pattern.value = "(.*.*.*.*.*.*)*9";
        submit();
        await says("That took", 1500);
        const message = at("message").textContent;
        return [message, await press(() => { field.seed.value = field.pattern.value = ""; })];
    """
    message, after = run(kinds["n-grams, labels"], TOOLS + script)
    assert message == "That took too long. Simplify the pattern."
    assert len(after) == 10


def test_page_is_self_contained_and_escapes_data(tmp_path):
    names = ["</script><b>", "<!--", "&lt;"] * 4
    save_page(ngram_pipeline().fit(names), tmp_path / "names.html", TITLE)
    page = (tmp_path / "names.html").read_text("utf-8")
    assert page.count("</script>") == 3
    assert page.count("</title>") == 1
    assert "default-src 'none'" in page
    assert not re.search(r"(?:src|href)=\"(?!https://sknamegen)", page)


@pytest.mark.parametrize("kind", ["n-grams", "few names"])
def test_the_default_title_is_the_name_of_the_file(tmp_path, kinds, kind):
    save_page(kinds[kind], tmp_path / "my_own-planets.html")
    page = (tmp_path / "my_own-planets.html").read_text("utf-8")
    assert "<title>My own planets</title>" in page
    assert len(page) < 2e6


def test_page_excludes_forgotten_names(tmp_path):
    generator = CharNGramGenerator().fit(FEW).forget_names()
    assert node(tmp_path, generator, "return g.sample({random: 1});")
    assert json.loads((tmp_path / "model.json").read_text("utf-8"))["hashes"] is None
    assert "./names.js" in (tmp_path / "example.html").read_text("utf-8")


def test_an_interrupt_keeps_the_old_page(tmp_path, kinds, monkeypatch):
    save_page(kinds["n-grams"], tmp_path / "names.html")
    before = (tmp_path / "names.html").read_bytes()

    def write_half(path, text, encoding):
        path.write_bytes(text[: len(text) // 2].encode(encoding))
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", write_half)
    with pytest.raises(KeyboardInterrupt):
        save_page(kinds["n-grams"], tmp_path / "names.html", "New")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


@posix
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


@posix
def test_a_page_is_written_to_a_named_pipe(tmp_path, kinds):
    fifo, received = tmp_path / "pipe", []
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: received.append(fifo.read_text("utf-8")), daemon=True)
    reader.start()
    save_page(kinds["n-grams"], fifo)
    reader.join(60)
    assert received[0].rstrip().endswith("</html>")
    assert fifo.is_fifo()


def test_sampling_respects_the_time_limit(tmp_path):
    """Names longer than the window rarely end."""
    generator = CharNGramGenerator().fit(windows_of(["ha" * 30, "ba" * 25] * 3, 4))
    options = {"n": 10, "maxLength": 10**6, "temperature": 0.2, "seconds": 1}
    script = f"const t = Date.now(); g.sample({json.dumps(options)}); return Date.now() - t;"
    assert node(tmp_path, generator, script) < 10_000


def test_a_label_without_names(tmp_path):
    names, generator = ["Anna", "Berta"] * 3, CharNGramGenerator()
    generator.partial_fit(names, ["a", "b"] * 3, classes=["a", "b", "none"])
    data = node(tmp_path, generator, "return [g.logLikelihood('Anna'), g.sample({label: 'none'})];")
    assert data[0] == pytest.approx(generator.score_samples(names[:1])[0], abs=1e-4)


def test_errors(tmp_path, kinds):
    with pytest.raises(TypeError, match=r"title must be a str\. Got 5\."):
        save_page(kinds["n-grams"], tmp_path / "names.html", 5)
    text = CharNGramGenerator().fit(windows_of([" ".join(FEW)], 5, boundary=False))
    with pytest.raises(ValueError, match=r"fitted to names \(boundary=True\)"):
        save_page(text, tmp_path / "names.html")
