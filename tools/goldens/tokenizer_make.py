#!/usr/bin/env python3
"""Goldens of CLIP's tokenizer, from transformers: Tests/GoldenTests/Goldens/tokenizer.

fragments.json   the pieces that test strings are put together from
strings.bin      10,000 strings: u32 count, then per string u16 length and u16 fragment numbers
hashes.bin       per string the FNV-1a hash of its ids without start and end
ids.bin          the ids themselves for the first 1,500 strings: u16 length, u16 ids
blocks.bin       per 256 scalars two hashes: of the scalars in a row, and of the scalars between
                 spaces
folders/         small tokenizer folders in every layout, cases.json with what transformers makes of
                 them
"""

import json
import pathlib
import random
import shutil
import struct
import tempfile

from transformers import AddedToken, CLIPTokenizer

from made_with import record_script
from tokenizer_tables import byte_characters, merges

OUT = (
    pathlib.Path(__file__).resolve().parents[2] / "Tests" / "GoldenTests" / "Goldens" / "tokenizer"
)
STRINGS = 10_000
BLOCKS = [b for b in [*range(0, 0x323), 0xE00, 0xE01] if not 0xD8 <= b <= 0xDF]


def write_vocabulary(folder, merge_count, extra=()):
    """vocab.json and merges.txt of CLIP's first `merge_count` merges."""
    _, characters = byte_characters()
    tokens = characters + [c + "</w>" for c in characters]
    lines = []
    for left, right in merges()[:merge_count]:
        lines.append(f"{tokens[left]} {tokens[right]}")
        tokens.append(tokens[left] + tokens[right])
    tokens += ["<|startoftext|>", "<|endoftext|>", *extra]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {t: i for i, t in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(lines) + "\n")


def fnv(ids):
    value = 0xCBF29CE484222325
    for i in ids:
        for byte in struct.pack("<I", i):
            value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


WORDS = """a an the of in on with photo picture painting illustration portrait highly detailed
masterpiece best quality sharp focus studio light cinematic 4k 8K HDR f/1.8 trending artstation by
Greg Rutkowski Alphonse Mucha lighthouse dusk sea wide storm cat Cat CAT dogs' it's IT'S don't we'll
they've I'd I'm you're O'Neill rock'n'roll 'tis 'S 'Ll 're' '' "quoted" (word:1.3) [[x]] {y}
<lora:foo:0.5> <|startoftext|> <|endoftext|> <|EndOfText|> <|ENDOFTEXT|> <|endoftext <|> |>
<<|endoftext|>> _under_score_ snake_case camelCase http://example.org/a?b=c&d=e#f user@host 1 12 123
1,234.56 3.14e-10 0x1F 2nd ½ ² ₃ Ⅷ ④ 𝟘𝟙 ٣٤ ०१ ㊿ café naïve Ångström Å Å ﬁne ﬃ ﬅ straße STRASSE
İstanbul ISTANBUL ıI ΑΣΟΣ Σ σς ΜΆΪΟΣ ᾳ ᾼ ΐ Ǆ ǅ ǆ Կամ ႠႡ ᏣᎳᎩ ꭰ Ω Ω K K ℃ № ™ ® © ẞ ﷺ ﬀ 北京市 东京
猫と犬 カタカナ ｶﾀｶﾅ ひらがな が が 조선말 한국어 각 각 各 각 ᄀ가 ᅡᆨ 漢字 㐀 𠀀𠮷 豈 更 مرحبا
السَّلامُ عَلَيْكُمْ ﻻ لا بِسْمِ שָׁלוֹם שלום שּׁ हिन्दी क्षत्रिय क़ क़ ক্‍ষ தமிழ் ไทย ภาษาไทย ກຳ
བོད་ཡིག མྱར ខ្មែរ አማርኛ ქართული ᲥᲐᲠ հայ Ελληνικά Русский ЁЖ ёж й Й ї 😀 😀😀 👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷
❤️ ❤ ☠︎ ✈️ 1️⃣ 🀄 🧑🏿‍🚀 🫠 🪿 𝓗𝓮𝓵𝓵𝓸 𝕳 Ⓐ ⓐ ！？ ￥ … — – ‘ ’ “ ” « » ¿ ¡ § ¶ † ‡ • ‰ ‱ ⁂ ※ ∀∃∑∫√∞≠
≠ ≢ →⇒ ░▒▓ ♞ ☃ ♪ 𝄞 𝅗𝅥 𐍈 𐐀 𐐨 𞤀 𞤢 𑄮 𑄮 ৌ ොෞ ೊ ൊ
""".split()

