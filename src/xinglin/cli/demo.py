"""`xinglin demo`: the record with a district of invented residents in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

FOLDER = Path(".xinglin/demo")


def demo(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 picks a free one.")
    ] = None,
    data: Annotated[Path, typer.Option(help="Folder that holds the record.")] = FOLDER,
    residents: Annotated[
        int, typer.Option(min=1, max=100_000, help="How many live in the district.")
    ] = 300,
    seed: Annotated[int, typer.Option(help="Another number: other residents.")] = 1,
) -> None:
    """Serve a demo district of invented residents on http://127.0.0.1:8000; Ctrl-C stops it.

    The first start fills the folder, later ones find the residents there. Delete the folder
    to begin anew.
    """
    # The server is heavy; `xinglin demo --help` is not.
    import asyncio
    from datetime import date

    from xinglin.cli import language
    from xinglin.cli.demonstrating.screen import Screen
    from xinglin.cli.demonstrating.serving import DemoServer
    from xinglin.cli.demonstrating.settling import Population, newcomers
    from xinglin.fhir.outcome import Refused
    from xinglin.server.logs import configure
    from xinglin.server.opening import open_house
    from xinglin.server.running import listen
    from xinglin.server.settings import load

    settings = load(flags={"data": data} if port is None else {"data": data, "port": port})
    # Lines of the log between those for people would only be in the way.
    level = settings.log_level if "log_level" in settings.model_fields_set else "warning"
    configure(level, settings.log_format)
    # Before the port: a demo that runs already is named by the folder, with its address.
    house = open_house(settings, data)
    try:
        population = Population(seed, residents, date.today())  # noqa: DTZ011 (where people live)
        missing = asyncio.run(newcomers(house, population))
        listener = listen(settings.host, settings.port)
    except Refused:
        house.store.close()
        raise
    DemoServer(house, listener, population, missing, Screen(language())).serve_until_stopped()
