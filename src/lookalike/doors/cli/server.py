"""Commands of the server: serve, keys, and the OpenAPI document."""

from __future__ import annotations

import webbrowser
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from . import completion
from .terminal import (
    ANSWER_IS_NO,
    DONE,
    home_option,
    is_wanted,
    json_option,
    open_library_at,
    print_json,
    waiting,
    yes_option,
)

if TYPE_CHECKING:
    from ...service.keys import Key, Keys, Scope


_NO_KEY = (
    "No key exists: anyone who reaches this port from this machine may read and delete. A proxy or a tunnel counts as "
    "this machine (nginx without X-Forwarded-For, socat, ssh -L). Make a key before one leads here: "
    "lookalike keys create --name NAME"
)


@click.command()
@click.option("--host", metavar="ADDRESS", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes any free one.  [default: 8000]")
@click.option("--open/--no-open", "opens", default=False, help="Open the page in a browser.")
@click.option(
    "--limits",
    type=click.Choice(["off", "vendor"]),
    help="Limits of other services' interfaces: vendor for what these services allow, off for none.  [default: off]",
)
@click.option(
    "--only-known-collections",
    is_flag=True,
    default=None,
    help="Do not create a collection when a client of another service adds to one that does not exist.",
)
@click.option(
    "--allow-private-urls", is_flag=True, default=None, help="Also fetch pictures from URLs in private networks."
)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="A host name under which clients reach the server; may be given again.",
)
@click.option(
    "--allowed-origin",
    "allowed_origins",
    multiple=True,
    metavar="ORIGIN",
    help="A web site whose pages may call the server, such as https://shop.example; may be given again.",
)
@click.option(
    "--may-move",
    multiple=True,
    type=click.Path(file_okay=False),
    metavar="FOLDER",
    help="A folder whose files the page may move to the trash of the home; may be given again.",
)
@click.option("--without-key", is_flag=True, default=None, help="Serve a public address although no key exists.")
@click.option("--library", type=click.Path(file_okay=False), metavar="FOLDER", multiple=True,
              help="A folder that the page may list and index, with all below it; may be given again.")  # fmt: skip
@click.option("--log-format", type=click.Choice(["text", "json"]), help="Logs for people or for machines.")
@click.option("--config", type=click.Path(dir_okay=False), metavar="FILE", help="File with settings, as TOML.")
@home_option
def serve(opens: bool, limits: str | None, config: str | None, home: str | None, **given: Any) -> int:
    """Serve the page and the HTTP interface until Ctrl-C.

    Every option is also an environment variable (LOOKALIKE_PORT) and a name in the file (port = 8000).

    \b
    Example:
      lookalike serve --port 8080
      lookalike keys create --name laptop && lookalike serve --host 0.0.0.0
    """
    from ...settings import load_settings
    from ..http.server import serve as run

    told = {**given, "vendor_limits": None if limits is None else limits == "vendor"}
    settings = load_settings(home=home, config=config, given=told, serving=True)

    starting = ExitStack()

    def tell(address: str) -> None:
        starting.close()
        click.echo(f"lookalike serves {settings.home} at {address} (documentation: {address}/docs)")
        if not settings.serving.without_key and not _keys(str(settings.home)).is_needed():
            click.echo(_NO_KEY, err=True)
        if opens:
            webbrowser.open(address)

    with starting:
        starting.enter_context(waiting("starting"))
        run(settings, tell)
    return DONE


@click.group()
def keys() -> None:
    """Make, list, rotate and revoke the keys of the server.

    \b
    Example:
      lookalike keys create --name shop --scope write --collection shoes
    """


@keys.command()
@click.option("--name", required=True, metavar="NAME", help="What to call the key.")
@click.option("--scope", type=click.Choice(["read", "write", "admin"]), default="write", show_default=True,
              help="read: search and read; write: also change what is stored; admin: also manage keys.")  # fmt: skip
