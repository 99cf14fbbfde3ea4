"""The errors of lookalike: one family, each kind with a stable code that machines may match.

    LookalikeError                 error
    ├── InputError                 input_invalid        a value that the caller gave is wrong
    │   └── FilterError            filter_invalid       a filter that means nothing
    ├── SourceError                source_invalid       no image could be had from a source
    │   ├── SourceNotFoundError    source_not_found     no such file
    │   ├── FetchError             fetch_failed         a URL did not answer with a picture
    │   ├── FetchRefusedError      fetch_refused        a URL that we will not open
    │   ├── ImageUndecodableError  image_undecodable    bytes that are not a whole image
    │   ├── ImageUnsupportedError  image_unsupported    an image format that is not read here
    │   ├── ImageTooLargeError     image_too_large      over a limit on bytes, pixels or time
    │   └── DecoderCrashedError    decoder_crashed      bytes that ended the process that decoded them
    ├── NotFoundError              not_found
    │   ├── CollectionNotFoundError  collection_not_found
    │   ├── RecordNotFoundError      record_not_found
    │   ├── KeyNotFoundError         key_not_found
    │   └── JobNotFoundError         job_not_found
    ├── ConflictError              conflict
    │   ├── CollectionExistsError  collection_exists
    │   ├── IdTakenError           id_taken             an id that another source holds
    │   ├── ChangedMeanwhileError  changed_meanwhile    not what the caller had seen any more
    │   └── PruneRefusedError      prune_refused        so many files are gone that the disk may be
    ├── AccessError                access_refused       not for this caller
    │   ├── KeyNeededError         key_needed           no key, or one that is not valid
    │   ├── ScopeError             scope_insufficient   a valid key that may not do this
    │   └── MoveRefusedError       move_refused         no file is moved for this caller, or not this one
    ├── QuotaError                 quota_exceeded       more than the caller may have
    ├── BusyError                  busy                 no room for more work now
    ├── EncoderError               encoder_failed
    │   └── EncoderMismatchError   encoder_mismatch     vectors of two encoders would meet
    ├── StoreError                 store_failed
    │   ├── StoreBusyError         store_busy           another writer held it for too long
    │   ├── StoreFullError         store_full           the disk is full
    │   ├── StoreReadOnlyError     store_read_only      the folder may not be written
    │   ├── StoreDamagedError      store_damaged        the database cannot be read
    │   └── StoreTooNewError       store_too_new        written by a later lookalike
    └── ExtraMissingError          extra_missing        an optional part is not installed

A message says what was wrong, what was expected, and how to mend it.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping
from typing import Any, ClassVar

_SHOWN_CHARS = 80


class _Brief(reprlib.Repr):
    """Text of values, made of no more than is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 20
        self.maxstring = self.maxother = self.maxlong = _SHOWN_CHARS

    def repr_bytes(self, value: bytes, level: int) -> str:
        return repr(value[:_SHOWN_CHARS])


def shown(value: Any) -> str:
    """Return the beginning of a value as text for a message; what is longer is never made into text whole.

    Example:
        >>> shown([0] * 1_000_000)
        '[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...]'
    """
    return value[:_SHOWN_CHARS] if isinstance(value, str) else _Brief().repr(value)[:_SHOWN_CHARS]


def in_json(value: Any) -> str:
    """Return a value as JSON for a message; of a list or an object only what it is.

    Example:
        >>> in_json(None), in_json("red"), in_json([1, 2])
        ('null', '"red"', 'a list')
    """
    if isinstance(value, Mapping | list | tuple):
        return "an object" if isinstance(value, Mapping) else "a list"
    return json.dumps(shown(value) if isinstance(value, str) else value, ensure_ascii=False, default=str)[:80]


