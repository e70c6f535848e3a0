"""The image tower as an ONNX graph: int8 matrices, CLS tokens and a unit vector as outputs.

Matrices are int8 by column, activations uint8 by tensor as they come (dynamic quantisation), after SmoothQuant (Xiao et
al., 2023, arXiv 2211.10438): inputs are divided by a factor a channel that the weights take over, so that outlying
channels do not widen everybody's steps. Each image goes through alone: with others beside it the steps would depend on
them. Behind GELU, where single activations lie far out, the weights take over more (ALPHA_SECOND).

Of the last block only the CLS token is read: keys and values are of all tokens, everything else of this one.

Tokens can be merged (ToMe, Bolya et al., 2023, arXiv 2210.09461): before each MLP the `merged` most similar pairs of
tokens, by the cosine of their keys, become their mean, weighed by how many patches each stands for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from training.clip import HEADS, MEAN, PATCH, SIDE, STD, WIDTH, Block, Floats, Linear, Norm, Tower

OPSET = 17
LOWEST = -10.0  # below any cosine: the CLS token is never merged
ALPHA, ALPHA_SECOND = 0.6, 0.7
Smoothing = Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Shape:
    """size: pixels a side. merged: tokens a block. taken: blocks (from 1) whose CLS tokens come out."""

    size: int = 224
    blocks: int = 12
    merged: int = 0
    taken: tuple[int, ...] = (7, 8, 9, 10, 11, 12)

    @property
    def side(self) -> int:
        """Patches a side."""
        return self.size // PATCH


@dataclass(slots=True)
class _Graph:
    """Nodes and constants as they are added; names are numbered."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, value: NDArray[np.generic]) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def half(self, value: Floats) -> str:
        """Stored as float16, cast when the file is loaded."""
        return self("Cast", self.constant(value.astype(np.float16)), to=TensorProto.FLOAT)

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def __call__(self, kind: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: object) -> str:
        return self.many(kind, *inputs, domain=domain, outputs=outputs, **attributes)[0]

    def many(
        self, kind: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: object
    ) -> tuple[str, ...]:
        names = tuple(f"n{len(self.nodes)}_{number}" for number in range(outputs))
        self.nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names


def build(tower: Tower, shape: Shape, smoothing: Smoothing | None = None, *, watched: bool = False) -> bytes:
    """The file. Without smoothing everything is float32. watched: each linear layer's input is an output too.

    Input `pixels`: uint8 (1, size, size, 3), RGB. Outputs: `tokens`, float32 (len(taken), WIDTH), the CLS token after
    each of the blocks taken; `vector`, float32 (DIMENSION,), CLIP's unit embedding (with all twelve blocks alone).
    """
    graph = _Graph()
    makes = _Layers(graph, smoothing)
    x = _tokens(graph, tower, shape)
    sizes = None
    taken = []
    for number, block in enumerate(tower.blocks[: shape.blocks]):
        only_cls = number + 1 == shape.blocks and not watched
        attended, keys = _attention(graph, makes, x, number, block, sizes, only_cls=only_cls)
        x = graph("Add", _cls(graph, x) if only_cls else x, attended)
        if shape.merged and not only_cls:
            x, sizes = _merge(graph, x, keys, sizes, _length(shape, number), shape.merged)
        inner = makes.linear(makes.norm(x, block.between, f"{number}.first"), block.first, f"{number}.first")
        inner = graph("QuickGelu", inner, domain="com.microsoft", alpha=1.702)
        x = graph("Add", x, makes.second(inner, block.second, number))
        if number + 1 in shape.taken:
            taken.append(_cls(graph, x))
    outputs = {graph("Concat", *taken, axis=0): ("tokens", (len(taken), WIDTH))}
    if shape.blocks == len(tower.blocks):
        outputs[_vector(graph, _cls(graph, x), tower)] = ("vector", (tower.projection.shape[1],))
    if watched:
        outputs |= {value: (name, (None, None)) for name, value in makes.inputs.items()}
    return _file(graph, shape, outputs)


def factors(highest: Smoothing, tower: Tower) -> dict[str, Floats]:
    """By layer, each input channel's factor: largest activation ** alpha / largest weight ** (1 - alpha).

    highest: by layer, the largest absolute value that each channel showed on development images.
    """
    found = {}
    for number, block in enumerate(tower.blocks):
        layers = {"qkv": block.qkv, "out": block.out, "first": block.first, "second": block.second}
        for name, layer in layers.items():
            key = f"{number}.{name}"
            if key in highest:
                weight = np.abs(layer.weight).max(axis=1)
                alpha = ALPHA_SECOND if name == "second" else ALPHA
                factor = np.maximum(highest[key], 1e-5) ** alpha / np.maximum(weight, 1e-5) ** (1 - alpha)
                found[key] = factor.astype(np.float32)
    return found


