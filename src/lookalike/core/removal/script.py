"""The script that does what was decided, for people who rather run it themselves."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...rendering import counted

if TYPE_CHECKING:
    pass
from .plan import Removal, links_first

_SCRIPT = """#!/bin/sh
# Moves what was decided to go ({count}) into a folder, each picture under the path that it has now:
#
#     sh THIS_SCRIPT FOLDER
#
# Each line below names a picture and, where there is one, the picture that is kept in its place, each with the SHA-256
# of its bytes: where one of them has other bytes by now, the picture stays. Afterwards `lookalike index --prune` takes
# their records out of the collection.
set -eu
folder=${{1:?name the folder to move the pictures to}}

if command -v sha256sum >/dev/null; then
    sum() {{ sha256sum <"$1" | cut -c 1-64; }}
else
    sum() {{ shasum -a 256 <"$1" | cut -c 1-64; }}
fi

move() {{
    if [ $# -eq 4 ] && [ ! -e "$3" ]; then
        printf 'stays, for what was kept in its place is gone: %s\\n' "$1" >&2
    elif [ $# -eq 4 ] && [ "$1" -ef "$3" ]; then
        printf 'stays, for it is the very file that is kept: %s\\n' "$1" >&2
    elif [ ! -e "$1" ]; then
        printf 'is gone already: %s\\n' "$1" >&2
    elif [ $# -eq 4 ] && [ "$(sum "$3")" != "$4" ]; then
        printf 'stays, for what was kept in its place has other bytes by now: %s\\n' "$1" >&2
    elif [ "$(sum "$1")" != "$2" ]; then
        printf 'stays, for it has other bytes than when it was decided on: %s\\n' "$1" >&2
    elif [ -e "$folder$1" ] || [ -L "$folder$1" ]; then
        printf 'stays, for the folder holds one of its name: %s\\n' "$1" >&2
    else
        mkdir -p -- "$(dirname -- "$folder$1")"
        if ! ln -P -- "$1" "$folder$1" 2>/dev/null; then  # another disk: there it is whole before it is gone here
            cp -Pp -- "$1" "$folder$1"
            sync
        fi
        rm -f -- "$1"
    fi
}}

{moves}
"""


def script(chosen: Iterable[Removal]) -> str:
    """Return a shell script that moves the files to a folder, for people to read and run."""
    lines = []
    for removal in links_first(chosen):
        files = [one for one in (removal.record, removal.kept) if one is not None and os.path.isabs(one.source or "")]
        words = [word for one in files for word in (shlex.quote(one.source or ""), one.content_hash)]
        also = f"  # also in {', '.join(map(json.dumps, removal.elsewhere))}" if removal.elsewhere else ""
        lines.append(" ".join(["move", *words]) + also)
    return _SCRIPT.format(count=counted(len(lines), "picture"), moves="\n".join(lines))