class LookalikeError(Exception):
    """Any error that lookalike raises on purpose; `details` holds the values it talks about."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, **details: Any) -> None:
        message = message.encode("utf-8", "backslashreplace").decode()  # halves of characters can be written nowhere
        super().__init__(message)
        self.message = message
        self.details = details

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.details))


def _rebuild(kind: type[LookalikeError], message: str, details: dict[str, Any]) -> LookalikeError:
    return kind(message, **details)


class InputError(LookalikeError, ValueError):
    """A value that the caller gave is wrong."""

    code = "input_invalid"


class FilterError(InputError):
    """A filter that means nothing; `place` is the path to the wrong part."""

    code = "filter_invalid"


class SourceError(LookalikeError):
    """No image could be had from a source."""

    code = "source_invalid"


class SourceNotFoundError(SourceError):
    """There is no such file or folder."""

    code = "source_not_found"


class FetchError(SourceError):
    """A URL did not answer with a picture."""

    code = "fetch_failed"


class FetchRefusedError(SourceError):
    """A URL that the safe fetcher will not open."""

    code = "fetch_refused"


class ImageUndecodableError(SourceError):
    """Bytes that are not a whole image."""

    code = "image_undecodable"


class ImageUnsupportedError(SourceError):
    """An image format that is not read here."""

    code = "image_unsupported"


class ImageTooLargeError(SourceError):
    """An image over a limit on bytes, pixels or decoding time."""

    code = "image_too_large"


class DecoderCrashedError(SourceError):
    """Bytes that ended the process that decoded them, twice."""

    code = "decoder_crashed"


class NotFoundError(LookalikeError):
    """Something that was named is not there."""

    code = "not_found"


class CollectionNotFoundError(NotFoundError):
    """There is no collection of that name."""

    code = "collection_not_found"


class RecordNotFoundError(NotFoundError):
    """There is no record of that id."""

    code = "record_not_found"


class KeyNotFoundError(NotFoundError):
    """There is no key of that name or id."""

    code = "key_not_found"


class JobNotFoundError(NotFoundError):
    """There is no job of that id."""

    code = "job_not_found"


class ConflictError(LookalikeError):
    """What was asked contradicts what is stored."""

    code = "conflict"


class CollectionExistsError(ConflictError):
    """A collection of that name is already there."""

    code = "collection_exists"


class IdTakenError(ConflictError):
    """An id that a record from another source holds; nothing was overwritten."""

    code = "id_taken"


class ChangedMeanwhileError(ConflictError):
    """What is stored is no longer what the caller had seen; nothing was changed."""

    code = "changed_meanwhile"


class PruneRefusedError(ConflictError):
    """So many files are gone at once that their disk may be; no record was removed."""

    code = "prune_refused"


class AccessError(LookalikeError):
    """This caller may not do what was asked."""

    code = "access_refused"


class KeyNeededError(AccessError):
    """The caller gave no key, or one that is unknown, revoked or expired."""

    code = "key_needed"


class ScopeError(AccessError):
    """The caller's key is valid, and may not do this."""

    code = "scope_insufficient"


class MoveRefusedError(AccessError):
    """Files of the server's machine are not moved for this caller, or not this one."""

    code = "move_refused"


class QuotaError(LookalikeError):
    """More than the caller may have; `retry_after_s` among the details says when to try again."""

    code = "quota_exceeded"


class BusyError(LookalikeError):
    """There is no room for more work now; `retry_after_s` among the details says when to try again."""

    code = "busy"


class EncoderError(LookalikeError):
    """An encoder cannot be loaded, or gives wrong numbers."""

    code = "encoder_failed"


class EncoderMismatchError(EncoderError):
    """Vectors of two encoders would meet in one collection."""

    code = "encoder_mismatch"


class StoreError(LookalikeError):
    """The store could not do what was asked; what it had acknowledged is still there."""

    code = "store_failed"


class StoreBusyError(StoreError):
    """Another writer held the store for too long."""

    code = "store_busy"


class StoreFullError(StoreError):
    """The disk is full."""

    code = "store_full"


class StoreReadOnlyError(StoreError):
    """The folder may not be written."""

    code = "store_read_only"


class StoreDamagedError(StoreError):
    """The truth of a store cannot be read."""

    code = "store_damaged"


class StoreTooNewError(StoreError):
    """The store was written by a later lookalike."""

    code = "store_too_new"


class ExtraMissingError(LookalikeError, ImportError):
    """An optional part is not installed; the message has the line that installs it."""

    code = "extra_missing"
