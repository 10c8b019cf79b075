#!/usr/bin/env python3
"""Checks what a Markdown page says that its program prints: expect_page_output.py PAGE.md PROGRAM

Runs PROGRAM and looks for each indented block of the page in what it prints, one after the other.
Blocks and output are compared word by word, since the page breaks long lines.
"""

import subprocess
import sys
from pathlib import Path


def printed_blocks(text):
    """The indented blocks of a page, outside of ``` blocks: number of the first line, and words."""
    fenced, first, words = False, None, []
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("```"):
            fenced = not fenced
        if not fenced and line.startswith("    "):
            first = first or number
            words += line.split()
        elif first is not None:
            yield first, words
            first, words = None, []
    if first is not None:
        yield first, words


def find(words, wanted, start):
    """Where `wanted` stands in `words` from `start` on, or None."""
    for i in range(start, len(words) - len(wanted) + 1):
        if words[i : i + len(wanted)] == wanted:
            return i
    return None


def missing(text, output):
    """The first block of a page that is not in the output after the blocks before it, or None."""
    words, start = output.split(), 0
    for first, wanted in printed_blocks(text):
        found = find(words, wanted, start)
        if found is None:
            return first, wanted
        start = found + len(wanted)
    return None


def main(arguments):
    if len(arguments) != 2:
        sys.exit(__doc__)
    page, program = Path(arguments[0]), arguments[1]
    run = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=False)
    print(run.stdout)
    if run.returncode != 0:
        sys.exit(f"expect_page_output: {program} ended with {run.returncode}")
    found = missing(page.read_text(encoding="utf-8"), run.stdout)
    if found is not None:
        line, words = found
        sys.exit(f"expect_page_output: {page}:{line}: the program does not print: {' '.join(words)}")


if __name__ == "__main__":
    main(sys.argv[1:])
