"""What a caller gives to `add`, as a stream of items: folders walked, records unpacked, ids chosen."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from ... import intake
from ...arguments import plain_json
from ...errors import InputError, LookalikeError, SourceNotFoundError, shown
from ...limits import Limits, check_tags
from ...pictures import Bytes, File, Url
from .pipeline import IdFrom, Item

_PICTURES = ("_file", "_url", "_base64", "_bytes")
_MOST_CALLED_CHARS = 300
UPLOAD = "upload:"  # begins the source of a picture whose sender named the file: a name, never a path of ours


def items_of(
    source: Any, *, id_from: IdFrom, limits: Limits, base: Path | None = None, prefix: str = ""
) -> Iterator[Item]:
    """Return the items of one source or of an iterable of sources; what cannot be one becomes a failed item.

    Args:
        source: A folder, a file, bytes, a URL, base64 text, a PIL image, an array, a record in the JSON-lines
            form, or an iterable of them.
        id_from: What names a file: its path below the folder, its name, or its content hash.
        base: The folder that a record's relative `_file` starts from.
        prefix: Begins the ids that are made of paths and names. In a list of folders and files that would give two
            files one id, each of the two gets the name of its folder before its own.
    """
    if isinstance(source, list | tuple) and any(map(_is_local, source)):
        yield from _listed_items(source, id_from=id_from, limits=limits, base=base, prefix=prefix)
    elif _is_folder(source):
        yield from _folder_items(Path(source), id_from=id_from, limits=limits, prefix=prefix)
    elif isinstance(source, Item):
        yield source
    elif isinstance(source, LookalikeError):  # a record that could not even be parsed
        yield Item(None, str(source.details.get("source", "")), "", failure=source)
    elif isinstance(source, Mapping):
        yield _record_item(source, limits=limits, base=base)
    elif intake.is_source(source):
        yield _single_item(source, id_from=id_from, prefix=prefix)
    elif isinstance(source, Iterable):
        for one in source:
            yield from items_of(one, id_from=id_from, limits=limits, base=base, prefix=prefix)
    else:
        error = InputError(
            f"a source of type {type(source).__name__} is none that can be read: pass a folder, path, URL, bytes, "
            f"PIL image, array, or a record such as {{'_id': '7', '_file': 'a.jpg'}}."
        )
        yield Item(None, intake.describe(source), "", failure=error)


def described(
    items: Iterable[Item],
    *,
    id: str | None,
    metadata: Mapping[str, Any] | None,
    tags: Iterable[str] | None,
    limits: Limits,
) -> Item:
    """Return the one item with the id, metadata and tags that its caller chose.

    Raises:
        InputError: when there is not exactly one item, or a value has no place in a record.
    """
    given = list(items)
    if len(given) != 1:
        raise InputError(f"id, metadata and tags are for one picture; the source has {len(given):,}.")
    if metadata is not None:
        metadata = checked_metadata(metadata, limits=limits)
    return replace(
        given[0],
        id=given[0].id if id is None else check_record_id(id, limits=limits),
        is_named=given[0].is_named or id is not None,
        metadata=given[0].metadata if metadata is None else metadata,
        tags=given[0].tags if tags is None else check_tags(tags),
    )


def count_items(source: Any, *, limits: Limits) -> int | None:
    """Count what `items_of` will give, where that is cheap; None where it is not."""
    if _is_folder(source):
        return sum(1 for _ in intake.walk(source, limits=limits))
    if isinstance(source, Mapping) or intake.is_source(source):
        return 1
    if isinstance(source, list | tuple):
        counts = [count_items(one, limits=limits) for one in source]
        return None if None in counts else sum(n for n in counts if n is not None)
    return None


def is_single(source: Any) -> bool:
    """Return whether a source is plainly one picture."""
    if isinstance(source, list) and len(source) == 1:
        source = source[0]
    return isinstance(source, Mapping | bytes) or intake.is_url(source)


def is_picture(head: bytes) -> bool:
    """Return whether a file is a picture, readable here or not, by its first 512 bytes."""
    return intake.looks_like_image(head) and head[:1] not in b'{"['  # JSON may speak of <svg>


def check_record_id(record_id: Any, *, limits: Limits) -> str:
    """Return the id when it may name a record.

    Raises:
        InputError: when it is not text, empty, too long, or holds control characters.
    """
    if isinstance(record_id, int) and not isinstance(record_id, bool):
        record_id = str(record_id)
    if not isinstance(record_id, str):
        raise InputError(f"an id of type {type(record_id).__name__} names no record: pass a text or a whole number.")
    if not 0 < len(record_id) <= limits.max_id_chars:
        raise InputError(f"an id has 1 to {limits.max_id_chars} characters, not {len(record_id)}.")
    if any(ord(char) < 32 or 0xD800 <= ord(char) <= 0xDFFF for char in record_id):
        raise InputError(f"the id {record_id[:80]!r} holds a control character. Take it out.")
    return record_id


def check_prefix(prefix: str, *, limits: Limits) -> str:
    """Return what ids are to begin with, without slashes at its ends; "" for none.

    Raises:
        InputError: when it cannot be part of an id.
    """
    if not isinstance(prefix, str):
        raise InputError(f"a prefix of type {type(prefix).__name__} begins no id: pass a text such as disk1.")
    bare = prefix.strip("/")
    return check_record_id(bare, limits=limits) if bare else ""


def _is_folder(source: Any) -> bool:
    if not isinstance(source, str | os.PathLike):
        return False
    try:
        return os.path.isdir(source)
    except ValueError:  # a NUL inside: no path at all
        return False


def _is_local(source: Any) -> bool:
    """Return whether a source is a folder or file of this machine, which others of a call may share names with."""
    if not isinstance(source, str | os.PathLike):
        return False
    try:
        return isinstance(intake.source_of(source), File)
    except LookalikeError:  # told when it is read
        return False


def _listed_items(
    sources: list[Any] | tuple[Any, ...], *, id_from: IdFrom, limits: Limits, base: Path | None, prefix: str
) -> Iterator[Item]:
    """Return the items of folders and files that one call names: each file once, and no two under one id."""
    roots = {_root_of(source) for source in sources if _is_local(source)}
    shared = _shared_ids(sources, id_from=id_from, limits=limits) if len(roots) > 1 else frozenset()
    names, seen = distinct_names(roots) if shared else {}, set[str]()
    for source in sources:
        for item in items_of(source, id_from=id_from, limits=limits, base=base, prefix=prefix):
            if len(roots) > 1 and item.stamp and not item.is_named:
                repeats = item.name in seen
                seen.add(item.name)
                item = replace(item, is_repeated=repeats)
            asked = item.id.removeprefix(f"{prefix}/") if prefix else item.id
            if _is_local(source) and asked in shared:
                item = replace(item, id=_joined(prefix, names[_root_of(source)], asked))
            yield item


def _shared_ids(sources: Iterable[Any], *, id_from: IdFrom, limits: Limits) -> frozenset[str]:
    """Return the ids that two files would have."""
    paths: dict[str, str] = {}
    shared = set()
    for source in filter(_is_local, sources):
        with suppress(LookalikeError):  # told when it is read
            for path, id in _paths_of(source, id_from=id_from, limits=limits):
                if id and paths.setdefault(id, path) != path:
                    shared.add(id)
    return frozenset(shared)


def _paths_of(source: Any, *, id_from: IdFrom, limits: Limits) -> Iterator[tuple[str, str]]:
    """Return the files of a folder, or a file itself, with the ids that they ask for."""
    if not _is_folder(source):
        yield os.path.abspath(source), _file_id(Path(source).name, id_from)
        return
    for found in intake.walk(source, limits=limits):
        if found.looks_like_image:
            yield os.path.abspath(found.path), _file_id(found.relative, id_from)


def _root_of(source: Any) -> str:
    """Return the folder whose name tells files of one name apart."""
    path: str = os.path.abspath(source)
    return path if _is_folder(source) else os.path.dirname(path)


def distinct_names(roots: Iterable[str]) -> dict[str, str]:
    """Name folders by as many last parts of their paths as tell them apart, by their paths."""
    parts = {root: Path(root).parts[1:] or ("root",) for root in roots}
    names: dict[str, str] = {}
    length = 1
    while len(names) < len(parts):
        counts = Counter(own[-length:] for own in parts.values())
        for root, own in parts.items():
            if root not in names and (counts[own[-length:]] == 1 or length >= len(own)):
                names[root] = intake.printable("/".join(own[-length:]))
        length += 1
    return names


def _joined(*parts: str) -> str:
    return "/".join(filter(None, parts))


def _folder_items(folder: Path, *, id_from: IdFrom, limits: Limits, prefix: str) -> Iterator[Item]:
    for found in intake.walk(folder, limits=limits):
        path = os.path.abspath(found.path)
        record_id = _file_id(found.relative, id_from, prefix)
        skipped = not found.looks_like_image
        yield Item(File(str(found.path)), path, record_id, stamp=found.stamp, skipped=skipped)


def _single_item(given: Any, *, id_from: IdFrom, prefix: str) -> Item:
    try:
        source = intake.source_of(given)
    except LookalikeError as error:
        return Item(None, intake.describe(given), "", failure=error)
    if isinstance(source, Url):
        return Item(source, source.url, "" if id_from == "hash" else source.url)
    if not isinstance(source, File):
        return Item(source, intake.describe(source), "")
    path = Path(source.path)
    return Item(source, os.path.abspath(path), _file_id(path.name, id_from, prefix), stamp=_stamp(path))


def _record_item(record: Mapping[str, Any], *, limits: Limits, base: Path | None) -> Item:
    """Read a record in the JSON-lines form: {"_id", "_file" | "_url" | "_base64", any fields, "tags"}.

    A record with `_bytes`, which no JSON can hold, is an upload: of what it does not say, a record that is there keeps
    its own. Its sender may have called the file something: as `_called` that is told to people; as `_name` it is the
    source of the record, too.
    """
    name = shown(record.get("_id", record))
    try:
        pictures = [key for key in _PICTURES if record.get(key) is not None]
        if len(pictures) != 1:
            raise InputError(
                f'record "{name}" has {len(pictures)} pictures: give one of _file, _url, _base64 or _bytes.'
            )
        known = (*_PICTURES, "_id", *(("_name", "_called") if "_bytes" in record else ()))
        unknown = [key for key in record if key.startswith("_") and key not in known]
        if unknown:
            raise InputError(f'record "{name}" has the unknown field "{unknown[0]}": names with _ are ours.')
        item = _pictured(record, pictures[0], base)
        record_id = check_record_id(record["_id"], limits=limits) if "_id" in record else item.id
        metadata: Mapping[str, Any] | None = {k: v for k, v in record.items() if not k.startswith("_") and k != "tags"}
        tags: tuple[str, ...] | None = check_tags(record.get("tags", ()))
        metadata = checked_metadata(metadata, limits=limits)
        if "_bytes" in record:
            metadata, tags = metadata or None, tags if "tags" in record else None
    except LookalikeError as error:
        return Item(None, name, "", failure=error)
    return replace(item, id=record_id, metadata=metadata, tags=tags, is_named="_id" in record)


def _pictured(record: Mapping[str, Any], key: str, base: Path | None) -> Item:
    value = record[key]
    if key == "_bytes" and isinstance(value, bytes):
        name, called = record.get("_name"), record.get("_called")
        named = f"{UPLOAD}{name}" if name else intake.describe(value)
        return Item(Bytes(value), named, "", called=str(called or name or "")[:_MOST_CALLED_CHARS])
    if not isinstance(value, str) or key == "_bytes":
        wanted = "bytes" if key == "_bytes" else "a text"
        raise InputError(f"{key} is {wanted}, not {type(value).__name__}.")
    if key == "_base64":
        source = Bytes(intake.base64_bytes(value))
        return Item(source, intake.describe(source), "")
    if key == "_url":
        if not intake.is_url(value):
            raise InputError(f"_url={value[:80]!r} is not a web address: it begins with http:// or https://.")
        return Item(Url(value), value, value)
    path = (base or Path()) / value
    if not path.exists():
        raise SourceNotFoundError(f'there is no file "{path}". A relative _file starts from the folder of the list.')
    if path.is_dir():
        raise InputError(f'"{path}" is a folder: a record has one picture. Index the folder instead.')
    return Item(File(str(path)), os.path.abspath(path), value, stamp=_stamp(path))


def checked_metadata(metadata: Any, *, limits: Limits) -> Mapping[str, Any]:
    """Return metadata, with numbers and arrays of numpy and its like as plain ones.

    What has no form as JSON, is too large, or uses a name of ours is refused.

    Raises:
        InputError: naming what is wrong.
    """
    if not isinstance(metadata, Mapping) or not all(isinstance(key, str) for key in metadata):
        raise InputError(f"metadata is an object with text names, not {type(metadata).__name__}.")
    for key in metadata:
        if key.startswith(("_", "$")) or key == "tags":
            raise InputError(f'"{key[:80]}" cannot be a metadata field: names with _ or $, and "tags", are ours.')
    try:
        metadata, text = plain_json(metadata)
        size = len(text.encode())
    except (TypeError, ValueError, UnicodeEncodeError) as exc:
        raise InputError(f"metadata holds a value that JSON has no form for: {exc}.") from exc
    if size > limits.max_metadata_bytes:
        raise InputError(f"metadata of {size:,} bytes is over the limit of {limits.max_metadata_bytes:,}.")
    return cast("Mapping[str, Any]", metadata)


def _stamp(path: Path) -> str:
    try:
        return intake.stamp(path)
    except (OSError, ValueError):  # reading the file will say what is wrong with it
        return ""


def _file_id(relative: str, id_from: IdFrom, prefix: str = "") -> str:
    if id_from == "hash":
        return ""
    return _joined(prefix, relative if id_from == "path" else relative.rsplit("/", 1)[-1])
