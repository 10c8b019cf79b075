"""Finds the public names of a C++ header that have no `///` comment above them.

This is no C++ parser. It follows braces and semicolons, knows namespaces, classes, enums and access
labels, and takes what stands between two of them as one declaration. That is enough for headers in
the style of this project.
"""

import re

_CLASS = re.compile(r"\b(class|struct|union)\b\s+(?:FF_\w+\s+|alignas\([^)]*\)\s*|\[\[.*?\]\]\s*)*([\w:]+)")
_ENUM = re.compile(r"\benum\b(?:\s+(?:class|struct))?\s+(?:FF_\w+\s+)?(\w+)")
_ACCESS = re.compile(r"(public|protected|private)\s*$")
_OPERATOR = re.compile(r"\boperator\s*(\(\)|\[\]|[^\s(]+(?:\s+[\w:&*]+)*)\s*\(")
_FUNCTION = re.compile(r"([\w:~]+)\s*\(")
_NO_NAMES = {"decltype", "alignas", "explicit", "noexcept", "requires"}
_SKIPPED = re.compile(
    r"^(friend|static_assert|namespace|extern\s+template|template\s+(class|struct)|using\s+namespace"
    r"|TORCH_INTERNAL|HWY_)\b|=\s*(default|delete)\s*$"
)
_OVERRIDE = re.compile(r"\)[^()]*\b(override|final)\b")
_MACRO_NEEDING_COMMENT = re.compile(r"^(TORCH_ARG\s*\([^;]*,\s*(\w+)\s*\)|TORCH_MODULE\w*\s*\(\s*(\w+))")


class _Scope:
    def __init__(self, kind, name="", access="public"):
        self.kind = kind
        self.name = name
        self.access = access
        self.previous = ("", -9)  # Name and last line of the declaration before.


