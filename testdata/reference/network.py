#!/usr/bin/env python3
"""Makes the small networks in transforms/perframe/testdata, whose outputs can be
predicted with pencil and paper: they look at the mean of red, green and blue in each
of 4x4 cells of a 32x32 picture (red first, 0 to 1).

Usage: network.py FOLDER. Needs onnx (PyPI); the files are kept, so tests do not.

cells_yolov5.onnx  [1,16,7]: the cell's box, how bright it is, and two classes: how
                   red it is, how blue. Boxes are 12x12, so neighbours overlap.
cells_yolov8.onnx  [1,6,16]: the cell's own box 8x8, and the same two classes.
cells_ssd.onnx     [1,1,16,7]: class 1, how bright it is, the cell's box.
color.onnx         [1,3]: the means of the whole picture.
gray.onnx          [1,1]: the mean of a picture of one channel.
two.onnx           two outputs, the means and their doubles.
color.prototxt, color.caffemodel  [1,3,1,1]: the means times 0.5, 0.25, 0.125.
"""
import struct
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE, CELLS = 32, 4
CELL = SIDE // CELLS


def constant(name, values):
    return numpy_helper.from_array(numpy.asarray(values), name)


def save(path, nodes, constants, outputs, channels=3):
    graph = helper.make_graph(
        nodes, "cells",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, channels, SIDE, SIDE])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], producer_name="framebeam")
    model.ir_version = 7
    onnx.checker.check_model(model)
    onnx.save(model, path)


def cells(side):
    """The boxes of all cells, row by row: middle and size in pixels."""
    return [[x * CELL + CELL / 2, y * CELL + CELL / 2, side, side] for y in range(CELLS) for x in range(CELLS)]


# Weights of 1x1 convolutions that turn the means of red, green, blue into what is said.
BRIGHT = [[1 / 3, 1 / 3, 1 / 3]]
RED_BLUE = [[1, 0, 0], [0, 0, 1]]


def pooled(weights):
    """Cells' means, and of them what the weights say: [1, len(weights), 16]."""
    w = numpy.asarray(weights, numpy.float32).reshape(len(weights), 3, 1, 1)
    nodes = [
        helper.make_node("AveragePool", ["image"], ["means"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("Conv", ["means", "weights"], ["said"], kernel_shape=[1, 1]),
        helper.make_node("Reshape", ["said", "flat"], ["rows"]),
    ]
    return nodes, [constant("weights", w), constant("flat", numpy.array([1, len(weights), CELLS * CELLS], numpy.int64))]


def yolov5(path):
    nodes, constants = pooled(BRIGHT + RED_BLUE)
    nodes += [
        helper.make_node("Transpose", ["rows"], ["columns"], perm=[0, 2, 1]),
        helper.make_node("Concat", ["boxes", "columns"], ["output"], axis=2),
    ]
    constants.append(constant("boxes", numpy.array([cells(12)], numpy.float32)))
    save(path, nodes, constants, [("output", [1, 16, 7])])


def yolov8(path):
    nodes, constants = pooled(RED_BLUE)
    nodes.append(helper.make_node("Concat", ["boxes", "rows"], ["output"], axis=1))
    constants.append(constant("boxes", numpy.array([cells(8)], numpy.float32).transpose(0, 2, 1)))
    save(path, nodes, constants, [("output", [1, 6, 16])])


def ssd(path):
    nodes, constants = pooled(BRIGHT)
    nodes += [
        helper.make_node("Reshape", ["rows", "tall"], ["scores"]),
        helper.make_node("Concat", ["classes", "scores", "boxes"], ["output"], axis=3),
    ]
    edges = [[(x - s / 2) / SIDE, (y - s / 2) / SIDE, (x + s / 2) / SIDE, (y + s / 2) / SIDE] for x, y, s, _ in cells(8)]
    constants += [
        constant("tall", numpy.array([1, 1, 16, 1], numpy.int64)),
        constant("classes", numpy.array([[[[0, 1]] * 16]], numpy.float32)),
        constant("boxes", numpy.array([[edges]], numpy.float32)),
    ]
    save(path, nodes, constants, [("output", [1, 1, 16, 7])])


def means(path, channels):
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["means"]),
        helper.make_node("Flatten", ["means"], ["output"], axis=1),
    ]
    save(path, nodes, [], [("output", [1, channels])], channels)


def two(path):
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["means"]),
        helper.make_node("Flatten", ["means"], ["single"], axis=1),
        helper.make_node("Mul", ["means", "factor"], ["twice"]),
        helper.make_node("Flatten", ["twice"], ["double"], axis=1),
    ]
    save(path, nodes, [constant("factor", numpy.array([2], numpy.float32))], [("single", [1, 3]), ("double", [1, 3])])


# Caffe's own package is long gone; of its weights' format (caffe.proto) this much is needed.
def field(number, kind, payload):
    return varint(number << 3 | kind) + payload


def varint(v):
    out = b""
    while v > 127:
        out, v = out + bytes([v & 127 | 128]), v >> 7
    return out + bytes([v])


def message(number, payload):
    return field(number, 2, varint(len(payload)) + payload)


def caffe(path):
    with open(path + ".prototxt", "w") as f:
        f.write(f"""name: "color"
input: "data"
input_dim: 1 input_dim: 3 input_dim: {SIDE} input_dim: {SIDE}
layer {{
  name: "means" type: "Pooling" bottom: "data" top: "means"
  pooling_param {{ pool: AVE global_pooling: true }}
}}
layer {{
  name: "weighed" type: "Convolution" bottom: "means" top: "weighed"
  convolution_param {{ num_output: 3 kernel_size: 1 bias_term: false }}
}}
""")
    weights = [0.5, 0, 0, 0, 0.25, 0, 0, 0, 0.125]
    shape = b"".join(field(1, 0, varint(d)) for d in (3, 3, 1, 1))
    blob = message(5, struct.pack("<9f", *weights)) + message(7, shape)
    layer = message(1, b"weighed") + message(2, b"Convolution") + message(7, blob)
    with open(path + ".caffemodel", "wb") as f:
        f.write(message(1, b"color") + message(100, layer))


def main():
    folder = sys.argv[1] + "/"
    yolov5(folder + "cells_yolov5.onnx")
    yolov8(folder + "cells_yolov8.onnx")
    ssd(folder + "cells_ssd.onnx")
    means(folder + "color.onnx", 3)
    means(folder + "gray.onnx", 1)
    two(folder + "two.onnx")
    caffe(folder + "color")


if __name__ == "__main__":
    main()
