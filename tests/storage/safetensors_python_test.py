#!/usr/bin/env python3
"""Compares our safetensors with Python's package, tensor by tensor and in both directions.

    safetensors_python_test.py types|minilm <safetensors_copy>

types: a file of the package with every type that it and LibTorch have. minilm: the weights of
all-MiniLM-L6-v2. Exits with 77, and says why, where the package or the weights are missing; `make
models` gets both.
"""

import ctypes
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SKIPPED = 77
CACHE = Path(os.environ.get("FF_CACHE") or Path.home() / ".cache/fastforward")
sys.path.append(str(CACHE / "python"))
try:
    from safetensors import TensorSpec, deserialize, serialize
except ImportError as error:
    print(f"skipped: Python has no safetensors ({error}); `make models` gets it")
    sys.exit(SKIPPED)

WIDTHS = {
    "bool": 1, "uint8": 1, "int8": 1, "float8_e5m2": 1, "float8_e4m3fn": 1, "float8_e8m0fnu": 1,
    "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1, "int16": 2, "uint16": 2, "float16": 2, "bfloat16": 2,
    "int32": 4, "uint32": 4, "float32": 4, "complex64": 8, "float64": 8, "int64": 8, "uint64": 8,
}


def make_types():
    """The bytes of a file with every type, in two shapes, and an empty and a scalar tensor."""
    data = ctypes.create_string_buffer(bytes(range(256)) * 8, 2048)
    bools = ctypes.create_string_buffer(bytes([0, 1, 1]) * 100, 300)
    specs = {}
    for dtype, width in WIDTHS.items():
        address = ctypes.addressof(bools if dtype == "bool" else data)
        shapes = {"vector": [7], "matrix": [3, 5], "empty": [0, 4], "scalar": []}
        for name, shape in shapes.items():
            count = 1
            for size in shape:
                count *= size
            specs[f"{name}.{dtype}"] = TensorSpec(
                dtype=dtype, shape=shape, data_ptr=address, data_len=count * width)
    # One key: the package writes several in an order that changes from run to run.
    return serialize(specs, {"\u00e9\n\"": "text \\ \t"})


def described(file):
    """name -> (type, shape, SHA-256), as the package reads it."""
    return {name: (tensor["dtype"], list(tensor["shape"]), hashlib.sha256(tensor["data"]).hexdigest())
            for name, tensor in deserialize(file)}


def main(case, program):
    with tempfile.TemporaryDirectory() as folder:
        original, copy = Path(folder) / "original.safetensors", Path(folder) / "copy.safetensors"
        if case == "types":
            original.write_bytes(make_types())
        else:
            original = CACHE / "models/all-MiniLM-L6-v2/model.safetensors"
            if not original.exists():
                print(f"skipped: {original} is missing; `make models` gets it")
                return SKIPPED
        result = subprocess.run([program, original, copy], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            print(result.stderr)
            return 1
        ours = {}
        for line in result.stdout.splitlines():
            name, dtype, shape, digest = line.split("\t")
            ours[name] = (dtype, [int(size) for size in shape.strip("[]").split(",") if size], digest)

        theirs = described(original.read_bytes())
        assert ours == theirs, "what we read is not what the package reads"
        assert described(copy.read_bytes()) == theirs, "the package reads something else in our copy"
        assert len(theirs) >= 76 or case == "minilm" and len(theirs) >= 100, "the file has its tensors"
        if case == "types":
            assert copy.read_bytes() == original.read_bytes(), "our file is not the package's, byte by byte"
        print(f"{len(theirs)} tensors agree")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
