"""Columns of CSV and TSV files."""

import csv
from collections.abc import Iterator, Sequence


def read_columns(lines: list[str], columns: Sequence[str | int], header: bool) -> list[list[str]]:
    """Return columns of a table, without the rows whose cell in the first column is empty.

    Columns are titles or numbers, which start at 1. Titles are in the first line. If all columns
    are numbers, the first line is a row, unless `header` is True.
    """
    wanted, rows = list(map(str, columns)), _rows(lines)
    titles = next(rows) if header or not all(map(str.isdecimal, wanted)) else []
    indices = []
    for column in wanted:
        if not column.isdecimal() and column not in titles:
            raise ValueError(
                f"The file has no column {column!r}. Its columns are {', '.join(titles)}."
            )
        indices.append(int(column) - 1 if column.isdecimal() else titles.index(column))
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
        raise ValueError(f"Column {wanted[0]} must contain at least one name. Got none.")
    return list(map(list, zip(*entries, strict=True)))


def _rows(lines: list[str]) -> Iterator[list[str]]:
    """Yield the rows of a CSV or TSV file, whose cells may contain quoted line breaks."""
    delimiter, start = max("\t,;", key=lines[0].count), 0
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
