#!/usr/bin/env python3
"""make_encoder.py: writes encoder.pt beside this file, a scripted torch.nn.TransformerEncoder, which
runs other operators where a gradient is wanted than where none is. Needs torch."""

import pathlib

import torch

torch.manual_seed(0)
layer = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
encoder = torch.nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).eval()
torch.jit.script(encoder).save(str(pathlib.Path(__file__).with_name("encoder.pt")))