@click.option(
    "--collection",
    "collections",
    multiple=True,
    metavar="NAME",
    shell_complete=completion.collection_names,
    help="A collection that the key may use, and no other; may be given again.  [default: all]",
)
@click.option("--expires", "expires_days", type=float, metavar="DAYS", help="Days until the key expires.")
@click.option("--max-collections", type=int, help="How many collections the key may make.")
@click.option("--max-images", type=int, help="How many images these may hold.")
@click.option("--max-bytes", type=int, help="How many bytes these may take on disk.")
@click.option("--requests-per-s", type=float, help="How many requests a second it may make, on average.")
@home_option
@json_option
def create(
    name: str,
    scope: Scope,
    collections: tuple[str, ...],
    expires_days: float | None,
    max_collections: int | None,
    max_images: int | None,
    max_bytes: int | None,
    requests_per_s: float | None,
    home: str | None,
    as_json: bool,
) -> int:
    """Create a key and show it, this once. From the first key on, every call to the server needs one.

    \b
    Example:
      lookalike keys create --name reader --scope read --expires 30
    """
    from ...service.keys import Quotas

    quotas = Quotas(max_collections, max_images, max_bytes, requests_per_s)
    key, secret = _keys(home).create(
        name, scope=scope, collections=collections, expires_days=expires_days, quotas=quotas
    )
    shown = _show_secret(key, secret, as_json)
    if collections:
        with open_library_at(home) as library:
            there = library.collections()
        for missing in (one for one in collections if one not in there):
            click.echo(f'there is no collection "{missing}" yet. Check the spelling, or make it.', err=True)
    return shown


@keys.command("list")
@home_option
@json_option
def list_(home: str | None, as_json: bool) -> int:
    """List all keys, with those that are revoked or expired, without their secrets.

    \b
    Example:
      lookalike keys list
    """
    from ...rendering import text_table

    held = _keys(home).all()
    if as_json:
        print_json({"keys": [_form(key) for key in held]})
    elif not held:
        click.echo("no keys: the server answers this machine only, and anyone on it.", err=True)
    else:
        rows = [[k.id, k.name, k.scope, ", ".join(k.collections) or "all", _state(k)] for k in held]
        click.echo(text_table(["id", "name", "scope", "collections", "state"], rows))
    return DONE


@keys.command()
@click.argument("name", metavar="KEY")
@home_option
@json_option
def rotate(name: str, home: str | None, as_json: bool) -> int:
    """Replace the secret of a key, by name or id. The old secret stops working at once.

    \b
    Example:
      lookalike keys rotate shop
    """
    key, secret = _keys(home).rotate(name)
    return _show_secret(key, secret, as_json)


@keys.command()
@click.argument("name", metavar="KEY")
@yes_option
@home_option
@json_option
def revoke(name: str, is_sure: bool, home: str | None, as_json: bool) -> int:
    """Revoke a key, by name or id, for good, after asking on a terminal. A running server refuses it at once.

    \b
    Example:
      lookalike keys revoke shop
    """
    if not is_wanted(lambda: f'Revoke the key "{name}" for good? Its users are refused at once.', is_sure=is_sure):
        return ANSWER_IS_NO
    key = _keys(home).revoke(name)
    if as_json:
        print_json(_form(key))
    else:
        click.echo(f'revoked "{key.name}" ({key.id})')
    return DONE


@click.command()
def openapi() -> int:
    """Print the OpenAPI document of the server.

    \b
    Example:
      lookalike openapi > openapi.json
    """
    from ..http.app import bare_app
    from ..http.openapi import text

    click.echo(text(bare_app()), nl=False)
    return DONE


def _keys(home: str | None) -> Keys:
    from ...service.keys import Keys
    from ...settings import load_settings

    return Keys(load_settings(home=home).home)


def _show_secret(key: Key, secret: str, as_json: bool) -> int:
    if as_json:
        print_json({"id": key.id, "key": secret, "name": key.name, "scope": key.scope})
    else:
        click.echo(secret)
        click.echo(f'key "{key.name}" ({key.id}, {key.scope}). It is shown this once: keep it safe.', err=True)
    return DONE


def _form(key: Key) -> dict[str, Any]:
    form = asdict(key)
    return {name: form[name] for name in form if name not in ("digest", "made")}


def _state(key: Key) -> str:
    from datetime import UTC, datetime

    if key.revoked_at is not None:
        return f"revoked {key.revoked_at}"
    if not key.is_valid(datetime.now(UTC)):
        return f"expired {key.expires_at}"
    return f"valid until {key.expires_at}" if key.expires_at else "valid"
