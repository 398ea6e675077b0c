"""Names of types. Docstrings give shapes and dtypes of arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer]
Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]
Strs = NDArray[np.str_]
Labels = NDArray[Any]
# Arrays, numbers and nested dicts, to save or to export.
Data = dict[str, Any]
RandomStateLike = int | np.integer | np.random.RandomState | np.random.Generator | None
