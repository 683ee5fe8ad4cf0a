"""What an operator may set: file (TOML), environment `XINGLIN_…`, command line; the later wins."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class Settings(BaseSettings):
    """The description of each field is its entry in docs/settings.md."""

    model_config = SettingsConfigDict(
        env_prefix="XINGLIN_", toml_file="xinglin.toml", extra="forbid", frozen=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on. Only loopback for now.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    data: Path = Field(Path("data"), description="Folder that holds the record.")
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
    cors_origins: tuple[str, ...] = Field(
        (), description="Origins whose pages may call the service from a browser; `*` for all."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity that is logged."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="How logs are written; auto is text on a terminal, else JSON."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
