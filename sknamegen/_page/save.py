"""Web pages that generate names without Python."""

import base64
import html
import json
import re
from functools import partial
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from .._generator import INVENT_SETTINGS, fitted
from .._state import MANUAL, FilePath, replaced_file
from .._text.codes import decode, encode, fold_codes
from .._validation import check_str

# Folder with the page templates.
_TEMPLATES = resources.files(__name__.rpartition(".")[0])


def save_page(
    generator: Any, path: FilePath, title: str | None = None, *, parts: bool = False
) -> None:
    """Save a generator as a web page that generates names in a browser.

    The page is a single file that requires no server and no network. It runs in current versions of
    Chromium and Firefox. Python cannot load it.

    Parameters
    ----------
    generator : CharLSTMGenerator, CharNGramGenerator or Pipeline
        A generator fitted to names.
    path : str or path-like
        The file to write, such as ``"names.html"``. An existing file is replaced only after the
        page is complete.
    title : str, default=None
        The heading of the page, by default the file's name: "My planets" for ``my_planets.html``.
    parts : bool, default=False
        Whether to write a folder at `path` instead, for use in your own page. It contains
        ``model.json``, the script ``names.js``, and ``example.html``, which uses both.

    Raises
    ------
    NotFittedError
        If the generator is not fitted.
    TypeError
        If the title is not a string.
    ValueError
        If the generator is fitted to running text (``boundary=False``).

    Notes
    -----
    Network weights are rounded to 16 bits. Log-likelihoods agree with `score_samples` to within
    0.001 nats per character. The page rejects names that violate the constraints and draws again,
    so names have the same distribution as with `sample`. It has no `most_likely`, and no lookahead,
    so it fails on rare constraints.

    The page contains the saved model, including hashes of the training names. N-gram counts, which
    a `CharLSTMGenerator` of a short list also contains, reveal all training names. For a model
    without counts, use ``CharLSTMGenerator(ngram_counts=False)``. To remove the hashes, call
    `forget_names` first. The page then lacks the option "New names only".

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn.pipeline import make_pipeline
    >>> from sknamegen import CharNGramGenerator, CharSequenceVectorizer, load_names, save_page
    >>> pipe = make_pipeline(CharSequenceVectorizer(), CharNGramGenerator())
    >>> path = pathlib.Path(tempfile.mkdtemp(), "names.html")
    >>> save_page(pipe.fit(load_names("female")), path, "First names")
    >>> path.stat().st_size < 2_000_000
    True
    """
    if title is None:
        title = re.sub("[_-]", " ", Path(path).stem)
        title = title[:1].upper() + title[1:]
    check_str("title", title)
    model = json.dumps(_exported(generator, title), default=_encode_array, separators=(",", ":"))
    templates = (_TEMPLATES / name for name in ("names.js", "example.html", "page.html"))
    script, example, page = (template.read_text("utf-8") for template in templates)
    path = Path(path)
    interface = page.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(sha256(interface.encode()).digest()).decode()
    values = {"TITLE": html.escape(title), "DIGEST": digest, "MANUAL": MANUAL}
    # JSON contains "<" only inside strings, where an escape is valid.
    values |= {"NAMES_JS": script, "MODEL_JSON": model.replace("<", "\\u003c")}
    values |= {name.upper(): str(value) for name, value in INVENT_SETTINGS.items()}
    fill = partial(re.sub, r"\{\{(\w+)\}\}", lambda match: values[match[1]])
    if parts:
        path.mkdir(parents=True, exist_ok=True)
        files = {"model.json": model, "names.js": script, "example.html": fill(example)}
    else:
        files = {"": fill(page)}  # The empty name stands for the path itself.
    for name, text in files.items():
        with replaced_file(path / name) as temporary:
            temporary.write_text(text, "utf-8")


def _exported(generator, title):
    """Return the generator's data for the page, as nested dicts and arrays."""
    corpus = fitted(generator).corpus
    if corpus.is_text:
        raise ValueError("generator must be fitted to names (boundary=True). Got running text.")
    automaton = corpus.alphabet.clusters
    clusters = {"classes": automaton.classes, "starts": automaton.starts_cluster.tolist()}
    clusters |= {"next": automaton.transitions.tolist(), "accepts": automaton.is_complete.tolist()}
    return {
        "title": title,
        "characters": corpus.alphabet.characters,
        "lower": decode(fold_codes(encode(corpus.alphabet.characters))),
        "own": None if corpus.is_own is None else corpus.is_own.tolist(),
        "clusters": clusters,
        "window": corpus.window_length_,
        "shortest": corpus.min_length_,
        "longest": corpus.max_length_,
        "labels": list(map(str, corpus.labels)),
        "prior": np.maximum(corpus.log_prior, -1e9).tolist(),  # JSON has no infinity
        "seen": corpus.n_characters_seen,
        "hashes": corpus.name_hashes_,
        "wordHashes": corpus.word_hashes,
        "wordShares": corpus.word_counts / max(1, corpus.n_names),
        "repeatsWords": corpus.repeats_words,
        "model": fitted(generator).model.export(),
    }


def _encode_array(array):
    """Encode an array as base64 of little-endian bytes."""
    dtype = {"i": "i4", "u": "u8"}.get(array.dtype.kind, f"f{min(array.itemsize, 4)}")
    data = base64.b64encode(array.astype(f"<{dtype}").tobytes()).decode()
    return {"dtype": dtype, "data": data}
