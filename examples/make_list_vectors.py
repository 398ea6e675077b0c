"""Make the vectors of the lists that come with the library.

`CharLSTMGenerator` chooses similar names from lists whose vectors are near that of the user's list.
The vector of a list is the mean of the base's hidden states after its names, in the dimensions that
distinguish the lists best. A distance of one is one standard deviation of the names in a list.

    python examples/make_list_vectors.py data/list_vectors.npz

Make the file anew after ``data/collection.zip`` or ``data/base.npz``. It takes a minute.
"""

# %%
import argparse
from pathlib import Path

import numpy as np
from gather_collection import read_collection
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from sknamegen.lstm import load_base

SEED = 0
# Maximum number of names of a list.
MAX_NAMES = 80
N_DIMENSIONS = 32
# Share of a multiple of the identity matrix in the covariance of the names in a list.
SHRINKAGE = 0.1


# %%
def sample_lists():
    """Return up to `MAX_NAMES` random names of each list."""
    rng = np.random.default_rng(SEED)
    return [rng.permutation(names)[:MAX_NAMES].tolist() for names in read_collection().values()]


def dimensions(states):
    """Return a matrix whose product with the hidden states of names distinguishes their lists best.

    It is that of linear discriminant analysis (R. A. Fisher, 1936).
    """
    several = [of_list for of_list in states if len(of_list) > 1]
    index = np.repeat(np.arange(len(several)), list(map(len, several)))
    analysis = LinearDiscriminantAnalysis(solver="eigen", shrinkage=SHRINKAGE)
    return analysis.fit(np.concatenate(several), index).scalings_[:, :N_DIMENSIONS]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", metavar="FILE", help="NumPy archive to write")
    parser.add_argument("--quick", action="store_true", help="smoke test with few names")
    args = parser.parse_args(arguments)
    base, lists = load_base(), sample_lists()
    if args.quick:
        lists = [names[:4] for names in lists[::10]]
    states = [base.hidden_states(names) for names in lists]
    projection = dimensions(states).astype(np.float16)
    vectors = np.array([np.mean(of_list, axis=0) @ projection for of_list in states], np.float16)
    np.savez_compressed(args.file, projection=projection, vectors=vectors)
    print(f"{len(lists):,} lists, {Path(args.file).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
