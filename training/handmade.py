"""Some four hundred hand-made features of a crop at its own scale: residuals, spectrum, blocks. A baseline."""

from __future__ import annotations

import numpy as np
from scipy.fft import dctn

from training.pack import CROP

KERNELS = tuple(
    np.array(kernel, np.float32)
    for kernel in (
        [[1, -1]],
        [[1], [-1]],
        [[1, -2, 1]],
        [[1], [-2], [1]],
        [[0, -1, 0], [-1, 4, -1], [0, -1, 0]],
        [[-1, 2, -1], [2, -4, 2], [-1, 2, -1]],
        [[1, 0], [0, -1]],
        [[1, -3, 3, -1]],
    )
)
OPPONENTS = np.array([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]], np.float32)
RINGS = 32


class Handmade:
    """uint8 (224, 224, 3) to a vector of features."""

    kind = CROP
    width = 8 * 3 * 4 + 3 * RINGS + 2 * 64 + 81

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The features."""
        planes = np.ascontiguousarray((image.astype(np.float32) @ OPPONENTS.T).transpose(2, 0, 1))
        parts = [_moments(_filtered(plane, kernel)) for plane in planes for kernel in KERNELS]
        return np.concatenate([*parts, *(_rings(plane) for plane in planes), _blocks(planes[0]), _pairs(planes[0])])


def _filtered(plane: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The plane through a small kernel, where it fits."""
    high, wide = plane.shape[0] - kernel.shape[0] + 1, plane.shape[1] - kernel.shape[1] + 1
    out = np.zeros((high, wide), np.float32)
    for (top, left), factor in np.ndenumerate(kernel):
        if factor:
            out += factor * plane[top : top + high, left : left + wide]
    return out


def _moments(residual: np.ndarray) -> np.ndarray:
    """Log size, shape of the tails, skew, share of zeros."""
    spread = residual.std() + 1e-3
    unit = ((residual - residual.mean()) / spread).ravel()
    squares = unit * unit
    return np.array(
        [
            np.log(spread),
            np.log(squares.dot(squares) / len(squares) + 1),
            squares.dot(unit) / len(unit),
            (np.abs(residual) < 0.5).mean(),
        ]
    )


def _rings(plane: np.ndarray) -> np.ndarray:
    """Log power by distance from the spectrum's centre."""
    side = len(plane)
    power = np.abs(np.fft.fftshift(np.fft.fft2(plane - plane.mean()))) ** 2
    distance = np.hypot(*np.mgrid[-side // 2 : side // 2, -side // 2 : side // 2])
    ring = np.minimum((distance / (side / 2) * RINGS).astype(int), RINGS - 1)
    mean = np.bincount(ring.ravel(), power.ravel(), RINGS) / np.bincount(ring.ravel(), minlength=RINGS)
    logs: np.ndarray = np.log(mean + 1)
    return logs


def _blocks(plane: np.ndarray) -> np.ndarray:
    """Of each coefficient of 8 x 8 blocks: log spread, share near zero."""
    blocks = plane.reshape(28, 8, 28, 8).transpose(0, 2, 1, 3).reshape(-1, 8, 8)
    coefficients = dctn(blocks, axes=(1, 2), norm="ortho").reshape(-1, 64)
    return np.concatenate([np.log(coefficients.std(0) + 0.1), (np.abs(coefficients) < 2).mean(0)])


def _pairs(plane: np.ndarray) -> np.ndarray:
    """How often residuals of nine sizes stand beside one another."""
    residual = np.clip(np.round(_filtered(plane, KERNELS[2]) / 2), -4, 4).astype(int) + 4
    counts = np.bincount((residual[:, :-1] * 9 + residual[:, 1:]).ravel(), minlength=81)
    shares: np.ndarray = counts / counts.sum()
    return shares
