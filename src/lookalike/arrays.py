"""Type aliases of NumPy arrays, by dtype."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    F32: TypeAlias = npt.NDArray[np.float32]
    F64: TypeAlias = npt.NDArray[np.float64]
    U8: TypeAlias = npt.NDArray[np.uint8]
    I16: TypeAlias = npt.NDArray[np.int16]
    I64: TypeAlias = npt.NDArray[np.int64]
    Bools: TypeAlias = npt.NDArray[np.bool_]
    Vectors: TypeAlias = Mapping[str, F32 | U8]