class _Layers:
    """Norms and linear layers, smoothed and quantised where there are factors; remembers what goes into each."""

    def __init__(self, graph: _Graph, smoothing: Smoothing | None) -> None:
        self.graph, self.smoothing, self.inputs = graph, smoothing, {}

    def factor(self, name: str, inputs: int) -> Floats:
        return np.ones(inputs, np.float32) if self.smoothing is None else self.smoothing[name]

    def norm(self, x: str, norm: Norm, follows: str = "") -> str:
        """A layer norm that divides by the factors of the layer it precedes."""
        factor = self.factor(follows, WIDTH) if follows else 1.0
        gain, shift = (self.graph.constant(np.float32(part / factor)) for part in (norm.gain, norm.shift))
        return self.graph("LayerNormalization", x, gain, shift, axis=-1, epsilon=1e-5)

    def linear(self, x: str, layer: Linear, name: str) -> str:
        """A layer whose input has been divided by its factors."""
        self.inputs[name] = x
        weight = layer.weight * self.factor(name, layer.weight.shape[0])[:, None]
        if self.smoothing is None:
            return self.graph(
                "Add", self.graph("MatMul", x, self.graph.constant(weight)), self.graph.constant(layer.bias)
            )
        scale = np.float32(np.abs(weight).max(axis=0) / 127)
        levels = np.clip(np.round(weight / scale), -127, 127).astype(np.int8)
        inputs = (x, self.graph.constant(levels), self.graph.constant(scale), "", self.graph.constant(layer.bias))
        return self.graph("DynamicQuantizeMatMul", *inputs, domain="com.microsoft")

    def second(self, x: str, layer: Linear, number: int) -> str:
        """The MLP's second layer: nothing before it can take the factors over, so they are multiplied in."""
        name = f"{number}.second"
        if self.smoothing is None:
            return self.linear(x, layer, name)
        return self.linear(self.graph("Mul", x, self.graph.constant(1 / self.smoothing[name])), layer, name)


def _tokens(graph: _Graph, tower: Tower, shape: Shape) -> str:
    """Patches -> tokens; the normalisation of pixels is in the kernel and the positions."""
    kernel = tower.patch / (255 * STD)[None, :, None, None]
    shift = -(tower.patch * (MEAN / STD)[None, :, None, None]).sum(axis=(1, 2, 3))
    positions = _positions(tower, shape)
    pixels = graph("Cast", graph("Transpose", "pixels", perm=[0, 3, 1, 2]), to=TensorProto.FLOAT)
    patches = graph("Conv", pixels, graph.half(kernel), strides=[PATCH, PATCH])
    rows = graph("Transpose", graph("Reshape", patches, graph.integers(WIDTH, shape.side**2)), perm=[1, 0])
    rows = graph("Add", rows, graph.constant(np.float32(positions[1:] + shift)))
    x = graph("Concat", graph.constant(np.float32(tower.cls + positions[0])[None]), rows, axis=0)
    return _Layers(graph, None).norm(x, tower.before)


def _positions(tower: Tower, shape: Shape) -> Floats:
    """Position embeddings; at another size bicubically interpolated, as open_clip's resize_pos_embed does."""
    if shape.side == SIDE:
        return tower.positions
    from PIL import Image

    grid = tower.positions[1:].reshape(SIDE, SIDE, WIDTH)
    size = (shape.side, shape.side)
    resized = [
        np.asarray(Image.fromarray(grid[:, :, channel]).resize(size, Image.Resampling.BICUBIC))
        for channel in range(WIDTH)
    ]
    return np.concatenate([tower.positions[:1], np.stack(resized, axis=2).reshape(-1, WIDTH)])


def _cls(graph: _Graph, x: str) -> str:
    """The CLS token (1, width)."""
    return graph("Slice", x, graph.integers(0), graph.integers(1), graph.integers(0))


def _attention(
    graph: _Graph, makes: _Layers, x: str, number: int, block: Block, sizes: str | None, *, only_cls: bool
) -> tuple[str, str]:
    """What attention adds (to the CLS token alone if `only_cls`), and the keys (HEADS, tokens, width)."""
    qkv, out = _carried(makes, block.qkv, block.out, number)
    normed, name = makes.norm(x, block.before, f"{number}.qkv"), f"{number}.qkv"
    if only_cls:
        own, others = (Linear(qkv.weight[:, part], qkv.bias[part]) for part in (slice(WIDTH), slice(WIDTH, None)))
        (queries,) = _heads(graph, makes.linear(_cls(graph, normed), own, name), 1)
        keys, values = _heads(graph, makes.linear(normed, others, name), 2)
    else:
        queries, keys, values = _heads(graph, makes.linear(normed, qkv, name), 3)
    weights = graph("MatMul", queries, graph("Transpose", keys, perm=[0, 2, 1]))
    if sizes is not None:
        weights = graph("Add", weights, graph("Log", sizes))
    mixed = graph("MatMul", graph("Softmax", weights, axis=-1), values)
    rows = graph("Reshape", graph("Transpose", mixed, perm=[1, 0, 2]), graph.integers(-1, WIDTH))
    return makes.linear(rows, out, f"{number}.out"), keys