# fmt: off
SPECIALS = [
    " ", " ", " ", " ", "  ", "   ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u3000", "\u2028",
    "\u2029", "\u0085", "\u1680", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad",
    "\u202e", "\u2066", "\x00", "\x01", "\x07", "\x08", "\x0b", "\x0c", "\x1b", "\x1c", "\x1f",
    "\x7f", "\x80", "\x9f", "\ufffd", "\ufffe", "\uffff", "\U000e0001", "\U000e0041", "\U0010ffff",
    "\ue000", "\ufe0f", "\ufe0e", "\u0301", "\u0300", "\u0308", "\u0327", "\u0323", "\u0345",
    "\u0334", "\u031b", "\u0338", "\u20e3", "\u0303", "\u0304", "\u030a", "\u093c", "\u3099",
    "\u309a", "e\u0301", "e\u0323\u0302", "e\u0302\u0323", "o\u031b\u0323", "a\u0308\u0304",
    "\u0061\u030a\u0301", "q\u0307\u0323", "Z" + "\u0300\u0316" * 12, "\u1100\u1161\u11a8",
    "\u1112\u1161", "\uac00\u11a7", "\u0f71\u0f72", "\u0fb2\u0f80", "\u1e9b\u0323", "\u212b",
    "\u2126", "\u0344", "\u0958", "\ufb2c", "'", "'s", "'S", "'t", "'re", "'ve", "'m", "'ll", "'d",
    "'D", "\u2019s", "!", "!!!", "?!", "...", ",", ".", ":", ";", "-", "--", "/", "\\", "|", "<",
    ">", "<|", "|>", "(", ")", "[", "]", "{", "}", "((", "))", "#", "##", "@", "&", "*", "**", "+",
    "=", "~", "^", "%", "$", "_", "`", '"',
]
# fmt: on


def fragments(chance):
    scalars = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    common = [c for c in range(0x20, 0x3100)] + [
        *range(0xAC00, 0xD7A4, 17),
        *range(0x1F300, 0x1FB00),
    ]
    singles = [chr(chance.choice(common)) for _ in range(3000)] + [
        chr(chance.choice(scalars)) for _ in range(500)
    ]
    letters = "abcdefghijklmnopqrstuvwxyz"
    made = [
        "".join(chance.choice(letters) for _ in range(chance.randint(1, 14))) for _ in range(600)
    ]
    made += [w.upper() if chance.random() < 0.5 else w.title() for w in made[:200]]
    made += ["a" * 300, "ab" * 200, "0" * 50, "!" * 200, "\u0301" * 60, "漢" * 80]
    return WORDS + SPECIALS + singles + made


