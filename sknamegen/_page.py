"""Web pages that write names without Python."""

import base64
import html
import json
import os
import re
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from ._generator import fitted
from ._state import MANUAL

_FILES = files(__name__.partition(".")[0]).joinpath("page")


def save_page(
    generator: Any, path: str | os.PathLike[str], title: str | None = None, *, parts: bool = False
) -> None:
    """Save a generator as a web page that writes names in a browser.

    The page is one file that needs no server and no network. It runs in today's Chromium and
    Firefox. It cannot be loaded again in Python.

    Parameters
    ----------
    generator : CharLSTMGenerator, CharNGramGenerator, CharAverageGenerator or Pipeline
        Fitted to names.
    path : str or path-like
        The file, such as ``"names.html"``.
    title : str, default=None
        The heading; None: "Names".
    parts : bool, default=False
        Whether `path` is a folder instead, for one's own page: ``model.json``, the script
        ``names.js``, and ``example.html``, which shows how both are used.

    Raises
    ------
    NotFittedError
        If the generator is not fitted.
    ValueError
        If it learned running text (``boundary=False``).

    Notes
    -----
    Weights of networks are rounded to 16 bits; log-likelihoods agree with `score_samples` within
    0.001 nats per character. A name that does not fit is drawn again, so names have the same
    distribution as with `sample`, but rare constraints are not found: there is no lookahead and no
    `most_likely`.

    The page holds what the model holds: weights and hashes of the training names, or counts, from
    which all names can be recovered. Call `forget_names` first to leave out the hashes; the page
    then offers no new names only.

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
    generator = generator[-1] if hasattr(generator, "steps") else generator
    model = json.dumps(_encoded(_model(generator, title or "Names")), separators=(",", ":"))
    script = _FILES.joinpath("names.js").read_text("utf-8")
    if not parts:
        page = _FILES.joinpath("page.html").read_text("utf-8")
        ui = page.partition("<script>")[2].partition("</script>")[0]
        digest = base64.b64encode(sha256(ui.encode()).digest()).decode()
        # "<" in JSON stands in strings only, where it may be escaped.
        values = {"TITLE": html.escape(title or "Names"), "DIGEST": digest, "MANUAL": MANUAL}
        values |= {"NAMES_JS": script, "MODEL_JSON": model.replace("<", "\\u003c")}
        page = re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], page)
        Path(path).write_text(page, "utf-8")
        return
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    example = _FILES.joinpath("example.html").read_text("utf-8")
    for name, text in {"model.json": model, "names.js": script, "example.html": example}.items():
        folder.joinpath(name).write_text(text, "utf-8")


def _model(generator, title):
    """Return what the page knows of a generator."""
    corpus, model = fitted(generator).corpus, fitted(generator).model
    if corpus.max_length_ is None:
        raise ValueError("generator must be fitted to names (boundary=True). Got running text.")
    return {
        "title": title,
        "letters": corpus.alphabet.letters,
        "window": corpus.window_length_,
        "longest": corpus.max_length_,
        "labels": list(map(str, corpus.labels)),
        "prior": np.maximum(corpus.log_prior, -1e9).tolist(),  # JSON has no infinity
        "seen": corpus.n_characters_seen,
        "hashes": corpus.name_hashes_,
        "model": model.exported(),
    }


def _encoded(value):
    """Replace arrays in nested lists and dicts: little-endian, as base64."""
    if isinstance(value, dict):
        return {name: _encoded(item) for name, item in value.items()}
    if isinstance(value, list):
        return list(map(_encoded, value))
    if not isinstance(value, np.ndarray):
        return value
    dtype = {"i": "<i4", "f": "<f4", "u": "<u8"}[value.dtype.kind]
    dtype = "<f2" if value.dtype == np.float16 else dtype
    data = base64.b64encode(value.astype(dtype).tobytes()).decode()
    return {"dtype": dtype[1:], "data": data}
