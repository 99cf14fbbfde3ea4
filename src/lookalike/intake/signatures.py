"""What a file is, told by its first bytes and its name; nothing is decoded here."""

from __future__ import annotations

import re
import zlib

# (offset, bytes, kind). The first that fits wins.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
    (0, b"FUJIFILMCCD-RAW", "raw"),
    (0, b"IIRO", "raw"),
    (0, b"IIRS", "raw"),
    (0, b"MMOR", "raw"),
    (0, b"IIU\0", "raw"),
    (0, b"FOVb", "raw"),
    (6, b"HEAPCCDR", "raw"),  # CRW of Canon
    (0, b"\0MRM", "raw"),  # MRW of Minolta
    (8, b"CR\x02", "raw"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"II+\0", "tiff"),
    (0, b"MM\0+", "tiff"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
    (0, b"\xff\x4f\xff\x51", "jp2"),
    (0, b"\0\0\0\x0cJXL ", "jxl"),
    (0, b"\xff\x0a", "jxl"),
    (0, b"8BPS", "psd"),
    (0, b"gimp xcf", "xcf"),
    (0, b"\x76\x2f\x31\x01", "exr"),
    (0, b"#?RADIANCE", "hdr"),
    (0, b"DDS ", "dds"),
    (0, b"icns", "icns"),
    (0, b"qoif", "qoi"),
    (0, b"BLP1", "blp"),
    (0, b"BLP2", "blp"),
    (0, b"\x01\xda", "sgi"),
    (0, b"\x59\xa6\x6a\x95", "sun"),
    (0, b"%!PS", "eps"),
    (0, b"\xc5\xd0\xd3\xc6", "eps"),
    (0, b"\xd7\xcd\xc6\x9a", "wmf"),
    (0, b"BPG\xfb", "bpg"),
    (0, b"AT&TFORM", "djvu"),
    (0, b"/* XPM", "xpm"),
    (0, b"SIMPLE  =", "fits"),
    (128, b"DICM", "dicom"),
    (0, b"\x1a\x45\xdf\xa3", "video"),
    (0, b"\0\0\1\xba", "video"),
    (0, b"\0\0\1\xb3", "video"),
    (0, b"FLV\1", "video"),
    (4, b"moov", "video"),
    (4, b"mdat", "video"),
    (0, b"OggS", "sound"),
    (0, b"ID3", "sound"),
    (0, b"fLaC", "sound"),
    (0, b"PK\3\4", "zip"),
    (0, b"PK\5\6", "zip"),
    (0, b"7z\xbc\xaf\x27\x1c", "archive"),
    (0, b"Rar!\x1a\x07", "archive"),
    (0, b"\x1f\x8b", "archive"),
    (0, b"BZh", "archive"),
    (0, b"\xfd7zXZ\0", "archive"),
    (257, b"ustar", "archive"),
    (0, b"MZ", "program"),
    (0, b"\x7fELF", "program"),
    (0, b"SQLite format 3\0", "database"),
)

# Formats that are read. What Pillow's wheels decode without a foreign program.
READABLE = frozenset({"jpeg", "png", "webp", "avif", "gif", "bmp", "tiff", "tga", "ico", "ppm"})

# Kinds that are pictures and are not read: how to name them, and the way out.
UNSUPPORTED = {
    "heic": "HEIC",
    "jp2": "JPEG 2000",
    "jxl": "JPEG XL",
    "psd": "a Photoshop document",
    "svg": "SVG, a drawing in text",
    "raw": "a camera's raw file",
    "xcf": "a GIMP document",
    "exr": "OpenEXR",
    "hdr": "Radiance HDR",
    "dds": "a DDS texture",
    "icns": "an Apple icon",
    "cur": "a Windows cursor",
    "qoi": "QOI",
    "blp": "a BLP texture",
    "sgi": "SGI",
    "sun": "a Sun raster",
    "eps": "PostScript",
    "wmf": "a Windows metafile",
    "bpg": "BPG",
    "djvu": "DjVu",
    "xpm": "XPM",
    "fits": "FITS",
    "dicom": "DICOM",
    "pam": "PAM or PFM",
}

# Kinds that are not pictures: what the bytes are, and how to mend it.
NOT_IMAGES = {
    "empty": ("the file is empty", "Copy or upload it again."),
    "html": ("its bytes are a web page, not an image", "Point to the picture itself."),
    "xml": ("its bytes are XML, not an image", "Point to the picture itself."),
    "json": ("its bytes are JSON, not an image", "Point to the picture itself."),
    "text": ("its bytes are plain text, not an image", "Point to the picture itself."),
    "pdf": ("its bytes are a PDF, not an image", "Export the page as PNG or JPEG first."),
    "zip": ("its bytes are a ZIP archive, not an image", "Unpack it first."),
    "archive": ("its bytes are an archive, not an image", "Unpack it first."),
    "video": ("its bytes are a video, not an image", "Save a single frame as JPEG first."),
    "sound": ("its bytes are a sound file, not an image", "Point to a picture."),
    "program": ("its bytes are a program, not an image", "Point to a picture."),
    "database": ("its bytes are a database, not an image", "Point to a picture."),
}

TGA_SUFFIXES = frozenset({".tga", ".icb", ".vda", ".vst"})

