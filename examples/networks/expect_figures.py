"""What the tests of the published networks share: running a program, and expecting figures.

A test calls run(), then expects, and ends with finish(), which lists everything that is not as
expected. Where `make models` has not put the files it ends with 77, which ctest takes as skipped.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
_misses = []


def models_folder():
    cache = os.environ.get("FF_CACHE") or pathlib.Path.home() / ".cache" / "fastforward"
    return pathlib.Path(cache) / "models"


def skip_without(*names):
    """Ends the test as skipped if a file of `make models` is missing."""
    missing = [name for name in names if not (models_folder() / name).is_file()]
    if missing:
        print(f"skipped: {models_folder()} lacks {', '.join(missing)}; run `make models`")
        sys.exit(SKIPPED)


def run(program, *arguments):
    """Runs the program and returns the figures of each row of its table, by name."""
    with tempfile.TemporaryDirectory() as folder:
        table = pathlib.Path(folder) / "table.json"
        subprocess.run([program, *arguments, "--json", str(table)], check=True)
        return {row.pop("name"): row for row in json.loads(table.read_text())["rows"]}


def expect(condition, text):
    if not condition:
        _misses.append(text)


def expect_rows(rows, names):
    """The table has these rows, or the test ends."""
    if list(rows) != names:
        sys.exit(f"rows {list(rows)}, expected {names}")


def expect_near(rows, row, figure, expected, tolerance):
    value = rows[row][figure]
    expect(value is not None and abs(value - expected) <= tolerance,
           f"{row}: {figure} is {value}, expected {expected} within {tolerance}")


def expect_least(rows, row, figure, least):
    value = rows[row][figure]
    expect(value is not None and value >= least,
           f"{row}: {figure} is {value}, expected {least} or more")


def expect_refusal(command, text, environment=None):
    """The command fails, is not killed, and says `text`."""
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          env={**os.environ, **(environment or {})})
    said = done.stdout + done.stderr
    expect(done.returncode > 0 and text in said,
           f"{' '.join(command[1:])}: exit {done.returncode} and {said!r}, expected {text!r}")


def expect_refusals(program):
    """Bad command lines and missing models are refused before any work, with what to do."""
    expect_refusal([program, "--rows", "W3"], "W3 not in {")
    expect_refusal([program, "--threads", "-1"], "--threads")
    expect_refusal([program, "--json", "/no/such/folder/table.json"],
                   "the folder '/no/such/folder' does not exist")
    expect_refusal([program, "--coverage", "coverage.txt", "--rows", "W8 per channel"],
                   "--coverage needs the row 'W8A8 min-max'" if "minilm" in program
                   else "need the row 'W8A8 min-max'")
    with tempfile.TemporaryDirectory() as folder:
        expect_refusal([program], "run `make models`", {"FF_CACHE": folder})


def finish():
    if _misses:
        sys.exit("\n".join(_misses))
