"""Writes state_v1.safetensors, a quantization state of version 1, without this library.

Needs Python's safetensors and numpy. The file is committed; it must never be written again, newer
versions get files of their own.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

tensors = [
    '{"name": "layer.weight", "dtype": "F32", "shape": [3, 2]}',
    '{"name": "layer.bias", "dtype": "F32", "shape": [3]}',
]
text = "".join(line + "\n" for line in tensors)


def quantizer(places, kind, settings=None, parameters=(), buffers=(), tags=(), shape=None, **attributes):
    return {"places": places, "type": kind, "settings": settings or {}, "parameters": list(parameters),
            "trained": list(parameters), "buffers": list(buffers), "tags": list(tags), "shape": shape,
            "attributes": attributes}


state = {
    "version": 1,
    "library": "0.1.0",
    "fingerprint": hashlib.sha256(text.encode()).hexdigest(),
    "tensors": [json.loads(line) for line in tensors],
    "quantizers": [
        quantizer(["layer.input_quantizer", "layer.output_quantizer"], "DynamicLinearQuantizer",
                  {"num_bits": 8, "symmetric": False}),
        quantizer(["layer.weight_quantizer"], "LinearQuantizer",
                  {"num_bits": 4, "symmetric": True, "granularity": "per_channel", "channel_axes": [0]},
                  ["scale"], ["offset"], ["parameter/weight"], [3, 2], origin="version 1"),
        quantizer(["layer.bias_quantizer"], "QuantizerStub"),
    ],
}
save_file(
    {"layer.weight_quantizer.scale": np.array([0.5, 0.25, 2], np.float32),
     "layer.weight_quantizer.offset": np.array([0, -8, 0], np.float32)},
    Path(__file__).parent / "state_v1.safetensors",
    {"fastforward.quantization_state": json.dumps(state)})