def strings(chance, count):
    word_numbers = range(len(WORDS))
    special_numbers = range(len(WORDS), len(WORDS) + len(SPECIALS))
    single_numbers = range(special_numbers.stop, special_numbers.stop + 3500)
    made_numbers = range(single_numbers.stop, count)
    space = len(WORDS)  # the first special is a space
    result = []
    for number in range(STRINGS):
        kind = number % 10
        if number % 50 == 49:  # a prompt of 500 words
            pool, length, gap = [word_numbers, made_numbers, word_numbers], 500, 0.97
        elif kind < 4:
            pool, length, gap = (
                [word_numbers, word_numbers, made_numbers, special_numbers],
                chance.randint(1, 20),
                0.9,
            )
        elif kind < 7:
            pool, length, gap = (
                [word_numbers, special_numbers, special_numbers],
                chance.randint(1, 24),
                0.2,
            )
        elif kind < 9:
            pool, length, gap = (
                [single_numbers, single_numbers, special_numbers],
                chance.randint(1, 30),
                0.15,
            )
        else:
            pool, length, gap = (
                [word_numbers, single_numbers, special_numbers, made_numbers],
                chance.randint(0, 40),
                0.0,
            )
        row = []
        for _ in range(length):
            row.append(chance.choice(chance.choice(pool)))
            if chance.random() < gap:
                row.append(space)
        result.append(row)
    chance.shuffle(result)
    return result


