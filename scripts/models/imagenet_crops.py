#!/usr/bin/env python3
"""imagenet_crops.py WHEELS MODEL OUT: crops of foolbox's 20 ImageNet photos, in a safetensors file.

WHEELS folder that the wheel of foolbox was unpacked in
MODEL  TorchScript of EfficientNet-Lite0
OUT    gets
    images       uint8 [200, 3, 224, 224], 10 crops of each photo; crop k of photo p is 20 * k + p
    labels       int64 [200]
    calibration  uint8 [60, 3, 224, 224], 3 other crops of each photo
    logits       float32 [200, 1000], what MODEL gives for (images - 127) / 128

A crop is a random square of 75 to 100 % of the short side, resized bicubic, every second one of a
photo mirrored.
"""

import random
import re
import sys
from pathlib import Path

import numpy
import torch
from PIL import Image
from safetensors.torch import save_file

PIXELS = 224


def crop(photo, rng, mirrored):
    width, height = photo.size
    side = int(min(width, height) * rng.uniform(0.75, 1.0))
    left, top = rng.randint(0, width - side), rng.randint(0, height - side)
    image = photo.crop((left, top, left + side, top + side))
    image = image.resize((PIXELS, PIXELS), Image.Resampling.BICUBIC)
    if mirrored:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return torch.from_numpy(numpy.array(image)).permute(2, 0, 1)


def crops(photos, count, seed):
    rng = random.Random(seed)
    return torch.stack([crop(photo, rng, k % 2 == 1) for k in range(count) for photo in photos])


def logits(model, images):
    with torch.no_grad():
        return torch.cat([model((part.float() - 127) / 128) for part in images.split(20)])


def main():
    wheels, model, out = sys.argv[1:]
    files = sorted(Path(wheels).glob("foolbox/data/imagenet_*.jpg"))
    if len(files) != 20:
        sys.exit(f"imagenet_crops.py: {len(files)} photos in {wheels}, expected 20")
    photos = [Image.open(file).convert("RGB") for file in files]
    label = [int(re.search(r"_(\d+)\.jpg$", file.name)[1]) for file in files]
    images = crops(photos, 10, seed=0)
    save_file({
        "images": images,
        "labels": torch.tensor(label).repeat(10),
        "calibration": crops(photos, 3, seed=1),
        "logits": logits(torch.jit.load(model).eval(), images),
    }, out)


if __name__ == "__main__":
    main()
