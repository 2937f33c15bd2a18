#!/usr/bin/env python3
"""Goldens of weighted prompts: Tests/GoldenTests/Goldens/weighting. Run from anywhere, with torch
and transformers.

The reference is written here, straight from the two definitions, on transformers' CLIP models: one
whose final states count and that pads with the end token, and a projected one whose penultimate
states count and that pads with token 0, as SDXL's second. The tokenizer is that of
Tests/NodesTests/Goldens/tiny.

AUTOMATIC1111's web UI
  `(a)` multiplies the weight of what is inside by 1.1, `[a]` by 1/1.1, `(a:1.3)` by 1.3; `\\(` and
  the like are characters; a bracket that stays open counts up to the end; a closing one without a
  partner and a colon without a number are characters; neighbours of equal weight are joined;
  `BREAK` as a word ends a chunk. Every part is tokenised alone. Chunks hold 75 tokens. When a chunk
  is full, and one of its last 20 tokens is a comma, what is behind the comma moves to the next
  chunk. Chunks get their own start and end, and padding behind. States are multiplied by the
  weights of their tokens, then each chunk by one number that restores its mean.
ComfyUI
  `(a)` multiplies by 1.1, `(a:1.3)` sets 1.3 whatever is around; `\\(` and `\\)` are characters;
  brackets without a partner and colons without a number are characters. A word of less than 8
  tokens is never cut: if it does not fit it begins the next chunk. A state of weight w becomes
  (state - empty) * w + empty, with the empty prompt's state at the same place.
Both take the pooled state of the first chunk.
"""

import json
import re

import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from common import GOLDENS, half_state, seed_weights, write

TINY = GOLDENS.parents[1] / "NodesTests" / "Goldens" / "tiny" / "model"
ROOM = 75


def webui_parts(prompt):
    result, open_round, open_square = [], [], []

    def scale(start, factor):
        for part in result[start:]:
            if part[0] is not None:
                part[1] *= factor

    token = re.compile(r"\\[()\[\]\\]|\\|\(|\[|:\s*([+-]?[.\d]+)\s*\)|\)|\]|[^\\()\[\]:]+|:")
    for match in token.finditer(prompt):
        text, weight = match[0], match[1]
        try:
            weight = None if weight is None else float(weight)
        except ValueError:
            weight = None
        if text[0] == "\\":
            result.append([text[1:], 1.0])
        elif text == "(":
            open_round.append(len(result))
        elif text == "[":
            open_square.append(len(result))
        elif weight is not None and open_round:
            scale(open_round.pop(), weight)
        elif text == ")" and open_round:
            scale(open_round.pop(), 1.1)
        elif text == "]" and open_square:
            scale(open_square.pop(), 1 / 1.1)
        elif (
            text[0] == ":" and len(text) > 1 and open_round
        ):  # a number that is none: the bracket still ends
            result.append([text[:-1], 1.0])
            scale(open_round.pop(), 1.1)
        else:
            for index, part in enumerate(re.split(r"\s*\bBREAK\b\s*", text)):
                if index:
                    result.append([None, 0])
                result.append([part, 1.0])
    for start in open_round:
        scale(start, 1.1)
    for start in open_square:
        scale(start, 1 / 1.1)
    joined = []
    for text, weight in result:
        if joined and text is not None and joined[-1][0] is not None and joined[-1][1] == weight:
            joined[-1][0] += text
        else:
            joined.append([text, weight])
    return joined


def comfy_parts(prompt, weight=1.0, plain=True):
    if plain:
        prompt = prompt.replace("\\)", "\0\1").replace("\\(", "\0\2")
    groups, current, depth = [], "", 0
    for letter in prompt:
        if letter == "(":
            if depth == 0:
                groups, current = groups + ([current] if current else []), ""
            depth += 1
        current += letter
        if letter == ")":
            depth -= 1
            if depth == 0:
                groups, current = groups + [current], ""
    parts = []
    for group in groups + ([current] if current else []):
        if len(group) < 2 or group[0] != "(" or group[-1] != ")":
            parts.append((group.replace("\0\1", ")").replace("\0\2", "("), weight))
            continue
        inner, own = group[1:-1], weight * 1.1
        colon = inner.rfind(":")
        if colon > 0:
            try:
                own = float(inner[colon + 1 :])
                inner = inner[:colon]
            except ValueError:
                pass
        parts += comfy_parts(inner, own, plain=False)
    return parts


