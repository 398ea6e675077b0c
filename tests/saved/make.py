"""Save small models in the current format of the package.

    python tests/saved/make.py  # with the oldest supported numpy, which cannot read newer pickles

When the format changes, delete the folder of the old format, which later versions refuse.
"""

import json
import pickle
from pathlib import Path
from zipfile import ZIP_DEFLATED

import skops.io

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, load_names

GENERATORS = {
    "lstm": CharLSTMGenerator(
        init=None, hidden_size=8, embedding_dim=4, max_epochs=4, ngram_counts=True, random_state=0
    ),
    "ngram": CharNGramGenerator(order=3),
}


def record(vectorizer, generator):
    """Return scores and samples, which later versions must reproduce."""
    names = load_names("female")[::100][:5]
    return {
        "log_likelihood": generator.score_samples(vectorizer.transform(names)).tolist(),
        "written": generator.sample("A", 0.8, 5, random_state=0),
    }


def main():
    number = CharNGramGenerator().__getstate__()["_format"]
    folder = Path(__file__).parent / f"format-{number}"
    folder.mkdir(exist_ok=True)
    names, expected = load_names("female")[::100], {}
    for kind, generator in GENERATORS.items():
        vectorizer = CharSequenceVectorizer(window_length=4)
        generator.fit(vectorizer.fit_transform(names))
        # Save only the steps, because scikit-learn warns about pipelines from other versions.
        (folder / f"{kind}.pkl").write_bytes(pickle.dumps([vectorizer, generator]))
        skops.io.dump([vectorizer, generator], folder / f"{kind}.skops", compression=ZIP_DEFLATED)
        expected[kind] = record(vectorizer, generator)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
