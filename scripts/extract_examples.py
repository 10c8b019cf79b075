#!/usr/bin/env python3
"""Writes the C++ programs in a Markdown page as files: extract_examples.py PAGE.md OUTDIR

A ```cpp block whose first line is `// file: NAME.cpp` begins the program NAME.cpp; each following
```cpp block without such a line is appended to it. Line numbers in the compiler's messages are
those of the page.
"""

import re
import sys
from pathlib import Path

BEGIN = re.compile(r"// file: ([A-Za-z0-9_]+\.cpp)$")


def blocks(text):
    """The ```cpp blocks of a page: number of the first line, and the lines."""
    first, lines = None, []
    for number, line in enumerate(text.split("\n"), 1):
        if first is None:
            if line.rstrip() == "```cpp":
                first, lines = number + 1, []
        elif line.rstrip() == "```":
            yield first, lines
            first = None
        else:
            lines.append(line)
    if first is not None:
        raise ValueError(f"line {first - 1}: the ```cpp block has no end")


def programs(page, text):
    """The programs of a page: {name: source}."""
    found = {}
    name = None
    for first, lines in blocks(text):
        begin = BEGIN.match(lines[0]) if lines else None
        if begin is not None:
            name = begin.group(1)
            if name in found:
                raise ValueError(f"line {first}: {name} begins a second time")
            found[name] = ""
        if name is None:
            raise ValueError(f"line {first}: the first ```cpp block must begin with `// file: NAME.cpp`")
        found[name] += f'#line {first} "{page}"\n' + "\n".join(lines) + "\n"
    return found


def main(arguments):
    if len(arguments) != 2:
        sys.exit(__doc__)
    page, folder = Path(arguments[0]), Path(arguments[1])
    try:
        found = programs(page.name, page.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        sys.exit(f"extract_examples: {page}: {error}")
    if not found:
        sys.exit(f"extract_examples: {page}: no ```cpp block begins with `// file: NAME.cpp`")
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in found.items():
        (folder / name).write_text(source, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
