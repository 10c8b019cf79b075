#!/usr/bin/env python3
"""Checks the house rules: who includes whom, names and lengths of files, documented public names.

Run without arguments from anywhere; a folder as argument is checked instead of this project.
Prints each finding as file:line: text and exits with 1 when there are any; warnings do not count.
"""

import re
import subprocess
import sys
from pathlib import Path

from public_names import undocumented

# A file includes headers of its own room and of rooms in rows above it; rooms in one row stand side
# by side and do not include each other.
ROWS = [
    ["core"],
    ["kernels", "tensor"],
    ["quantization"],
    ["dispatch"],
    ["integer", "nn"],
    ["range_setting"],
    ["model"],
    ["algorithms"],
    ["storage"],
    ["export", "report"],
    ["cli", "python"],
]
ROW_OF = {room: row for row, rooms in enumerate(ROWS) for room in rooms}

CHECKED = {".h", ".cpp", ".py", ".cmake", ".sh"}
WARN_LINES, FAIL_LINES = 300, 500
PROGRAMS = ("examples", "tests", "tools", "benchmarks")
# Private headers that examples may use: reading data sets, writing results.
EXAMPLE_PRIVATE = {"storage/idx.h", "storage/atomic_file.h"}
BAD_WORDS = {"manager", "helper", "helpers", "util", "utils", "misc", "common"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
INTRINSICS = re.compile(r"^(hwy/|[a-z0-9]*mmintrin\.h$|immintrin\.h$|x86\w*intrin\.h$|arm_neon\.h$|cpuid\.h$)")
LIBTORCH = re.compile(r"^(ATen|c10|torch|caffe2)/")
HEAVY_STD = {
    "algorithm", "functional", "iostream", "map", "regex", "set", "sstream", "string",
    "unordered_map", "unordered_set", "vector",
}


def listed_files(root):
    """The files of the working tree that git does not ignore; all files where there is no git."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        names = output.split("\0")
    except (OSError, subprocess.CalledProcessError):
        names = [str(path.relative_to(root)) for path in root.rglob("*")]
        names = [name for name in names if not name.startswith(("build/", ".git/"))]
    return sorted({name for name in names if name and (root / name).is_file()})


class House:
    """The files of one project and what was found in them."""

    def __init__(self, root):
        self.root = root
        self.names = listed_files(root)
        self.known = set(self.names)
        self.findings = []
        self.warnings = []

    def fail(self, name, line, text):
        self.findings.append(f"{name}:{line}: {text}")

    def warn(self, name, line, text):
        self.warnings.append(f"{name}:{line}: warning: {text}")

    def check(self):
        for name in self.names:
            path = Path(name)
            self.check_name(name, path)
            if path.suffix not in CHECKED and path.name != "CMakeLists.txt":
                continue
            text = (self.root / name).read_text(encoding="utf-8", errors="replace")
            self.check_length(name, text)
            if path.suffix in (".h", ".cpp"):
                self.check_includes(name, path, text)
            if path.suffix == ".h":
                self.check_header(name, path, text)
            if name.startswith("include/fastforward/") and path.suffix == ".h":
                for line, what in undocumented(text):
                    self.fail(name, line, what)
            self.check_test(name, path)

    def check_name(self, name, path):
        words = re.split(r"[^a-z0-9]+", path.name.lower())
        for word in BAD_WORDS.intersection(words):
            self.fail(name, 1, f"'{word}' in a file name says nothing about what is in the file")
        if path.suffix in (".hpp", ".hh", ".cc", ".cxx", ".hxx"):
            self.fail(name, 1, "C++ files are named .h and .cpp here")
        if name.startswith("include/") and name not in ("include/fastforward/fastforward.h",):
            if len(path.parts) < 4 or path.parts[1] != "fastforward" or path.parts[2] not in ROW_OF:
                self.fail(name, 1, "public headers are include/fastforward/<room>/<noun>.h with a room "
                                   "of docs/architecture.md")
        if name.startswith("src/") and path.suffix in (".h", ".cpp") and room_of(path) is None:
            self.fail(name, 1, "sources are src/<room>/<noun>.cpp with a room of docs/architecture.md")

    def check_length(self, name, text):
        lines = text.count("\n")
        if lines > FAIL_LINES:
            self.fail(name, lines, f"{lines} lines; {FAIL_LINES} is the most, split it")
        elif lines > WARN_LINES:
            self.warn(name, lines, f"{lines} lines; think of a split above {WARN_LINES}")

    def check_header(self, name, path, text):
        # Highway's *-inl.h are read once per instruction set and have guards of their own.
        if not path.name.endswith("-inl.h") and not re.search(r"^#pragma once$", text, re.M):
            self.fail(name, 1, "no #pragma once")

    def check_test(self, name, path):
        """Warns about a source whose noun no test is named after."""
        if name.startswith("src/") and path.suffix == ".cpp" and len(path.parts) == 3:
            public = f"include/fastforward/{path.parts[1]}/{path.stem}.h"
            if public in self.known and f"tests/{path.parts[1]}/{path.stem}_test.cpp" not in self.known:
                self.warn(name, 1, f"no tests/{path.parts[1]}/{path.stem}_test.cpp")

    def check_includes(self, name, path, text):
        for number, line in enumerate(text.split("\n"), 1):
            match = INCLUDE.match(line)
            if match:
                self.check_include(name, path, number, match.group(1), match.group(2))

    def check_include(self, name, path, number, quote, header):
        top, room = path.parts[0], room_of(path)
        target, private = self.included(path, header)
        if room is not None and target is not None and not may_include(room, target):
            self.fail(name, number, f"room {room} may not include {header}: {target} is not left of it "
                                    "(docs/architecture.md)")
        if private and top == "include":
            self.fail(name, number, f"public header includes the private header {header}")
        if private and top in ("examples", "benchmarks", "python") and header not in EXAMPLE_PRIVATE:
            self.fail(name, number, f"{top} include public headers only, {header} is private")
        if quote == "<" and header.startswith("fastforward/") and top in ("include", "src"):
            self.fail(name, number, f'write #include "{header}": it is ours')
        if INTRINSICS.match(header) and not name.startswith(("src/kernels/", "tests/kernels/")):
            self.fail(name, number, f"only src/kernels includes {header}")
        if re.match(r"torch/(torch|all)\.h$", header) and top not in PROGRAMS + ("cmake",):
            self.fail(name, number, f"{header} takes 10 s to compile: include the narrow header")
        if name.startswith("src/kernels/") and (LIBTORCH.match(header) or header in HEAVY_STD):
            self.fail(name, number, f"kernels include no {header}: no LibTorch and no heavy std headers "
                                    "(style.md 20)")

    def included(self, path, header):
        """The room that a header belongs to, or None, and whether it is a private header."""
        if header.startswith("fastforward/"):
            return room_of(Path("include") / header), False
        beside = path.parent / header
        for candidate in (beside.as_posix(), f"src/{header}"):
            if candidate in self.known:
                return room_of(Path(candidate)), candidate.startswith("src/")
        return None, False


def room_of(path):
    """The room of a library file, or None for a file outside of include/ and src/."""
    parts = path.parts
    if parts[:2] == ("include", "fastforward") and len(parts) > 3:
        return parts[2] if parts[2] in ROW_OF else None
    if parts[0] == "src" and len(parts) > 2:
        return parts[1] if parts[1] in ROW_OF else None
    return None


def may_include(room, target):
    return room == target or ROW_OF[target] < ROW_OF[room]


def main(arguments):
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    house = House(root)
    house.check()
    for text in house.warnings + house.findings:
        print(text)
    count = len(house.findings)
    print(f"check_house: {len(house.names)} files, {count} findings, {len(house.warnings)} warnings")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