class Encoder:
    def __init__(self, tokenizer, model, pad, penultimate):
        self.tokenizer, self.model, self.pad, self.penultimate = tokenizer, model, pad, penultimate
        self.start, self.end = tokenizer.bos_token_id, tokenizer.eos_token_id

    def tokens(self, text):
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def chunk(self, pairs):
        missing = ROOM - len(pairs)
        ids = [self.start] + [token for token, _ in pairs] + [self.end] + [self.pad] * missing
        return ids, [1.0] + [weight for _, weight in pairs] + [1.0] * (missing + 1)

    def webui_chunks(self, prompt):
        chunks, chunk, comma = [], [], -1
        separator = self.tokens(",")[-1]
        for text, weight in webui_parts(prompt):
            if text is None:
                chunks, chunk, comma = chunks + [chunk], [], -1
                continue
            for token in self.tokens(text):
                if token == separator:
                    comma = len(chunk)
                elif len(chunk) == ROOM and comma != -1 and ROOM - comma <= 20:
                    chunks, chunk, comma = chunks + [chunk[: comma + 1]], chunk[comma + 1 :], -1
                if len(chunk) == ROOM:
                    chunks, chunk, comma = chunks + [chunk], [], -1
                chunk.append((token, weight))
        return chunks + ([chunk] if chunk or not chunks else [])

    def comfy_chunks(self, prompt):
        chunks, chunk = [], []
        for text, weight in comfy_parts(prompt):
            for word in text.replace("\n", " ").split(" "):
                group = [(token, weight) for token in self.tokens(word)]
                is_long = len(group) >= 8
                while len(chunk) + len(group) > ROOM:
                    if is_long:
                        room = ROOM - len(chunk)
                        chunk, group = chunk + group[:room], group[room:]
                    chunks, chunk = chunks + [chunk], []
                chunk = chunk + group
        return chunks + ([chunk] if chunk or not chunks else [])

    @torch.no_grad()
    def states(self, ids):
        output = self.model(torch.tensor([ids]), output_hidden_states=True)
        pooled = output.text_embeds if hasattr(output, "text_embeds") else output.pooler_output
        return (output.hidden_states[-2] if self.penultimate else output.last_hidden_state), pooled

    def webui(self, prompt):
        chunks = [self.chunk(pairs) for pairs in self.webui_chunks(prompt)]
        states = []
        for ids, weights in chunks:
            state, _ = self.states(ids)
            weighted = state * torch.tensor(weights)[None, :, None]
            states.append(weighted * (state.mean() / weighted.mean()))
        return torch.cat(states, dim=1), self.states(chunks[0][0])[1], chunks

    def comfy(self, prompt):
        chunks = [self.chunk(pairs) for pairs in self.comfy_chunks(prompt)]
        empty, _ = self.states(self.chunk([])[0])
        states = []
        for ids, weights in chunks:
            state, _ = self.states(ids)
            weights = torch.tensor(weights)[None, :, None]
            states.append(torch.where(weights == 1, state, (state - empty) * weights + empty))
        return torch.cat(states, dim=1), self.states(chunks[0][0])[1], chunks


PROMPTS = {
    "plain": "a red lighthouse on a hill",
    "simple": "a (red) lighthouse, [blue] light",
    "number": "a (red:1.3) (light house:0.4) at night",
    "nested": "a ((red) house:1.2) and [[a] (light:1.5)] end",
    "escaped": r"\(red\) (a \(small\) house:1.4) \[x\] back\\slash",
    "open": "a red (light house and [more of it",
    "closed": "a red) light] house:1.3) end",
    "not_a_number": "a (red:much) (light:1.2.3) : (house:) (blue: 1.5 )",
    "empty": "",
    "zero": "a (red:0) house (light:-0.5)",
    "break": "red light BREAK (blue house:1.2) BREAKER xBREAK",
    "long": "a (red:1.3) lighthouse on a green hill, with (white:1.2) clouds in a blue sky "
    "and ships on the sea below it, "
    "a man walks his (small dog:0.7) along the beach, hold on, detailed, high detail, light",
    "commas": "lighthouse, " * 10 + "(red light house on the hill with no comma for long:1.1)",
    "words": "abcdefg " * 12 + "(verylongwordthatnobodywrites:1.25) abcdefg abcdefg",
}


def main():
    tokenizer = CLIPTokenizer.from_pretrained(TINY / "tokenizer")
    options = dict(
        vocab_size=len(tokenizer),
        intermediate_size=48,
        num_hidden_layers=3,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    configs = {
        "first": CLIPTextConfig(hidden_size=16, num_attention_heads=2, **options),
        "second": CLIPTextConfig(
            hidden_size=24, num_attention_heads=3, projection_dim=20, hidden_act="gelu", **options
        ),
    }
    first_model = seed_weights(CLIPTextModel(configs["first"]), seed=29)
    second_model = seed_weights(CLIPTextModelWithProjection(configs["second"]), seed=31)
    first = Encoder(tokenizer, first_model, tokenizer.eos_token_id, False)
    second = Encoder(tokenizer, second_model, 0, True)
    tensors, chunks = {}, {}
    for name, prompt in PROMPTS.items():
        for kind in ("webui", "comfy"):
            for number, encoder in (("first", first), ("second", second)):
                states, pooled, parts = getattr(encoder, kind)(prompt)
                # Every third number touches all tokens and channels.
                tensors[f"{name}.{kind}.{number}"] = states.flatten()[::3]
                tensors[f"{name}.{kind}.{number}.pooled"] = pooled
            chunks[f"{name}.{kind}"] = [[ids, weights] for ids, weights in parts]
        counts = {kind: len(chunks[f"{name}.{kind}"]) for kind in ("webui", "comfy")}
        print(name, counts)
    write(
        "weighting",
        half_state(first_model, "first.") | half_state(second_model, "second."),
        tensors,
    )
    for name, config in configs.items():
        (GOLDENS / "weighting" / f"{name}.json").write_text(
            json.dumps(config.to_diff_dict(), indent=2) + "\n"
        )
    (GOLDENS / "weighting" / "prompts.json").write_text(json.dumps(PROMPTS, indent=1) + "\n")
    (GOLDENS / "weighting" / "chunks.json").write_text(json.dumps(chunks) + "\n")


main()
