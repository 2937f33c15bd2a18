"""Makes the demo world's CLIP tokenizer: byte alphabet, merges learnt from captions.

python tools/demo/make_tokenizer.py --out models/demo/tokenizer
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from pathlib import Path

from transformers import CLIPTokenizer

from scenes import sample_scene

START, END, LENGTH = "<|startoftext|>", "<|endoftext|>", 32


def byte_alphabet() -> list[str]:
    """The 256 printable stand-ins for bytes, in the order CLIP's vocabulary has them."""
    plain = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    rest = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(len(rest))]


def learn_merges(words: Counter) -> list[tuple[str, str]]:
    """Byte-pair merges, most frequent pair first, until every word is one token."""
    split = {w: [*w[:-1], w[-1] + "</w>"] for w in words}
    merges = []
    while True:
        pairs = Counter()
        for word, parts in split.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += words[word]
        if not pairs:
            return merges
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        split = {w: _merge(parts, best) for w, parts in split.items()}


def _merge(parts: list[str], pair: tuple[str, str]) -> list[str]:
    out, i = [], 0
    while i < len(parts):
        if tuple(parts[i : i + 2]) == pair:
            out.append(parts[i] + parts[i + 1])
            i += 2
        else:
            out.append(parts[i])
            i += 1
    return out


def caption_words(count: int, seed: int) -> Counter:
    """How often each word occurs in `count` captions."""
    rng, words = random.Random(seed), Counter()
    for _ in range(count):
        words.update(sample_scene(rng, (1, 2, 3))[1].replace(",", " ,").split())
    return words


def main() -> None:
    """Writes vocab.json, merges.txt, tokenizer.json and the configuration files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--captions", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=3)
    args = parser.parse_args()
    merges = learn_merges(caption_words(args.captions, args.seed))
    letters = byte_alphabet()
    tokens = letters + [c + "</w>" for c in letters] + [a + b for a, b in merges] + [START, END]
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    vocab = {token: i for i, token in enumerate(tokens)}
    (out / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(m) for m in merges)]
    (out / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    tokenizer = CLIPTokenizer(
        vocab=str(out / "vocab.json"),
        merges=str(out / "merges.txt"),
        model_max_length=LENGTH,
        pad_token=END,
        unk_token=END,
    )
    tokenizer.save_pretrained(out)
    (out / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    (out / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(len(tokens), "tokens,", len(merges), "merges")


if __name__ == "__main__":
    main()
