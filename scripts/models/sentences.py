#!/usr/bin/env python3
"""sentences.py MODEL WORDNET FORTUNES OUT: texts as token ids, and their embeddings in float.

MODEL    folder of all-MiniLM-L6-v2
WORDNET  data.noun
FORTUNES folder of the fortune files
OUT      gets, for each SET of "definitions", "words" (500 nouns of WordNet, entry i of both is the same
         noun) and "fortunes" (25 of each of 16 topics):
    SET.ids         int64 [N, L], padded with 0
    SET.mask        int64 [N, L], 1 for a token
    SET.embeddings  float32 [N, 384], the encoder written once more below with LibTorch's functions
and "fortunes.labels", int64 [400]; the names of the topics are in the metadata.
"""

import math
import random
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch.nn import functional

SEED = 0
NOUNS, PER_TOPIC = 500, 25
TOPICS = ["art", "computers", "definitions", "drugs", "education", "food", "kids", "law", "linux", "love",
          "medicine", "men-women", "politics", "science", "sports", "startrek"]
LAYERS, HIDDEN, HEADS = 6, 384, 12


def nouns(path):
    """(word, definition) of some entries: the first word, and the gloss without its examples."""
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("  "):  # The license.
            synset, gloss = line.split("|", 1)
            entries.append((synset.split()[4].replace("_", " "), gloss.strip().split('; "')[0]))
    return random.Random(SEED).sample(entries, NOUNS)


def fortunes(folder):
    """(text, topic) of some entries."""
    rng, chosen = random.Random(SEED), []
    for label, topic in enumerate(TOPICS):
        texts = (folder / topic).read_text(encoding="utf-8", errors="replace").split("\n%\n")
        texts = [text.strip() for text in texts if text.strip()]
        chosen += [(text, label) for text in rng.sample(texts, PER_TOPIC)]
    return chosen


class Encoder:
    """all-MiniLM-L6-v2: BERT, the mean of the tokens, length 1."""

    def __init__(self, weights):
        self.weights = weights

    def linear(self, x, name):
        return functional.linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def norm(self, x, name):
        weight, bias = self.weights[name + ".weight"], self.weights[name + ".bias"]
        return functional.layer_norm(x, (HIDDEN,), weight, bias, 1e-12)

    def layer(self, x, mask, prefix):
        count, length, _ = x.shape
        query, key, value = (
            self.linear(x, f"{prefix}attention.self.{name}").view(count, length, HEADS, -1).transpose(1, 2)
            for name in ("query", "key", "value"))
        scores = query @ key.transpose(-1, -2) / math.sqrt(HIDDEN // HEADS)
        scores = scores.masked_fill(mask[:, None, None, :] == 0, -math.inf)
        context = (scores.softmax(-1) @ value).transpose(1, 2).reshape(count, length, HIDDEN)
        x = self.norm(x + self.linear(context, prefix + "attention.output.dense"),
                      prefix + "attention.output.LayerNorm")
        inner = functional.gelu(self.linear(x, prefix + "intermediate.dense"))
        return self.norm(x + self.linear(inner, prefix + "output.dense"), prefix + "output.LayerNorm")

    def __call__(self, ids, mask):
        tables = {kind: self.weights[f"embeddings.{kind}_embeddings.weight"]
                  for kind in ("word", "position", "token_type")}
        x = tables["word"][ids] + tables["position"][:ids.size(1)] + tables["token_type"][0]
        x = self.norm(x, "embeddings.LayerNorm")
        for index in range(LAYERS):
            x = self.layer(x, mask, f"encoder.layer.{index}.")
        weight = mask[:, :, None].float()
        return functional.normalize((x * weight).sum(1) / weight.sum(1), dim=1)


def encoded(encoder, tokenizer, texts):
    """ids, mask and embeddings; one text at a time, so that the embeddings know no padding."""
    tokens = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    ids = torch.zeros(len(tokens), max(map(len, tokens)), dtype=torch.long)
    mask = torch.zeros_like(ids)
    embeddings = torch.empty(len(tokens), HIDDEN)
    for row, token in enumerate(tokens):
        ids[row, :len(token)] = torch.tensor(token)
        mask[row, :len(token)] = 1
        embeddings[row] = encoder(ids[row:row + 1, :len(token)], mask[row:row + 1, :len(token)])[0]
    return {"ids": ids, "mask": mask, "embeddings": embeddings}


def main():
    model, wordnet, folder, out = map(Path, sys.argv[1:])
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.enable_truncation(128)
    tokenizer.no_padding()
    encoder = Encoder(load_file(model / "model.safetensors"))
    words, definitions = zip(*nouns(wordnet))
    texts, labels = zip(*fortunes(folder))
    tensors = {"fortunes.labels": torch.tensor(labels)}
    with torch.no_grad():
        for name, lines in (("definitions", definitions), ("words", words), ("fortunes", texts)):
            for part, tensor in encoded(encoder, tokenizer, list(lines)).items():
                tensors[f"{name}.{part}"] = tensor
    save_file(tensors, out, metadata={"topics": " ".join(TOPICS)})


if __name__ == "__main__":
    main()
