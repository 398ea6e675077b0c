"""Automata that read names whose words are in a list, and names with a number of words.

A name is read in the units of `spell`. Words and what separates them form a non-deterministic
automaton, because an apostrophe may be inside a word or between two words.
"""

from collections import defaultdict

import numpy as np

from .._alphabet import decompose
from .._graphemes import determinize
from .._types import Bools, Ints
from .._validation import check_strings
from .._words import APOSTROPHE, fold_word, is_letter, is_mark, words_in

# The unit that stands for everything that separates words.
_SEPARATOR = " "
# The unit that stands for any letter with its marks.
_LETTER = "a"


def spell(text: str) -> str:
    """Return the units of a text: its folded letters and marks, apostrophes, and separators."""
    units = fold_word(decompose(text))
    return "".join(
        unit if is_letter(unit) or is_mark(unit) or unit == APOSTROPHE else _SEPARATOR
        for unit in units
    )


# An automaton that reads the units of names: the state after each unit, (n_states, n_units), or -1
# if the unit cannot follow, whether a name may end in each state, and the column of each unit. The
# start state is 0.
UnitAutomaton = tuple[Ints, Bools, dict[str, int]]


def word_automaton(characters: list[str], words: frozenset[str], max_length: int) -> UnitAutomaton:
    """Return an automaton that reads names whose words are in a list.

    Parameters
    ----------
    characters : list of str
        The characters of names.
    words : frozenset of str
        Their words are allowed. A name has at least one word.
    max_length : int
        Maximum length of a name, in characters.

    Raises
    ------
    ValueError
        If no word consists of these characters and is short enough.
    """
    units = _units(characters)
    folded = words_in(check_strings("words", words, True))
    # A composed character with a mark of a lower class after it is not in canonical order.
    by_character = {"".join(map(spell, word)) for word in folded}
    spelled = sorted(by_character.union(map(spell, folded)))
    longest = max_length * max(map(len, map(spell, characters)))
    usable = [word for word in spelled if len(word) <= longest and set(units).issuperset(word)]
    if not usable:
        raise ValueError(
            "words must contain a word that consists of letters of the training names and is not "
            f"longer than max_length. Got {sorted(words)!r:.80}."
        )
    children, is_end = _trie(usable)
    # The root is the place between two words. Before the first word, a name may not end.
    start = len(children)
    children.append(children[0])
    is_end.append(False)
    marks = list(filter(is_mark, units))
    columns = {unit: column for column, unit in enumerate(units)}

    def successors(nodes: tuple[int, ...], length: int) -> dict[int, tuple[int, ...]]:
        """Return the nodes of the trie after each unit."""
        followers = defaultdict[str, set[int]](set)
        for node in nodes:
            for unit, child in children[node].items():
                followers[unit].add(child)
        outside = {0, start}.intersection(nodes)
        may_end = {0} if any(is_end[node] for node in nodes) else set[int]()
        for unit in (APOSTROPHE, _SEPARATOR):
            followers[unit] |= outside | may_end
        for unit in marks:
            followers[unit] |= outside
        return {columns[u]: tuple(sorted(followers[u])) for u in units if followers.get(u)}

    first: tuple[int, ...] = (start,)
    transitions, states = determinize(first, successors, len(units))
    accepts = [any(is_end[node] for node in nodes) for nodes in states]
    return transitions, np.array(accepts), columns


def count_automaton(characters: list[str], low: int, high: int) -> UnitAutomaton:
    """Return an automaton that reads names of `low` to `high` words, as in `words_of`."""
    columns = {unit: column for column, unit in enumerate(_units(characters))}

    def successors(state: tuple[int, str], length: int) -> dict[int, tuple[int, str]]:
        """Return the number of words and the kind of the last unit after each unit."""
        count, last = state
        after = dict[int, tuple[int, str]]()
        for unit, column in columns.items():
            if is_letter(unit):
                after[column] = count + (last == _SEPARATOR), _LETTER
            elif last == _LETTER and (is_mark(unit) or unit == APOSTROPHE):
                after[column] = count, unit if unit == APOSTROPHE else _LETTER
            else:
                after[column] = count, _SEPARATOR
        return {column: pair for column, pair in after.items() if pair[0] <= high}

    transitions, states = determinize((0, _SEPARATOR), successors, len(columns))
    return transitions, np.array([low <= count for count, _ in states]), columns


def _units(characters: list[str]) -> list[str]:
    """Return the units of all characters, and a separator."""
    return sorted({unit for character in characters for unit in spell(character)} | {_SEPARATOR})


def _trie(words: list[str]) -> tuple[list[dict[str, int]], list[bool]]:
    """Return the trie of sorted words, with equivalent nodes merged (a minimal automaton).

    Returns the children of each node by unit, and whether a name may end in the node. The root is
    node 0, where it may.
    """
    children: list[dict[str, int]] = [{}]
    is_end, path, previous = [False], [0], ""
    for word in words:
        pairs = enumerate(zip(word, previous, strict=False))
        n_common = next((i for i, (a, b) in pairs if a != b), len(previous))
        del path[n_common + 1 :]
        for unit in word[n_common:]:
            children[path[-1]][unit] = len(children)
            path.append(len(children))
            children.append({})
            is_end.append(False)
        is_end[path[-1]], previous = True, word
    # Children have greater numbers, so they are merged before their parents.
    merged, register = list(range(len(children))), dict[object, int]()
    for node in reversed(range(1, len(children))):
        children[node] = {unit: merged[child] for unit, child in children[node].items()}
        merged[node] = register.setdefault((is_end[node], *children[node].items()), node)
    children[0] = {unit: merged[child] for unit, child in children[0].items()}
    is_end[0] = True
    return children, is_end