# A file of such a name is tried, whatever its bytes are, so that nothing that was meant as a picture is passed over.
_SUFFIXES = """
.jpg .jpeg .jpe .jfif .png .apng .webp .avif .avifs .gif .bmp .dib .tif .tiff .ico .pbm .pgm .ppm .pnm
.heic .heif .hif .jp2 .j2k .j2c .jpx .jpf .jxl .psd .psb .svg .svgz .xcf .exr .hdr .dds .icns .cur .qoi .blp
.sgi .pcx .eps .wmf .emf .bpg .djvu .xpm .xbm .pam .pfm .dcm
.dng .cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .orf .rw2 .raf .pef .srw .x3f .raw .rwl .3fr .erf .mrw
"""
IMAGE_SUFFIXES = TGA_SUFFIXES | frozenset(_SUFFIXES.split())

SNIFF_BYTES = 512
_NETPBM = re.compile(rb"P[1-6][\s#]")
_HTML = re.compile(rb"<!doctype html|<(?:html|head|body|title|script|meta)[\s>]")
# The header sizes that BMP knows: OS/2, Windows 3, 4 and 5, and Adobe's two.
_DIB_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})


def kind(data: bytes, suffix: str = "") -> str:
    """Name what the bytes are: a format of `READABLE`, a key of `UNSUPPORTED` or `NOT_IMAGES`, or "" for unknown.

    Args:
        data: The whole file; its first `SNIFF_BYTES` are enough for everything but TGA.
        suffix: The name's suffix, lower case with its dot. Only TGA needs it, which has no signature.
    """
    head = bytes(data[:SNIFF_BYTES])
    found = _binary_kind(head)
    if found == "archive" and _is_packed_svg(head):
        return "svg"
    if not found and (suffix in TGA_SUFFIXES or _is_tga(data)):
        found = "tga"
    return found or _text_kind(head)


def looks_like_image(head: bytes, suffix: str = "") -> bool:
    """Return whether a file is meant as a picture, readable here or not."""
    if suffix in IMAGE_SUFFIXES:
        return True
    found = _binary_kind(head) or _text_kind(head)
    return found in READABLE or found in UNSUPPORTED or (found == "archive" and _is_packed_svg(head))


def _is_packed_svg(head: bytes) -> bool:
    """Return whether bytes are an SVG packed by gzip (.svgz): of what they hold, the beginning is unpacked."""
    if not head.startswith(b"\x1f\x8b"):
        return False
    try:
        return _text_kind(zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, SNIFF_BYTES)) == "svg"
    except zlib.error:
        return False


def _binary_kind(head: bytes) -> str:
    if head[:3] == b"\xff\xd8\xff":  # by far the most frequent
        return "jpeg"
    if not head:
        return "empty"
    for offset, magic, name in _MAGIC:
        if head.startswith(magic, offset):
            return name
    if head[:4] == b"RIFF":
        return {b"WEBP": "webp", b"AVI ": "video", b"WAVE": "sound"}.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _box_kind(head)
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _DIB_HEADERS:
        return "bmp"
    if head[:4] in (b"\0\0\1\0", b"\0\0\2\0") and head[4:6] not in (b"", b"\0\0"):
        return "ico" if head[2] == 1 else "cur"  # a TGA may begin so too, but holds zeros where these have a count
    if _NETPBM.match(head):
        return "ppm"
    if head[:3] in (b"P7\n", b"PF\n", b"Pf\n"):
        return "pam"
    return "pdf" if b"%PDF-" in head else ""


def _box_kind(head: bytes) -> str:
    """Distinguish AVIF, HEIC and video: an ISO file lists its brands in the first box."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12]} | {head[at : at + 4] for at in range(16, size - 3, 4)}
    if brands & {b"avif", b"avis"}:
        return "avif"
    if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}:
        return "heic"
    return "raw" if b"crx " in brands else "video"


def _text_kind(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.replace(b"\0", b"")[2:]
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if re.search(rb"<svg[\s>]|<!doctype svg", text):
        return "svg"
    if _HTML.search(text):
        return "html"
    if text.startswith(b"<?xml"):
        return "xml"
    if re.search(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]", text) or not text:
        return ""
    if re.match(rb'\{\s*["}]|\[\s*["\[{\d\]]', text):
        return "json"
    try:
        text[:-4].decode()
    except UnicodeDecodeError:
        return ""
    return "text"


def _is_tga(data: bytes) -> bool:
    """Return whether bytes without a telling name are a TGA: its footer, or a header in which every field is sane.

    A sane header is refused nevertheless when the bytes behind it cannot hold the picture it claims: 18 bytes
    without a signature are met by chance.
    """
    if data[-18:] == b"TRUEVISION-XFILE.\0":
        return True
    if len(data) < 18 or data[1] > 1 or data[2] not in (1, 2, 3, 9, 10, 11) or data[17] & 0xC0:
        return False
    if (data[2] & 7 == 1) != (data[1] == 1) or data[16] not in {1: (8,), 2: (16, 24, 32), 3: (8, 16)}[data[2] & 7]:
        return False
    width, height = int.from_bytes(data[12:14], "little"), int.from_bytes(data[14:16], "little")
    colors = int.from_bytes(data[5:7], "little") * (data[7] // 8) if data[1] else 0
    pixel = data[16] // 8
    per_pixel = pixel if data[2] < 8 else (1 + pixel) / 128  # a run-length packet holds up to 128 pixels
    return width > 0 and height > 0 and 18 + data[0] + colors + width * height * per_pixel <= len(data)
