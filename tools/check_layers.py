#!/usr/bin/env python3
"""Finds folders of a Swift target that use each other's names, and targets that import each other.

A target is a folder below Sources; the folders directly below it are its layers, and files that
lie in the target itself are the layer `.`. A layer uses another when it names a type or calls a
function that only the other defines. Names are found in the text of the code, without comments and
string literals: top-level types, top-level functions and constants, and members that a file adds
to a type of another layer. A name that several layers define says nothing and is left out.

    tools/check_layers.py [SOURCES]     prints every pair that uses each other, with the names

The exit code is 1 when there is such a pair.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

TYPE = r"(?:struct|class|enum|protocol|actor|typealias|macro)"
MODIFIER = (
    r"(?:public|package|internal|open|final|indirect|nonisolated|nonisolated\(unsafe\)"
    r"|static|mutating|nonmutating|@\w+(?:\([^)]*\))?)\s+"
)
TOP_TYPE = re.compile(rf"^(?:{MODIFIER})*{TYPE}\s+(\w+)", re.M)
TOP_VALUE = re.compile(rf"^(?:{MODIFIER})*(?:func|let|var)\s+(\w+)", re.M)
ANY_TYPE = re.compile(rf"\b(?:{TYPE}|associatedtype)\s+(\w+)")
ANY_FUNC = re.compile(r"\b(?:func|let|var|case)\s+(\w+)")
EXTENSION = re.compile(r"^(?:public\s+|package\s+)?extension\s+([\w.]+)", re.M)
MEMBER = re.compile(rf"^  (?:{MODIFIER})*(?:func|var|let)\s+(\w+)", re.M)
GENERIC = re.compile(r"\b(?:func|init|struct|class|enum|subscript)\b[^\n({]*<([^>{(]*)>")
IMPORT = re.compile(r"^(?:@\w+\s+)?(?:public\s+|package\s+|internal\s+)?import\s+(\w+)", re.M)
WORD = re.compile(r"[A-Za-z_]\w*")


def code_only(text: str) -> str:
    """The text with comments and string literals blanked; what stands in `\\(...)` is kept."""
    out: list[str] = []
    position = 0
    # Open string literals, as (end mark, opener of an interpolation), with the parentheses open in each hole.
    strings: list[tuple[str, str]] = []
    holes: list[int] = []
    while position < len(text):
        if strings and len(holes) < len(strings):
            end, hole = strings[-1]
            if text.startswith(end, position):
                strings.pop()
                position += len(end)
            elif text.startswith(hole, position):
                holes.append(0)
                out.append(" ")
                position += len(hole)
            elif text[position] == "\\" and hole == "\\(":
                position += 2
            else:
                out.append("\n" if text[position] == "\n" else "")
                position += 1
            continue
        if text.startswith("//", position):
            line_end = text.find("\n", position)
            position = len(text) if line_end < 0 else line_end
        elif text.startswith("/*", position):
            position = end_of_comment(text, position)
        elif start := re.compile(r'(#*)("""|")').match(text, position):
            hashes, quote = start.groups()
            strings.append((quote + hashes, "\\" + hashes + "("))
            out.append(" ")
            position = start.end()
        else:
            character = text[position]
            if holes:
                holes[-1] += {"(": 1, ")": -1}.get(character, 0)
                if holes[-1] < 0:
                    holes.pop()
                    character = " "
            out.append(character)
            position += 1
    return "".join(out)


def end_of_comment(text: str, start: int) -> int:
    """The place after a block comment; block comments nest."""
    depth = 0
    for mark in re.compile(r"/\*|\*/").finditer(text, start):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)


class File:
    """The names that a source file defines and uses."""

    def __init__(self, path: Path, layer: str) -> None:
        code = code_only(path.read_text(encoding="utf-8"))
        self.layer = layer
        self.imports = set(IMPORT.findall(code))
        self.types = set(TOP_TYPE.findall(code))
        self.values = set(TOP_VALUE.findall(code))
        self.own_types = set(ANY_TYPE.findall(code)) | generic_names(code)
        self.own_values = set(ANY_FUNC.findall(code))
        self.members = extension_members(code)
        self.bare: set[str] = set()
        self.called: set[str] = set()
        self.dotted: set[str] = set()
        for word in WORD.finditer(code):
            before = code[: word.start()].rstrip(" \n")[-1:]
            if before == ".":
                self.dotted.add(word.group())
            else:
                self.bare.add(word.group())
                if code[word.end() : word.end() + 1] in ("(", "<"):
                    self.called.add(word.group())


