"""The console of one command: results on standard output, everything else on standard error.

With JSON on, a command prints exactly one document on standard output, and an error is one JSON line on standard error.
"""

import json
import sys
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console as RichConsole
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from client.console.format import Value, is_right_aligned, jsonable, label, text
from client.console.progress import ProgressBar
from client.sdk.errors import BadRow

_BAD_ROWS_SHOWN = 50
_WIDTH_WITHOUT_TERMINAL = 160


class Console:
    """Prints for people, or the JSON twin for programs."""

    def __init__(self, *, is_json: bool = False):
        """Write to the process's standard streams."""
        self.is_json = is_json
        self._out = _stream(is_error=False)
        self._error = _stream(is_error=True)

    def result(self, value: Mapping[str, Value] | Sequence[Mapping[str, Value]], *, title: str | None = None) -> None:
        """Print what a command has found: a map as name and value, a list of maps as a table.

        Units come from the names: `_cents`, `_ppm`, `_day`, `_at`. A map's entries that are lists of maps become tables
        of their own below it. The JSON twin is the value itself, bytes as 0x text.
        """
        if self.is_json:
            sys.stdout.write(json.dumps(jsonable(value), ensure_ascii=False) + "\n")
        elif isinstance(value, Mapping):
            self._print_map(value, title)
        else:
            self._print_rows(value, title)

    def note(self, message: str) -> None:
        """Tell the person what is going on; nothing in JSON mode."""
        if not self.is_json:
            self._error.print(Text(message))

    def warning(self, message: str) -> None:
        """Print one line that says what the command noticed and went on after."""
        line = " ".join(message.split())
        if self.is_json:
            sys.stderr.write(json.dumps({"warning": line}, ensure_ascii=False) + "\n")
        else:
            sys.stderr.write(f"warning: {line}\n")

    def error(self, message: str, *, kind: str) -> None:
        """Print one line that says what went wrong."""
        line = " ".join(message.split())
        if self.is_json:
            sys.stderr.write(json.dumps({"error": {"kind": kind, "message": line}}, ensure_ascii=False) + "\n")
        else:
            sys.stderr.write(f"error: {line}\n")

    def bad_rows(self, rows: Sequence[BadRow]) -> None:
        """List rows that cannot be taken. Values are shown to the person here and left out of the JSON twin."""
        if self.is_json:
            listed = [{"line": row.line, "field": row.field, "reason": row.reason} for row in rows]
            sys.stderr.write(json.dumps({"bad_rows": listed}) + "\n")
            return
        shown = [
            {"line": row.line, "field": row.field, "value": row.value, "reason": row.reason}
            for row in rows[:_BAD_ROWS_SHOWN]
        ]
        self._error.print(_table(shown, "Bad rows"))
        if len(rows) > _BAD_ROWS_SHOWN:
            self._error.print(Text(f"… and {len(rows) - _BAD_ROWS_SHOWN} more; --json lists all"))

    def progress(self, description: str, total: int | None = None) -> ProgressBar:
        """Return a progress bar for a `with` block; it appears after two seconds, on a terminal only."""
        return ProgressBar(self._error, description, total, is_enabled=self._error.is_terminal and not self.is_json)

    def _print_map(self, value: Mapping[str, Value], title: str | None) -> None:
        nested = {name: each for name, each in value.items() if _is_rows(each)}
        table = Table(title=title, box=None, show_header=False, title_justify="left")
        for name, each in value.items():
            if name not in nested:
                table.add_row(escape(label(name)), escape(text(name, each)), style=None)
        if table.row_count:
            self._out.print(table)
        for name, rows in nested.items():
            self._print_rows(rows, label(name))  # type: ignore[arg-type]  # _is_rows looked

    def _print_rows(self, rows: Sequence[Mapping[str, Value]], title: str | None) -> None:
        if rows:
            self._out.print(_table(rows, title))
        else:
            self._out.print(Text(f"{title}: none" if title else "none"))


def _table(rows: Sequence[Mapping[str, Value]], title: str | None) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    names = list(rows[0])
    for name in names:
        numbers = is_right_aligned([row.get(name) for row in rows])
        table.add_column(escape(label(name)), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(text(name, row.get(name))) for name in names))
    return table


def _is_rows(value: Value) -> bool:
    is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) > 0
    return is_list and all(isinstance(each, Mapping) for each in value)  # type: ignore[attr-defined]  # it is a list


def _stream(*, is_error: bool) -> RichConsole:
    stream = sys.stderr if is_error else sys.stdout
    width = None if stream.isatty() else _WIDTH_WITHOUT_TERMINAL
    return RichConsole(stderr=is_error, width=width, highlight=False, soft_wrap=False)