def _heads(graph: _Graph, joined: str, parts: int) -> list[str]:
    """Rows of `parts` vectors beside each other -> each as (HEADS, tokens, width)."""
    shaped = graph("Reshape", joined, graph.integers(-1, parts, HEADS, WIDTH // HEADS))
    by_part = graph("Transpose", shaped, perm=[1, 2, 0, 3])
    return [graph("Gather", by_part, graph.constant(np.array(part, np.int64)), axis=0) for part in range(parts)]


def _carried(makes: _Layers, qkv: Linear, out: Linear, number: int) -> tuple[Linear, Linear]:
    """Queries take attention's 1 / sqrt(width) in, values the factors of the layer behind them: attention is linear."""
    scale = np.ones(3 * WIDTH, np.float32)
    scale[:WIDTH] = (WIDTH // HEADS) ** -0.5
    scale[2 * WIDTH :] = 1 / makes.factor(f"{number}.out", WIDTH)
    return Linear(qkv.weight * scale, qkv.bias * scale), out


def _length(shape: Shape, number: int) -> int:
    """Tokens before block `number` merges any."""
    return 1 + shape.side**2 - number * shape.merged


def _merge(graph: _Graph, x: str, keys: str, sizes: str | None, length: int, merged: int) -> tuple[str, str]:
    """Even tokens are matched with odd ones; the best `merged` pairs become one. Returns tokens and sizes (1, n)."""
    metric = graph("ReduceMean", keys, axes=[0], keepdims=0)
    metric = graph("LpNormalization", metric, axis=-1, p=2)
    starts, end, step, axis = graph.integers(0), graph.integers(length), graph.integers(2), graph.integers(0)
    even = graph("Slice", metric, starts, end, axis, step)
    odd = graph("Slice", metric, graph.integers(1), end, axis, step)
    cosines = graph("MatMul", even, graph("Transpose", odd, perm=[1, 0]))
    first = np.zeros(((length + 1) // 2, 1), np.float32)
    first[0] = LOWEST
    cosines = graph("Add", cosines, graph.constant(first))
    best, where = graph.many("TopK", cosines, graph.integers(1), axis=1, outputs=2)
    best, where = (graph("Reshape", one, graph.integers(-1)) for one in (best, where))
    evens = (length + 1) // 2
    _, order = graph.many("TopK", best, graph.integers(evens), axis=0, outputs=2)
    moved = graph("Slice", order, graph.integers(0), graph.integers(merged), axis)
    stay = graph("Slice", order, graph.integers(merged), graph.integers(evens), axis)
    stay, _ = graph.many("TopK", stay, graph.integers(evens - merged), axis=0, largest=0, outputs=2)
    target = graph("Gather", where, moved, axis=0)
    weight = sizes if sizes is not None else graph.constant(np.ones((1, length), np.float32))
    column = graph("Reshape", weight, graph.integers(-1, 1))

    def joined(values: str) -> str:
        ours = graph("Slice", values, starts, end, axis, step)
        theirs = graph("Slice", values, graph.integers(1), end, axis, step)
        index = graph("Reshape", target, graph.integers(-1, 1))
        added = graph("ScatterND", theirs, index, graph("Gather", ours, moved, axis=0), reduction="add")
        return graph("Concat", graph("Gather", ours, stay, axis=0), added, axis=0)

    total = joined(column)
    mean = graph("Div", joined(graph("Mul", x, column)), total)
    return mean, graph("Reshape", total, graph.integers(1, -1))


def _vector(graph: _Graph, cls: str, tower: Tower) -> str:
    """CLIP's unit embedding, from the CLS token behind the last block."""
    normed = _Layers(graph, None).norm(cls, tower.after)
    projected = graph("MatMul", normed, graph.half(tower.projection))
    return graph("Reshape", graph("LpNormalization", projected, axis=-1, p=2), graph.integers(-1))


def _file(graph: _Graph, shape: Shape, outputs: dict[str, tuple[str, Sequence[int | None]]]) -> bytes:
    nodes = [*graph.nodes, *(helper.make_node("Identity", [value], [name]) for value, (name, _) in outputs.items())]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.UINT8, (1, shape.size, shape.size, 3))
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name, sizes in outputs.values()]
    made = helper.make_graph(nodes, "clip", [pixels], results, graph.constants)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    model: bytes = helper.make_model(made, opset_imports=opsets, ir_version=8).SerializeToString()
    return model
