#!/usr/bin/env python3
"""onnxruntime_int8.py [MODELS]: times onnxruntime's float and static int8 EfficientNet-Lite0, one thread.

A clean graph: batch norms folded, padding inside of the convolutions, 8 bits per channel. Prints the
least of several rounds, for batches of 1 and 8 images, to be compared with

    OMP_NUM_THREADS=1 build/release/bin/ff_bench --filter '^integer/efficientnet'

in the same minute. MODELS is the folder that `make models` fills. Run by hand, in an environment made by

    python3 -m venv ort && ort/bin/pip install onnxruntime onnx numpy safetensors
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (CalibrationDataReader, QuantFormat, QuantType,
                                      quantize_static)
from safetensors.numpy import load_file

# Expansion, kernel, stride, channels, repeats: arXiv:1905.11946, as examples/networks has them.
STAGES = [(1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3),
          (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)]
EPSILON = 1e-3
SIZE = 224


class Graph:
    """Nodes and constants of the network."""

    def __init__(self, weights):
        self.weights, self.nodes, self.constants = weights, [], []

    def constant(self, name, value):
        self.constants.append(numpy_helper.from_array(numpy.ascontiguousarray(value), name))
        return name

    def node(self, op, inputs, **attributes):
        output = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def conv(self, x, conv, norm, size, stride=1, groups=1, relu6=True):
        """Returns the result and its size; padded as TensorFlow's "same"."""
        get = lambda name: self.weights[f"{norm}.{name}"].astype(numpy.float64)
        weight = self.weights[f"{conv}.weight"].astype(numpy.float64)
        factor = get("weight") / numpy.sqrt(get("running_var") + EPSILON)
        bias = get("bias") - get("running_mean") * factor
        weight = (weight * factor[:, None, None, None]).astype(numpy.float32)
        kernel, out = weight.shape[-1], -(-size // stride)
        missing = max((out - 1) * stride + kernel - size, 0)
        pads = [missing // 2] * 2 + [missing - missing // 2] * 2
        y = self.node("Conv", [x, self.constant(conv + ".w", weight),
                               self.constant(conv + ".b", bias.astype(numpy.float32))],
                      strides=[stride, stride], pads=pads, group=groups)
        if relu6:
            limits = [self.constant(f"{conv}.{name}", numpy.float32(value))
                      for name, value in (("low", 0), ("high", 6))]
            y = self.node("Clip", [y, *limits])
        return y, out


def make_model(weights, path):
    graph = Graph(weights)
    x, size = graph.conv("images", "_conv_stem", "_bn0", SIZE, stride=2)
    channels, index = 32, 0
    for expansion, _, first_stride, out, repeats in STAGES:
        for repeat in range(repeats):
            block, stride = f"_blocks.{index}.", first_stride if repeat == 0 else 1
            y, inner = x, channels * expansion
            if expansion != 1:
                y, _ = graph.conv(y, block + "_expand_conv", block + "_bn0", size)
            y, after = graph.conv(y, block + "_depthwise_conv", block + "_bn1", size, stride, inner)
            y, _ = graph.conv(y, block + "_project_conv", block + "_bn2", after, relu6=False)
            x = graph.node("Add", [y, x]) if stride == 1 and channels == out else y
            channels, size, index = out, after, index + 1
    x, _ = graph.conv(x, "_conv_head", "_bn1", size)
    x = graph.node("Flatten", [graph.node("GlobalAveragePool", [x])])
    graph.nodes.append(helper.make_node(
        "Gemm", [x, graph.constant("fc.w", weights["_fc.weight"]),
                 graph.constant("fc.b", weights["_fc.bias"])], ["scores"], transB=1))
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    onnx.save(helper.make_model(
        helper.make_graph(graph.nodes, "efficientnet_lite0", [value("images", ["n", 3, SIZE, SIZE])],
                          [value("scores", ["n", 1000])], graph.constants),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def find_images(models):
    """Crops [n, 3, 224, 224], normalised."""
    for path in sorted((models / "imagenet-crops-1").glob("*.safetensors")):
        for tensor in load_file(path).values():
            if tensor.ndim == 4 and tensor.shape[1] == 3:
                return (tensor[:64].astype(numpy.float32) - 127) / 128
    sys.exit(f"onnxruntime_int8: no crops in {models}; run `make models`")


class Reader(CalibrationDataReader):
    def __init__(self, images):
        self.batches = iter([{"images": images[i:i + 8]} for i in range(0, len(images), 8)])

    def get_next(self):
        return next(self.batches, None)


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def least_ms(run, rounds=30):
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - begin)
    return 1e3 * best


def main():
    cache = Path(os.environ.get("FF_CACHE", Path.home() / ".cache" / "fastforward"))
    models = Path(sys.argv[1]) if len(sys.argv) > 1 else cache / "models"
    images = find_images(models)
    with tempfile.TemporaryDirectory() as folder:
        plain, int8 = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        make_model(load_file(models / "efficientnet-lite0" / "model.safetensors"), plain)
        quantize_static(plain, int8, Reader(images), quant_format=QuantFormat.QDQ,
                        per_channel=True, activation_type=QuantType.QUInt8,
                        weight_type=QuantType.QInt8)
        sessions = {"float": session(plain), "int8": session(int8)}
    scores = {name: one.run(None, {"images": images})[0] for name, one in sessions.items()}
    same = (scores["float"].argmax(1) == scores["int8"].argmax(1)).mean()
    print(f"onnxruntime {onnxruntime.__version__}, one thread; the same top-1 as in float: {same:.3f}")
    for batch in (1, 8):
        inputs = {"images": images[:batch]}
        times = {name: least_ms(lambda one=one: one.run(None, inputs))
                 for name, one in sessions.items()}
        print(f"batch {batch}: float {times['float']:.1f} ms, int8 {times['int8']:.1f} ms")


if __name__ == "__main__":
    main()