def body(tokenizer, text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def write_strings(tokenizer):
    chance = random.Random(20240304)
    parts = fragments(chance)
    rows = strings(chance, len(parts))
    (OUT / "fragments.json").write_text(json.dumps(parts))
    ids = [body(tokenizer, "".join(parts[n] for n in row)) for row in rows]
    packed = struct.pack("<I", len(rows))
    for row in rows:
        packed += struct.pack(f"<H{len(row)}H", len(row), *row)
    (OUT / "strings.bin").write_bytes(packed)
    (OUT / "hashes.bin").write_bytes(struct.pack(f"<{len(ids)}Q", *map(fnv, ids)))
    full = b"".join(struct.pack(f"<H{len(i)}H", len(i), *i) for i in ids[:1500])
    (OUT / "ids.bin").write_bytes(full)


def write_blocks(tokenizer):
    values = []
    for block in BLOCKS:
        scalars = [chr(c) for c in range(block * 256, block * 256 + 256)]
        values += [fnv(body(tokenizer, "".join(scalars))), fnv(body(tokenizer, " ".join(scalars)))]
    (OUT / "blocks.bin").write_bytes(struct.pack(f"<{len(values)}Q", *values))


TEXTS = [
    "",
    " ",
    "a photo of a cat",
    "A Photo, of a CAT! 123",
    "it's O'Neill's 'S",
    "<|endoftext|> x <|EndOfText|> y <|STARTOFTEXT|>",
    "<cat-toy> sits<cat-toy>here <CAT-TOY> <cat-toy2>",
    "xspecialx special special, SPECIAL",
    "一只猫 é e\u0301 😀",
    "a  \t<big>\n b",
    " ".join(["word"] * 100),
    "!!!",
    "<pad> <unk> zzz \u0000 ½",
]


def flags(content, normalized, **more):
    return {
        "content": content,
        "lstrip": False,
        "normalized": normalized,
        "rstrip": False,
        "single_word": False,
        **more,
    }


def write_folders():
    root = OUT / "folders"
    if root.exists():
        shutil.rmtree(root)
    merges_kept = 300

    write_vocabulary(root / "plain", merges_kept)

    sd1 = (
        root / "sd1"
    )  # the files of Stable Diffusion 1.5: special tokens that are looked for in lower-cased text
    write_vocabulary(sd1, merges_kept)
    names = {
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
    }
    (sd1 / "special_tokens_map.json").write_text(
        json.dumps({k: flags(v, True) for k, v in names.items()} | {"pad_token": "<|endoftext|>"})
    )
    (sd1 / "tokenizer_config.json").write_text(
        json.dumps(
            {k: {"__type": "AddedToken", **flags(v, True)} for k, v in names.items()}
            | {
                "model_max_length": 77,
                "pad_token": "<|endoftext|>",
                "tokenizer_class": "CLIPTokenizer",
                "do_lower_case": True,
                "errors": "replace",
            }
        )
    )

    sd2 = root / "sd2"  # padding that only special_tokens_map.json tells
    shutil.copytree(sd1, sd2)
    (sd2 / "special_tokens_map.json").write_text(
        json.dumps({k: flags(v, True) for k, v in names.items()} | {"pad_token": "!"})
    )
    (sd2 / "added_tokens.json").write_text(
        json.dumps({"<cat-toy>": merges_kept + 514, "special": merges_kept + 515})
    )

    decoder = root / "decoder"  # today's files, padding of SDXL's second encoder
    shutil.copytree(sd1, decoder)
    first = merges_kept + 512
    (decoder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "added_tokens_decoder": {
                    "0": flags("!", False, special=True),
                    str(first): flags("<|startoftext|>", True, special=True),
                    str(first + 1): flags("<|endoftext|>", True, special=True),
                },
                "bos_token": "<|startoftext|>",
                "eos_token": "<|endoftext|>",
                "unk_token": "<|endoftext|>",
                "pad_token": "!",
                "model_max_length": 40,
                "tokenizer_class": "CLIPTokenizer",
            }
        )
    )

    alone = root / "alone"  # tokenizer.json and nothing else
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = CLIPTokenizer.from_pretrained(root / "plain")
        tokenizer.add_tokens(
            [
                "<cat-toy>",
                AddedToken("special", single_word=True, normalized=True),
                AddedToken("<big>", lstrip=True, rstrip=True, normalized=False),
            ]
        )
        tokenizer.save_pretrained(folder)
        alone.mkdir()
        shutil.copy(pathlib.Path(folder) / "tokenizer.json", alone)

    strings_style = (
        root / "old_json"
    )  # merges as "a b", pattern without the markers, as openai's own file
    strings_style.mkdir()
    whole = json.loads((alone / "tokenizer.json").read_text())
    whole["model"]["merges"] = [" ".join(m) for m in whole["model"]["merges"]]
    whole["added_tokens"] = [t for t in whole["added_tokens"] if t["content"].startswith("<|")]
    (strings_style / "tokenizer.json").write_text(json.dumps(whole))

    poor = root / "poor"  # a vocabulary that lacks most bytes
    poor.mkdir()
    tokens = [
        *"abcdehoptz",
        *[c + "</w>" for c in "abcdehoptz"],
        "ph",
        "ot",
        "pho",
        "phot",
        "photo</w>",
        "ca",
        "cat</w>",
        "!</w>",
        "<|startoftext|>",
        "<|endoftext|>",
        "<unk>",
        "<pad>",
    ]
    (poor / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}))
    (poor / "merges.txt").write_text("#version: 0.2\np h\nph o\npho t\nphot o</w>\nc a\nca t</w>\n")
    (poor / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "bos_token": "<|startoftext|>",
                "eos_token": "<|endoftext|>",
                "unk_token": "<unk>",
                "pad_token": "<pad>",
                "model_max_length": 12,
            }
        )
    )

    cases = {}
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        tokenizer = CLIPTokenizer.from_pretrained(folder)
        length = min(tokenizer.model_max_length, 77)
        cases[folder.name] = {
            "pad": tokenizer.pad_token_id,
            "length": length,
            "bodies": [body(tokenizer, t) for t in TEXTS],
            "padded": [
                tokenizer(t, padding="max_length", max_length=length, truncation=True)["input_ids"]
                for t in TEXTS
            ],
            "tokens": [tokenizer.convert_ids_to_tokens(body(tokenizer, t)) for t in TEXTS],
        }
    (root / "cases.json").write_text(json.dumps({"texts": TEXTS, "folders": cases}))


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        write_vocabulary(pathlib.Path(folder), 48894)
        tokenizer = CLIPTokenizer.from_pretrained(folder)
    assert tokenizer.eos_token_id == 49407
    write_strings(tokenizer)
    write_blocks(tokenizer)
    write_folders()


if __name__ == "__main__":
    main()
    record_script(OUT)
