"""Silence for libtiff, which would warn on stderr."""

from __future__ import annotations

from functools import cache


@cache
def silence() -> None:
    """Take away libtiff's message handlers, once; what is wrong with a file comes back as an error anyway.

    Pillow has no setting for it. Where its wheel keeps libtiff elsewhere (Windows links it in), nothing happens.
    """
    import ctypes
    from pathlib import Path

    import PIL

    package = Path(PIL.__file__).parent
    for folder in (package.parent / "pillow.libs", package / ".dylibs"):
        for path in folder.glob("libtiff*"):
            library = ctypes.CDLL(str(path))
            for handler in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
                setter = getattr(library, handler)
                setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
                setter(None)
