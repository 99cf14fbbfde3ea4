"""A worker: the process that decodes and encodes what strangers sent, one picture at a time, and may die alone.

On Linux workers are forked from one process that has loaded this module and with it the model (`PRELOADED`), so that
there is one copy of it whatever their number: measured, 24 MB of its own for each worker and 50 ms to replace one,
where a process that loads the model itself takes 60 MB and 300 ms.

What comes back is unpickled: workers protect against crashes, endless work and memory, not against code that took one
over. They may write no files, and hold no more memory than a picture within the limits needs.
"""

from __future__ import annotations

import io
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from ...core.features.describer import Describer
from ...errors import LookalikeError
from ...settings import Settings, load_settings

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Verb = Literal["card", "describe", "thumbnail", "small", "traces", "pixel_hash", "embed"]
Request = tuple[Verb, str, dict[str, Any], bytes]  # what to do, with which encoder, how, and on what

PRELOAD = "LOOKALIKE_PRELOAD_WORKERS"  # in the environment of the process that workers are forked from
_OWN_BYTES = 256_000_000  # for the encoder, Pillow's working space and the interpreter
_PIXEL_BYTES = 14  # of memory for each pixel that the limits allow; what `intake` promises is 13


def _preload() -> dict[str, Describer]:
    """Load the encoder that nearly all collections use, and all modules that a picture needs."""
    import PIL.Image

    describer = Describer(load_settings(), "builtin")
    for kind in ("JPEG", "PNG", "WEBP"):
        stream = io.BytesIO()
        PIL.Image.new("RGB", (16, 16)).save(stream, kind)
        describer.describe(stream.getvalue(), thumbnail=True)
    return {"builtin": describer}


PRELOADED: dict[str, Describer] = {}
if os.environ.get(PRELOAD):
    with suppress(LookalikeError):  # a worker will meet it again, and answer with it
        PRELOADED = _preload()


def work(connection: Connection, settings: Settings) -> None:
    """Answer requests until the other end is gone, as it is when the server ends, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which finishes what it accepted
    _confine(settings)
    describers: dict[str, Describer] = {}
    while True:
        try:
            verb, encoder_name, options, data = connection.recv()
        except (EOFError, OSError):
            return
        try:
            describer = describers.setdefault(encoder_name, _describer(settings, encoder_name))
            connection.send((True, _answer(describer, verb, data, options)))
        except LookalikeError as error:
            connection.send((False, error))
        except (BrokenPipeError, ConnectionResetError):
            return


def _answer(describer: Describer, verb: Verb, data: bytes, options: dict[str, Any]) -> Any:
    match verb:
        case "card":
            return describer.card
        case "describe":
            return describer.describe(data, **options)
        case "thumbnail":
            return describer.thumbnail(data, **options)
        case "small":
            return describer.small(data)
        case "traces":
            return describer.traces(data)
        case "pixel_hash":
            return describer.pixel_hash(data)
        case "embed":
            return describer.embed(options["pixels"])


def _describer(settings: Settings, encoder_name: str) -> Describer:
    loaded = PRELOADED.get(encoder_name)
    return Describer(settings, encoder_name, encoder=loaded.encoder if loaded else None)


def _confine(settings: Settings) -> None:
    """Take from this process what it does not need, where the system can."""
    try:
        import resource
    except ImportError:  # no such thing on Windows
        return
    limits = settings.limits
    allowed = _held_bytes() + _OWN_BYTES + _PIXEL_BYTES * limits.max_image_pixels + 2 * limits.max_image_bytes
    for kind, most in (
        (resource.RLIMIT_DATA, allowed),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(OSError, ValueError):  # a lower limit is set already
            resource.setrlimit(kind, (most, most))


def _held_bytes() -> int:
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
    except (OSError, StopIteration, ValueError):
        return 0
