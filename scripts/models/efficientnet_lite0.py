#!/usr/bin/env python3
"""efficientnet_lite0.py WHEELS WEIGHTS FOLDER: EfficientNet-Lite0 in files that C++ can read.

WHEELS  folder that the wheel of efficientnet-lite-pytorch was unpacked in
WEIGHTS the .pth file
FOLDER  gets model.safetensors (parameters and buffers by name), traced.pt (TorchScript, 224 x 224
        pixels) and traced_any_size.pt (TorchScript that computes its padding from the image's size)
"""

import sys
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file

PIXELS = 224


def network(weights, image_size):
    """The network in eval mode; an image_size of None pads by the size of each image."""
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_name("efficientnet-lite0", image_size=image_size)
    model.load_state_dict(weights)
    return model.eval().requires_grad_(False)


def trace(model, path):
    with warnings.catch_warnings():
        # Sizes become constants in Python's `if`; the padding is there for each size traced here.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        traced = torch.jit.trace(model, torch.zeros(2, 3, PIXELS, PIXELS))
    torch.jit.save(traced, str(path))


def main():
    wheels, weights_file, folder = sys.argv[1:]
    sys.path.insert(0, wheels)
    folder = Path(folder)
    weights = torch.load(weights_file, map_location="cpu")
    save_file({name: tensor.contiguous() for name, tensor in weights.items()},
              folder / "model.safetensors", metadata={"license": "Apache-2.0"})
    trace(network(weights, PIXELS), folder / "traced.pt")
    trace(network(weights, None), folder / "traced_any_size.pt")


if __name__ == "__main__":
    main()
