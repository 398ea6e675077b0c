"""Draw names that satisfy a constraint without replacement, in a beam.

The proposal multiplies the model's probability of each character by the lookahead. Each name has an
exponential arrival time with its probability under the proposal as the rate. The k names that
arrive first are a draw without replacement. The time of a prefix is that of the first of its names,
so the k earliest prefixes of each length lead to these names [1]_. (The negative log of such a time
is a Gumbel variable.)

References
----------
.. [1] W. Kool, H. van Hoof and M. Welling, "Stochastic Beams and Where to Find Them: The
   Gumbel-Top-k Trick for Sampling Sequences Without Replacement", ICML 2019.
.. [2] T. Hesterberg, "Weighted Average Importance Sampling and Defensive Mixture Distributions",
   Technometrics, 1995.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from .._models.next_char_model import select
from .._text.alphabet import NONE
from .._text.clusters import MAX_CODE_POINTS
from .._types import Bools, Floats, Ints
from .decoding import Decoding
from .distribution import CONTEXT_LENGTH, NameDistribution, Steps
from .lookahead import Lookahead

# Share of the mean lookahead that is mixed into the lookahead of each character. Otherwise,
# names that the lookahead wrongly considers nearly impossible would be drawn once in many thousand
# draws, with an enormous weight [2]_.
_DEFENSIVE_SHARE = 0.2


class WeightedNames(NamedTuple):
    """Names drawn without replacement.

    Attributes
    ----------
    texts : ndarray of shape (n_names,), dtype object
    prefixes, columns : ndarray of shape (n_names,), dtype int64
        The index of the prefix and the label of each name.
    log_proba : ndarray of shape (n_names,), dtype float64
        Log-probability of each name with its label, in nats.
    log_weights : ndarray of shape (n_names,), dtype float64
        The same, divided by the probability that the name is drawn. The sum of the weights is an
        unbiased estimate of the probability of all names.
    steps : list of Steps
        What the model predicted for the prefixes in the beam, if it was recorded.
    """

    texts: NDArray[np.object_]
    prefixes: Ints
    columns: Ints
    log_proba: Floats
    log_weights: Floats
    steps: Sequence[Steps]


class _Beam(NamedTuple):
    """Prefixes or names, one per row.

    `prefixes` and `columns` are those of `WeightedNames`. `log_q` are log-probabilities under the
    proposal, `log_times` the logs of the arrival times, and `nodes` places in the tree of all
    characters.
    """

    prefixes: Ints
    columns: Ints
    lengths: Ints
    states: Ints
    log_proba: Floats
    log_q: Floats
    log_times: Floats
    nodes: Ints

    def take(self, rows: Ints | Bools) -> Self:
        return self._replace(**{name: array[rows] for name, array in self._asdict().items()})

    def extended(self, other: Self) -> Self:
        pairs = zip(self._fields, self, other, strict=True)
        return self._replace(**{name: np.append(first, second) for name, first, second in pairs})

    def max_delays(self, done: Self, sizes: Ints) -> Floats:
        """Return the greatest delay of each row, as in `_race`, with which a name may be drawn.

        One continuation of each row has no delay. So if there are more rows than names to draw, no
        continuation may arrive after all rows.
        """
        both, latest = done.extended(self), np.full(len(sizes), -np.inf)
        np.maximum.at(latest, both.prefixes, both.log_times)
        latest[np.bincount(both.prefixes, minlength=len(sizes)) <= sizes] = np.finfo(float).max
        latest = latest[self.prefixes]
        with np.errstate(divide="ignore", over="ignore"):
            log_delays = latest + np.log1p(-np.exp(self.log_times - latest))
            return np.exp(log_delays + self.log_q)

    def first(self, sizes: Ints) -> tuple[Bools, Floats]:
        """Return which rows arrive among the first of their prefix, and the log of the next time.

        The number of first rows is the size of the prefix, and the next time may be infinite.
        """
        order = np.lexsort((self.log_times, self.prefixes))
        prefixes = self.prefixes[order]
        ranks = np.arange(len(order)) - np.searchsorted(prefixes, prefixes)
        is_next, next_times = ranks == sizes[prefixes], np.full(len(sizes), np.inf)
        next_times[prefixes[is_next]] = self.log_times[order[is_next]]
        return self.log_times < next_times[self.prefixes], next_times


def draw_distinct(
    source: NameDistribution,
    target: Decoding,
    lookahead: Lookahead,
    sizes: Ints,
    rng: np.random.Generator | None,
    *,
    recorded: bool = False,
) -> WeightedNames:
    """Draw names without replacement.

    Parameters
    ----------
    source : NameDistribution
        The proposal multiplies its distribution by the lookahead.
    target : Decoding
        The decoding of `log_proba`. It keeps no character that the source lacks.
    lookahead : Lookahead
    sizes : ndarray of shape (n_prefixes,), dtype int64
        The number of names for each prefix. There are fewer if no others exist.
    rng : Generator or None
        None: the most probable character arrives first. The sizes must be 1.
    recorded : bool, default=False
        Whether to return `steps`.
    """
    end, max_length, steps = lookahead.alphabet.end, lookahead.constraint.max_length, list[Steps]()
    beam, done = _start(source, lookahead, rng)
    recent = source.windows(source.prefixes)[beam.prefixes]
    state, logits = source.start(recent, source.labels[beam.columns])
    tree, n_nodes = [(beam.nodes[:0], beam.nodes[:0])], 0
    for _ in range(MAX_CODE_POINTS * (max_length + 1)):
        if not len(beam.nodes):
            break
        recent = recent[:, -CONTEXT_LENGTH:]
        if recorded:
            steps.append(source.steps(recent, beam.columns, logits))
        children, rows, characters = _continued(
            beam, done, source, target, lookahead, logits, sizes, rng
        )
        is_kept, _ = done.extended(children).first(sizes + 1)
        done, is_kept = done.take(is_kept[: len(done.nodes)]), is_kept[len(done.nodes) :]
        children, rows, characters = children.take(is_kept), rows[is_kept], characters[is_kept]
        tree.append((children.nodes, characters))
        children = children._replace(nodes=n_nodes + np.arange(len(rows)))
        n_nodes += len(rows)
        is_done = children.lengths >= max_length if end is None else characters == end
        done, beam = done.extended(children.take(is_done)), children.take(~is_done)
        rows, characters = rows[~is_done], characters[~is_done]
        recent = np.column_stack([recent[rows], characters])
        state, logits = source.model.advance(select(state, rows), characters)
    is_drawn, log_limits = done.first(sizes)
    done = done.take(is_drawn)
    log_rates = done.log_q + log_limits[done.prefixes]  # of arriving before the next name
    with np.errstate(over="ignore", divide="ignore"):  # a small rate is the probability
        log_drawn = np.where(log_rates < -30, log_rates, np.log(-np.expm1(-np.exp(log_rates))))
    texts = np.array(source.prefixes, dtype=object)[done.prefixes]
    texts += _texts(tree, done.nodes, lookahead)
    log_weights = done.log_proba - log_drawn
    return WeightedNames(texts, done.prefixes, done.columns, done.log_proba, log_weights, steps)


def _start(
    source: NameDistribution, lookahead: Lookahead, rng: np.random.Generator | None
) -> tuple[_Beam, _Beam]:
    """Return the given prefixes with each label, and those that are complete."""
    lengths, states = source.positions(lookahead)
    log_values = lookahead.log_values(lengths, states)
    ahead = np.exp(log_values - log_values.max(axis=1, keepdims=True))
    q, delays = _race(source.label_proba, ahead, rng)
    prefixes, columns = cells = np.nonzero(q > 0)
    log_p, log_q = np.log(source.label_proba[cells]), np.log(q[cells])
    nodes = np.full(len(prefixes), NONE)
    arrays = lengths[cells], states[cells], log_p, log_q, np.log1p(delays[cells]), nodes
    beam = _Beam(prefixes, columns, *arrays)
    is_done = (beam.lengths >= lookahead.constraint.max_length) & source.corpus.is_text
    return beam.take(~is_done), beam.take(is_done)


def _continued(
    beam: _Beam,
    done: _Beam,
    source: NameDistribution,
    target: Decoding,
    lookahead: Lookahead,
    logits: Floats,
    sizes: Ints,
    rng: np.random.Generator | None,
) -> tuple[_Beam, Ints, Ints]:
    """Return the continuations that may be drawn, and the row and the character of each."""
    automaton, p = lookahead.automaton, source.decoding.probabilities(logits)
    target_p = p if target == source.decoding else target.probabilities(logits)
    after = automaton.after(beam.states)
    ahead = lookahead.ahead(beam.lengths, beam.states, after)
    q, delays = _race(p * (target_p > 0), ahead, rng)
    is_early = delays <= beam.max_delays(done, sizes)[:, None]
    rows, characters = cells = np.nonzero(is_early & (q > 0))
    with np.errstate(divide="ignore"):
        log_delays = np.log(delays[cells]) - beam.log_q[rows]
    children = beam.take(rows)._replace(
        lengths=beam.lengths[rows] + automaton.starts_cluster[beam.states[rows], characters],
        states=after[cells],
        log_proba=beam.log_proba[rows] + np.log(target_p[cells]),
        log_q=beam.log_q[rows] + np.log(q[cells]),
        log_times=np.logaddexp(beam.log_times[rows], log_delays),
    )
    return children, rows, characters


def _race(p: Floats, ahead: Floats, rng: np.random.Generator | None) -> tuple[Floats, Floats]:
    """Return the proposal for each row, and the times between the first arrival and all others."""
    if rng is not None:
        ahead = ahead + _DEFENSIVE_SHARE * (ahead > 0) * (p * ahead).sum(axis=1, keepdims=True)
    q = p * ahead
    with np.errstate(divide="ignore", invalid="ignore"):
        q /= q.sum(axis=1, keepdims=True)
        times = (1 if rng is None else rng.standard_exponential(q.shape)) / q
        times -= times.min(axis=1, keepdims=True)  # nan if there is no way to continue
    return q, times


def _texts(tree: list[tuple[Ints, Ints]], nodes: Ints, lookahead: Lookahead) -> list[str]:
    """Return the characters on the paths to nodes of a tree of parents and characters."""
    parents, characters = map(np.concatenate, zip(*tree, strict=True))
    depths = np.repeat(np.arange(len(tree)), [len(level[0]) for level in tree])
    table = np.full((len(nodes), len(tree)), NONE)
    while len(rows := np.flatnonzero(nodes >= 0)):
        table[rows, depths[nodes[rows]] - 1] = characters[nodes[rows]]
        nodes = np.where(nodes >= 0, parents[nodes], NONE)
    return lookahead.alphabet.decode(table)
