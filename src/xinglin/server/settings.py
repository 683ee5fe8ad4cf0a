"""What an operator may set: file (TOML), environment `XINGLIN_…`, command line; the later wins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from xinglin.fhir.outcome import Issue, Refused

FILE = Path("xinglin.toml")  # in the working folder, unless another is named


class Settings(BaseSettings):
    """The description of each field is its entry in docs/settings.md."""

    model_config = SettingsConfigDict(env_prefix="XINGLIN_", frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on. Only loopback for now.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    share_port: bool = Field(
        default=False,
        description="Whether several server processes of this machine may serve one port, among "
        "which the system then spreads the connections. Of use with a PostgreSQL database only: "
        "a folder belongs to one process.",
    )
    data: Path = Field(
        Path("data"),
        description="Folder that holds the record, and the files of bulk jobs. With a `database` "
        "only these: several servers then need one folder that all of them see. `--data` on the "
        "command line without `--database` is the folder of the record, whatever `database` the "
        "file or the environment names.",
    )
    database: str = Field(
        "",
        description="URL of a PostgreSQL database (15 or later) that holds the record instead of "
        "the folder: `postgresql://user@host/name`. Any number of servers may share it. Several "
        "hosts with `target_session_attrs=read-write` name those of a failover. It has to be there "
        "when the server starts, which else ends with code 1; it may go away later.",
    )
    base_url: str | None = Field(
        None,
        description="Address of the service as its clients see it, ending in /fhir; "
        "from the Host header when not set.",
    )
    max_body_bytes: int = Field(
        100 * 1024 * 1024, gt=0, description="Largest request body, counted after decompression."
    )
    max_bundle_entries: int = Field(
        50_000, gt=0, description="Most entries of one batch or transaction."
    )
    default_page_size: int = Field(20, gt=0, description="Matches per page without `_count`.")
    max_page_size: int = Field(1000, gt=0, description="Most matches per page.")
    handling: Literal["strict", "lenient"] = Field(
        "lenient",
        description="What to do about unknown search parameters without `Prefer: handling=…`: "
        "refuse, or warn and ignore.",
    )
    delete_multiple: bool = Field(
        default=False, description="Whether a conditional delete may delete several resources."
    )
    gzip_min_bytes: int = Field(
        4096, ge=0, description="Smallest answer that is compressed for clients that accept gzip."
    )
    max_connections: int = Field(
        2000,
        gt=0,
        description="Most connections that are served at a time; requests on others are answered "
        "503 with `Retry-After`.",
    )
    request_timeout: float = Field(
        20,
        gt=0,
        description="Seconds in which the head of a request has to come, and then its body: the "
        "body has one more for each `min_upload_rate` bytes, but may not pause for three times "
        "as long as this. Otherwise the answer is 408.",
    )
    min_upload_rate: int = Field(
        1000, gt=0, description="Bytes per second that a request body has to come at, on average."
    )
    send_timeout: int = Field(
        60,
        gt=0,
        description="Seconds after which a connection is broken off when the client takes nothing "
        "of its answer, or cannot be reached any more.",
    )
    keep_alive: float = Field(
        75,
        gt=0,
        description="Seconds after which a connection is closed when nothing more is asked on it; "
        "more than proxies keep theirs (60 is usual), which otherwise meet a closed one.",
    )
    cors_origins: tuple[str, ...] = Field(
        (), description="Origins whose pages may call the service from a browser; `*` for all."
    )
    subscription_hosts: tuple[str, ...] = Field(
        (),
        description="Names or addresses of hosts, besides loopback, to which Subscriptions may "
        "send notifications; `*` for all.",
    )
    backup_folder: Path | None = Field(
        None,
        description="Folder into which the server writes backups of the record by itself; none "
        "when not set. Of several servers on one database one does it, so all need the folder.",
    )
    backup_every: str = Field(
        "24h",
        pattern=r"^[1-9]\d{0,5}[mhd]$",
        description="Time from one backup to the next, in minutes, hours or days: `90m`, `24h`, "
        "`7d`.",
    )
    backup_keep: int = Field(
        7, gt=0, description="The newest backups that are kept, as many as this; older ones go."
    )
    backup_keep_weeks: int = Field(
        5,
        ge=0,
        description="Besides, the newest of each calendar week is kept, for as many weeks as this.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity that is logged."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="How logs are written; auto is text on a terminal, else JSON."
    )

    @property
    def place(self) -> Path | str:
        """Where the record lies."""
        return self.database or self.data


def load(file: Path | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings of this process.

    Args:
        flags: of the command line. A folder without a database there is the record's place, and
            the database of the file or the environment is not used.

    Raises:
        Refused: a value is wrong, a name is unknown, or the file cannot be read.
    """
    if file is not None and not file.is_file():
        raise Refused(Issue("not-found", "server.no-settings-file", given={"file": str(file)}))

    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            toml = TomlConfigSettingsSource(settings_cls, toml_file=file or FILE)
            return init_settings, env_settings, toml

    given_here = dict(flags or {})
    if "data" in given_here:
        given_here.setdefault("database", "")
    try:
        return FromFile(**given_here)
    except ValidationError as wrong:
        raise Refused(*_issues(wrong)) from wrong
    except ValueError as unreadable:  # tomllib says where
        given: dict[str, str | int] = {"file": str(file or FILE), "reason": str(unreadable)}
        issue = Issue("structure", "server.settings-file-unreadable", given=given)
        raise Refused(issue) from unreadable


def _issues(wrong: ValidationError) -> Iterator[Issue]:
    for error in wrong.errors():
        given: dict[str, str | int] = {"reason": error["msg"]}
        yield Issue("value", "server.bad-setting", str(error["loc"][0]), given)


def table() -> str:
    """The settings as a table in Markdown: docs/settings.md is this text."""
    lines = [
        "# Settings",
        "",
        "Each can be set in `xinglin.toml` (or the file that `--config` names), in the",
        "environment, and some on the command line (`xinglin serve --help`); the later wins.",
        "This page is written by `xinglin.server.settings.table`.",
        "",
        "| in the file | in the environment | default | what it sets |",
        "|---|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        names = [f"`{choice}`" for choice in get_args(field.annotation) if isinstance(choice, str)]
        told = " ".join((field.description or "", ", ".join(names))).strip()
        lines.append(f"| `{name}` | `XINGLIN_{name.upper()}` | {_shown(field.default)} | {told} |")
    return "\n".join(lines) + "\n"


def _shown(default: Any) -> str:
    if default in (None, ()):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
