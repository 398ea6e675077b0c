"""Columns of CSV and TSV files."""

import csv
import re
from collections.abc import Iterator, Sequence


def read_columns(lines: list[str], columns: Sequence[str | int], header: bool) -> list[list[str]]:
    """Return columns of a table, without the rows whose cell in the first column is empty.

    Columns are titles (str), which are in the first line, or numbers (int), which start at 1. If
    all columns are numbers, the first line is a row, unless `header` is True.
    """
    rows, indices = _rows(lines), list[int]()
    has_titles = header or any(isinstance(column, str) for column in columns)
    titles = [title.strip() for title in next(rows)] if has_titles else []
    for column in columns:
        if isinstance(column, str) and column not in titles:
            raise ValueError(
                f"The file has no column {column!r}. Its columns are {', '.join(titles)}."
            )
        indices.append(titles.index(column) if isinstance(column, str) else column - 1)
    entries = []
    for row in rows:
        if not 0 <= min(indices) <= max(indices) < len(row):
            raise ValueError(f"Each line must have a column {max(indices) + 1}. Got {row!r:.80}.")
        entry = [row[index].strip() for index in indices]
        if "\n" in entry[0]:
            raise ValueError(f"A name must be on one line. Got {entry[0]!r:.80}. Check its quotes.")
        if entry[0]:
            entries.append(entry)
    if not entries:
        raise ValueError(f"Column {columns[0]} must contain at least one name. Got none.")
    return list(map(list, zip(*entries, strict=True)))


def _rows(lines: list[str]) -> Iterator[list[str]]:
    """Yield the rows of a CSV or TSV file, whose cells may contain quoted line breaks."""
    unquoted = re.sub('"[^"]*"', "", lines[0])
    delimiter, start = max("\t,;", key=unquoted.count), 0
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            yield row
            start = reader.line_num
    except csv.Error as error:
        raise ValueError(
            f"A quoted cell must end with a quote, before the separator. Got {lines[start]!r:.80} "
            f"({error})."
        ) from None