def blanked(text):
    """The text with comments, literals and preprocessor lines made blank, line by line the same."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\\\s]{0,16})\(.*?\)(?P=d)"'
        r'|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'|^[ \t]*#(?:\\\n|[^\n])*',
        re.S | re.M,
    )
    return pattern.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def _closing(code, start):
    """The position after the bracket that closes the one at start."""
    depth = 0
    for position in range(start, len(code)):
        if code[position] in "({[":
            depth += 1
        elif code[position] in ")}]":
            depth -= 1
            if depth == 0:
                return position + 1
    return len(code)


def _without_templates(text):
    """The declaration without leading template<...>, requires (...) and attributes."""
    text = text.strip()
    while True:
        match = re.match(r"template\s*<", text)
        if match:
            depth, position = 1, match.end()
            while position < len(text) and depth:
                depth += {"<": 1, ">": -1}.get(text[position], 0)
                position += 1
            text = text[position:].lstrip()
            continue
        match = re.match(r"requires\s*\(", text) or re.match(r"\[\[.*?\]\]", text)
        if not match:
            return text
        end = _closing(text, match.end() - 1) if match.group().endswith("(") else match.end()
        text = text[end:].lstrip()


def _outside_brackets(text):
    """The text with everything inside (...) removed, brackets kept."""
    kept, position = [], 0
    while position < len(text):
        if text[position] == "(":
            kept.append("()")
            position = _closing(text, position)
        else:
            kept.append(text[position])
            position += 1
    return "".join(kept)


def _name_needing_comment(text, scope):
    """The name that a declaration at this place introduces and that needs a comment, or None."""
    macro = _MACRO_NEEDING_COMMENT.match(text)
    if macro:
        return macro.group(2) or macro.group(3)
    if scope.access != "public" or _SKIPPED.search(text):
        return None
    if text.startswith("using "):
        return text[6:].split("=")[0].strip() if "=" in text else None
    if text.startswith("typedef "):
        return re.findall(r"\w+", text)[-1]
    if text.startswith("concept "):
        return text.split()[1]
    flat = _outside_brackets(text)
    if scope.kind == "class" and re.fullmatch(r"(class|struct)\s+(?:FF_\w+\s+)?\w+\s*", flat):
        return flat.split()[-1]  # A nested class, defined elsewhere.
    if re.match(r"(class|struct|union|enum)\b", flat) and "(" not in flat.replace("alignas()", ""):
        return None  # A forward declaration; definitions come with their brace.
    operator = _OPERATOR.search(text)
    if operator:
        # Assignment belongs to the class as constructors do.
        silent = operator.group(1) == "=" or _OVERRIDE.search(text)
        return None if silent else "operator" + operator.group(1)
    before_value = re.split(r"(?<![=!<>])=(?!=)", flat)[0]
    function = next((f for f in _FUNCTION.finditer(before_value) if f.group(1) not in _NO_NAMES), None)
    if function:
        name = function.group(1)
        if _OVERRIDE.search(text) or name.startswith("~") or name == scope.name or "::" in name:
            return None
        return name
    if scope.kind == "namespace" and re.search(r"\b(const|constexpr|inline|extern)\b", flat):
        words = re.findall(r"\w+", re.sub(r"\[.*?\]|\{.*", "", before_value))
        return words[-1] if words else None
    if scope.kind == "class" and re.search(r"\b(constexpr|static)\b", flat):
        words = re.findall(r"\w+", re.sub(r"\{.*", "", before_value))
        return words[-1] if words else None
    return None


class _Reader:
    def __init__(self, text):
        self.lines = text.split("\n")
        self.code = blanked(text)
        self.scopes = [_Scope("namespace")]
        self.findings = []  # (line, text, name)
        self.documented = set()

    def line_at(self, position):
        return self.code.count("\n", 0, position) + 1

    def has_comment(self, line):
        """Whether the comment lines directly above contain a `///`."""
        above = line - 2
        while above >= 0 and self.lines[above].lstrip().startswith("//"):
            if self.lines[above].lstrip().startswith("///"):
                return True
            above -= 1
        return False

    def declare(self, name, start, end):
        """Records a declaration; overloads directly below one another share a comment."""
        scope = self.scopes[-1]
        first, last = self.line_at(start), self.line_at(end)
        shared = scope.previous == (name, first - 1)
        full = f"{scope.name}::{name}" if scope.name else name
        if shared or self.has_comment(first):
            self.documented.add(full)
        else:
            self.findings.append((first, f"'{full}' has no /// comment above it", full))
        scope.previous = (name, last)

    def statement(self, start, end):
        text = _without_templates(self.code[start:end])
        if text and self.scopes[-1].kind != "hidden":
            name = _name_needing_comment(text, self.scopes[-1])
            if name:
                self.declare(name, start, end)

    def open_brace(self, start, brace):
        """Handles a brace outside of parentheses: enters a scope or skips a body.

        Returns where to go on, and whether the statement that began at start goes on too.
        """
        text = _without_templates(self.code[start:brace])
        outer = self.scopes[-1]
        if re.match(r"(inline\s+)?namespace\b", text) or re.match(r"\s*extern\s*$", text):
            hidden = outer.kind == "hidden" or re.search(r"\b(detail|internal)\b|namespace\s*$", text)
            self.scopes.append(_Scope("hidden" if hidden else "namespace"))
            return brace + 1, False
        flat = _outside_brackets(text).replace("alignas()", "")
        enum = _ENUM.match(flat)
        match = None if enum or "(" in flat or "=" in flat else _CLASS.match(flat)
        if enum or match:
            name = enum.group(1) if enum else match.group(2)
            visible = outer.kind != "hidden" and outer.access == "public"
            specialized = re.match(r"\s*template\s*<\s*>", self.code[start:brace])
            if visible and not specialized:
                self.declare(name, start, brace)
        if match:
            access = "private" if match.group(1) == "class" else "public"
            self.scopes.append(_Scope("class" if visible else "hidden", name, access))
            return brace + 1, False
        end = _closing(self.code, brace)
        following = self.code[end:].lstrip()[:1]
        if enum or following in (";", ",", "{", ")", ".") or re.search(r"requires[^;]*$", text):
            return end, True  # An initializer; the statement ends further on.
        self.statement(start, brace)
        self.scopes[-1].previous = (self.scopes[-1].previous[0], self.line_at(end))
        return end, False

    def read(self):
        code, position, start = self.code, 0, None
        while position < len(code):
            character = code[position]
            if start is None and not character.isspace() and character not in ";}":
                start = position
            if character in "([":
                position = _closing(code, position)
                continue
            if character == "{":
                position, goes_on = self.open_brace(start, position)
                start = start if goes_on else None
                continue
            if character == "}" and len(self.scopes) > 1:
                self.scopes.pop()
                start = None
            elif character == ";" and start is not None:
                self.statement(start, position)
                start = None
            elif character == ":" and start is not None:
                label = _ACCESS.match(code[start:position])
                if label and self.scopes[-1].kind == "class":
                    self.scopes[-1].access = label.group(1)
                    start = None
            position += 1
        # A nested class that is defined further on may have its comment in either place.
        nested = {name for name in self.documented if re.search(r"::[A-Z]\w*$", name)}
        return [(line, text) for line, text, name in self.findings if name not in nested]


def undocumented(text):
    """Returns (line, what) for every public name of a header without a comment."""
    return _Reader(text).read()
