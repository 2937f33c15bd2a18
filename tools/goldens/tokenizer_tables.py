#!/usr/bin/env python3
"""Write Sources/CVocabulary/*.c: CLIP's merges and the Unicode facts that its tokenizer depends on.

The merges come from open_clip_torch's copy of CLIP's vocabulary (MIT). The Unicode tables are
measured from the `tokenizers` package itself, character by character, so that text is normalised
and split by the same Unicode version as in transformers, whatever the Swift toolchain's own version
is.
"""

import gzip
import importlib.util
import pathlib
import sys

import tokenizers
from tokenizers import Regex, normalizers

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "Sources" / "CVocabulary"
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
HANGUL = range(0xAC00, 0xAC00 + 11172)


def byte_characters():
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    order, characters, extra = list(kept), [chr(b) for b in kept], 0
    for byte in range(256):
        if byte not in kept:
            order.append(byte)
            characters.append(chr(256 + extra))
            extra += 1
    return order, characters


def merges():
    # It is read as a file: importing it needs torchvision.
    package = importlib.util.find_spec("open_clip").origin
    path = pathlib.Path(package).parent / "bpe_simple_vocab_16e6.txt.gz"
    text = gzip.decompress(path.read_bytes()).decode("utf-8")
    lines = text.split("\n")[1 : 49152 - 256 - 2 + 1]
    _, characters = byte_characters()
    ids = {c: i for i, c in enumerate(characters + [c + "</w>" for c in characters])}
    pairs = []
    for line in lines:
        left, right = line.split()
        pairs.append((ids[left], ids[right]))
        ids.setdefault(left + right, len(ids))
    assert len(pairs) == 48894 and len(ids) == 49406
    return pairs


def class_ranges(pattern):
    marked = normalizers.Replace(Regex(pattern), "\U0010fffd")
    text = "".join(chr(c) for c in SCALARS if c != 0x10FFFD)
    result = marked.normalize_str(text)
    assert len(result) == len(text)
    members = [ord(a) for a, b in zip(text, result) if b == "\U0010fffd"]
    ranges = []
    for c in members:
        if ranges and ranges[-1][1] == c - 1:
            ranges[-1][1] = c
        else:
            ranges.append([c, c])
    return ranges


def lowercase():
    lower = normalizers.Lowercase()
    rows = []
    for c in SCALARS:
        low = lower.normalize_str(chr(c))
        if low != chr(c):
            assert len(low) <= 2
            rows.append([c, *map(ord, low), *[0] * (2 - len(low))])
    return rows


def normalization():
    nfd, nfc = normalizers.NFD(), normalizers.NFC()
    decompositions, compositions = [], []
    for c in SCALARS:
        if c in HANGUL:
            continue
        whole = nfd.normalize_str(chr(c))
        if whole == chr(c):
            continue
        assert len(whole) <= 4
        decompositions.append([c, *map(ord, whole), *[0] * (4 - len(whole))])
        if len(whole) > 1 and nfc.normalize_str(chr(c)) == chr(c):
            first = nfc.normalize_str(whole[:-1])
            assert len(first) == 1, hex(c)
            assert nfc.normalize_str(first + whole[-1]) == chr(c)
            compositions.append([ord(first), ord(whole[-1]), c])
    return decompositions, sorted(compositions)


def combining_classes():
    """Canonical combining classes, from how NFD sorts each character among marks of known class."""
    nfd = normalizers.NFD()
    known = {  # a mark without decomposition of every class in use
        1: 0x334,
        7: 0x93C,
        8: 0x3099,
        9: 0x94D,
        10: 0x5B0,
        11: 0x5B1,
        12: 0x5B2,
        13: 0x5B3,
        14: 0x5B4,
        15: 0x5B5,
        16: 0x5B6,
        17: 0x5B7,
        18: 0x5B8,
        19: 0x5B9,
        20: 0x5BB,
        21: 0x5BC,
        22: 0x5BD,
        23: 0x5BF,
        24: 0x5C1,
        25: 0x5C2,
        26: 0xFB1E,
        27: 0x64B,
        28: 0x64C,
        29: 0x64D,
        30: 0x64E,
        31: 0x64F,
        32: 0x650,
        33: 0x651,
        34: 0x652,
        35: 0x670,
        36: 0x711,
        84: 0xC55,
        91: 0xC56,
        103: 0xE38,
        107: 0xE48,
        118: 0xEB8,
        122: 0xEC8,
        129: 0xF71,
        130: 0xF72,
        132: 0xF74,
        202: 0x321,
        214: 0x1DCE,
        216: 0x31B,
        218: 0x302A,
        220: 0x316,
        222: 0x59A,
        224: 0x302E,
        226: 0x1D16D,
        228: 0x5AE,
        230: 0x300,
        232: 0x315,
        233: 0x35C,
        234: 0x35D,
        240: 0x345,
    }
    order = sorted(known)

    def before(a, b):  # class(a) < class(b), both marks
        return a != b and nfd.normalize_str("x" + chr(b) + chr(a)) == "x" + chr(a) + chr(b)

    for low, high in zip(order, order[1:]):
        assert before(known[low], known[high]), (low, high)
    rows = []
    for c in SCALARS:
        if nfd.normalize_str(chr(c)) != chr(c):
            continue
        # A mark is moved by a lower or a higher neighbour; a starter never moves.
        moved = before(c, 0x345) or before(0x334, c)
        if not moved:
            continue
        found = [k for k in order if not before(c, known[k]) and not before(known[k], c)]
        assert len(found) == 1, f"{c:04x} has a class that `known` lacks: {found}"
        if rows and rows[-1][1] == c - 1 and rows[-1][2] == found[0]:
            rows[-1][1] = c
        else:
            rows.append([c, c, found[0]])
    return rows


def table(name, ctype, rows):
    flat = [str(v) for row in rows for v in row]
    lines, line = [], " "
    for value in flat:
        if len(line) + len(value) + 2 > 118:
            lines.append(line)
            line = " "
        line += " " + value + ","
    lines.append(line)
    body = "\n".join(lines)
    return (
        f"static const {ctype} {name}_values[] = {{\n{body}\n}};\n"
        f"const {ctype} *cv_{name}(size_t *row_count) {{\n"
        f"  *row_count = {len(rows)};\n  return {name}_values;\n}}\n\n"
    )


def main():
    head = (
        "// Generated by tools/goldens/tokenizer_tables.py; do not edit.\n"
        '#include "cvocabulary.h"\n\n'
    )
    (OUT / "clip_merges.c").write_text(head + table("clip_merges", "uint16_t", merges()))
    decompositions, compositions = normalization()
    text = head + f"// Measured from tokenizers {tokenizers.__version__}.\n\n"
    text += table("letters", "uint32_t", class_ranges(r"\p{L}"))
    text += table("numbers", "uint32_t", class_ranges(r"\p{N}"))
    text += table("spaces", "uint32_t", class_ranges(r"\s"))
    text += table("lowercase", "uint32_t", lowercase())
    text += table("decompositions", "uint32_t", decompositions)
    text += table("compositions", "uint32_t", compositions)
    text += table("combining_classes", "uint32_t", combining_classes())
    (OUT / "unicode_tables.c").write_text(text)


if __name__ == "__main__":
    sys.exit(main())
