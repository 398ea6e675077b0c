"""Best-first search for the most probable names."""

from heapq import heappop, heappush

import numpy as np

_ROWS = 512
_MAX_WAITING = 5_000_000


def most_probable(n, seed, letters, end, max_length, log_proba, prior, wanted, constraint):
    """Find the names of the highest probability.

    Parameters
    ----------
    n : int
        How many.
    seed : str
        What they begin with.
    letters : list of str
        The characters.
    end : int
        Index of the end among them.
    max_length : int
        Characters of a name, at most.
    log_proba : callable
        ``log_proba(beginnings)`` gives the log-probabilities of what follows a list of str:
        an ndarray of shape (n_beginnings, n_labels, n_characters).
    prior : ndarray of shape (n_labels,), dtype float64
        Log-probability of each label.
    wanted : callable
        ``wanted(names)`` tells of a list of str which may be found, as a bool ndarray.
    constraint : Constraint or None
        What the names must look like.

    Returns
    -------
    names : list of str
        The most probable first.
    log_likelihood : ndarray of shape (n_names,), dtype float64

    Notes
    -----
    A name is never more probable than its beginning, so the most probable beginnings are
    continued until none is more probable than the n-th name found.
    """
    joint = prior  # log-probability of the seed and each label
    for i, letter in enumerate(seed):
        joint = joint + log_proba([seed[:i]])[0, :, letters.index(letter)]
    state = constraint.start(seed) if constraint else 0
    waiting, found = [(-_logsumexp(joint), seed, joint, state)], []
    # Names are all different, so they tell equal probabilities apart in the heaps.
    while waiting and (len(found) < n or -waiting[0][0] > found[0][0]):
        best = [heappop(waiting) for _ in range(min(_ROWS, len(waiting)))]
        _, beginnings, joints, states = zip(*best, strict=True)
        joints = np.stack(joints)[:, :, None] + log_proba(beginnings)
        total = _logsumexp(joints, axis=1)  # (rows, characters)
        lengths = np.array([len(beginning) for beginning in beginnings])
        may_end, may_go_on = wanted(beginnings) & (lengths > 0), lengths < max_length
        allowed = np.ones(total.shape, dtype=bool)
        if constraint:
            ends = np.array([constraint.accepts(beginning) for beginning in beginnings])
            may_end &= ends
            rows = np.flatnonzero(may_go_on)
            if len(rows):
                allowed[rows] = constraint.mask(np.array(states)[rows], lengths[rows])
        for row in np.flatnonzero(may_end).tolist():
            heappush(found, (float(total[row, end]), beginnings[row]))
        while len(found) > n:
            heappop(found)
        allowed &= total > (found[0][0] if len(found) == n else -np.inf)
        allowed[:, end] = False
        allowed[~may_go_on] = False
        rows, columns = np.nonzero(allowed)
        after = constraint.advance(np.array(states)[rows], columns) if constraint else rows
        for row, column, state in zip(*map(np.ndarray.tolist, (rows, columns, after)), strict=True):
            beginning = beginnings[row] + letters[column]
            heappush(
                waiting, (-float(total[row, column]), beginning, joints[row, :, column], state)
            )
        if len(waiting) > _MAX_WAITING:
            raise ValueError(
                f"The search for the {n:,} most likely names keeps more than "
                f"{_MAX_WAITING:,} beginnings. Got max_length={max_length}; ask for fewer or "
                "shorter names."
            )
    found.sort(key=lambda pair: (-pair[0], pair[1]))
    return [name for _, name in found], np.array([log_likelihood for log_likelihood, _ in found])


def _logsumexp(x, axis=0):
    return np.logaddexp.reduce(x, axis=axis)
