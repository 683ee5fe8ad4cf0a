"""`xinglin serve`: the record and its doors in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def serve(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder that holds the record; with --database only its files."),
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="PostgreSQL database (URL) that holds it instead.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 picks a free one.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings file (TOML).")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Start the FHIR server; Ctrl-C stops it. All settings: docs/settings.md."""
    # The server is heavy; `xinglin serve --help` is not.
    from xinglin.cli import language
    from xinglin.fhir.outcome import Issue
    from xinglin.fhir.wording import sentence
    from xinglin.server.app import App
    from xinglin.server.logs import configure
    from xinglin.server.opening import announce, open_house
    from xinglin.server.running import Server, listen, root
    from xinglin.server.settings import load
    from xinglin.store.places import shown

    flags: dict[str, Any] = {
        "data": data,
        "database": database,
        "host": host,
        "port": port,
        "log_level": log_level,
    }
    settings = load(config, {name: value for name, value in flags.items() if value is not None})
    configure(settings.log_level, settings.log_format)
    listener = listen(settings.host, settings.port, share=settings.share_port)
    house = open_house(settings, settings.place)
    url = root(listener)
    given: dict[str, str | int] = {"url": url, "folder": shown(settings.place)}
    listening = sentence(Issue("informational", "cli.listening", given=given), language())

    def ready() -> None:
        announce(house, url)
        typer.echo(listening)

    Server(App(house), settings, listener, ready).serve_until_stopped()