def generic_names(code: str) -> set[str]:
    """The names of generic parameters."""
    lists = [part for group in GENERIC.findall(code) for part in group.split(",")]
    return {part.split(":")[0].strip().removeprefix("each ") for part in lists}


def extension_members(code: str) -> list[tuple[str, str]]:
    """(extended type, member) of every extension at the top level, without private members."""
    found = []
    for start in EXTENSION.finditer(code):
        end = code.find("\n}", start.end())
        for member in MEMBER.findall(code[start.end() : end if end >= 0 else len(code)]):
            found.append((start.group(1).split(".")[0], member))
    return found


class Target:
    """The layers of a target and what each uses of the others."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.files = []
        for path in sorted(folder.rglob("*.swift")):
            parts = path.relative_to(folder).parts
            self.files.append(File(path, parts[0] if len(parts) > 1 else "."))

    def uses(self) -> dict[tuple[str, str], set[str]]:
        """(from, to) with the names that `from` uses and `to` defines."""
        types, values, members = self.definitions()
        layer_values = defaultdict(set)
        layer_types = defaultdict(set)
        for file in self.files:
            layer_values[file.layer] |= file.own_values
            layer_types[file.layer] |= file.types
        found = defaultdict(set)
        for file in self.files:
            names = [
                (types, (file.bare - file.own_types) - layer_types[file.layer]),
                (values, (file.called | file.bare) - layer_values[file.layer]),
                (members, file.dotted - layer_values[file.layer]),
            ]
            for table, used in names:
                for name in used & table.keys():
                    if table[name] != file.layer:
                        found[file.layer, table[name]].add(name)
        return found

    def definitions(self) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
        """Types, free functions and constants, and added members that one layer alone defines."""
        types, values, members = defaultdict(set), defaultdict(set), defaultdict(set)
        home = {}
        for file in self.files:
            for name in file.types:
                types[name].add(file.layer)
                home[name] = file.layer
            for name in file.values:
                values[name].add(file.layer)
        everywhere = defaultdict(set)
        for file in self.files:
            for name in file.own_values:
                everywhere[name].add(file.layer)
        for file in self.files:
            for extended, name in file.members:
                if home.get(extended) != file.layer and len(everywhere[name]) == 1:
                    members[name].add(file.layer)
        return tuple(
            {name: next(iter(layers)) for name, layers in table.items() if len(layers) == 1}
            for table in (types, values, members)
        )


def two_way(uses: dict[tuple[str, str], set[str]]) -> list[tuple[str, str]]:
    """The pairs that use each other, in order."""
    return sorted((a, b) for a, b in uses if a < b and (b, a) in uses)


def main() -> int:
    """Prints the ties of every target; the exit code says whether there are any."""
    sources = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "Sources")
    targets = [Target(folder) for folder in sorted(sources.iterdir()) if any(folder.rglob("*.swift"))]
    count = 0
    for target in targets:
        uses = target.uses()
        for a, b in two_way(uses):
            count += 1
            print(f"{target.name}: {a} and {b} use each other")
            print(f"  {a} uses of {b}: {', '.join(sorted(uses[a, b]))}")
            print(f"  {b} uses of {a}: {', '.join(sorted(uses[b, a]))}")
    imports = {}
    for target in targets:
        for module in set().union(*(file.imports for file in target.files)):
            folder = module.removeprefix("Resgraph") if module != "Resgraph" else "Nodes"
            imports[target.name, folder] = {module}
    for a, b in two_way(imports):
        count += 1
        print(f"targets {a} and {b} import each other")
    print(f"{count} two-way tie{'' if count == 1 else 's'}")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
