"""The settings of the people's side: its web server, the telephones in browsers, its mail."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic.types import StringConstraints

from ivr.config_values import REPOSITORY, Folder, Listed, Port, Seconds, Section

ADDRESS = r"^[A-Za-z0-9._%+-]{1,64}@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}$"
"""A mail address as it may stand in a header: no name, no quotes, no control character."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class WebSettings(Section):
    """The people's side: desktop and API."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    address: Annotated[str, StringConstraints(pattern=r"^(https?://[A-Za-z0-9.:\[\]-]+)?$")] = ""
    """What people type in, e.g. `https://desk.example.cn`; empty: HTTP at host and port, here."""
    desktop: Folder = REPOSITORY / "agents/desktop/dist"
    """The built desktop, as `python -m deploy.stack desktop` makes it."""
    proxies: Listed = ()
    """Addresses and networks of our own proxies, whose `X-Forwarded-For` is believed."""
    metrics_token: SecretStr = SecretStr("")
    """Bearer token with which Prometheus may read `/metrics`; empty: only an administrator may."""
    wrap_up_seconds: Seconds = 60.0
    """How long an agent has to finish the form after a call before the next one may come."""
    suggestions: bool = True
    """Whether the classifier reads along while agents type; takes some 80 MB."""
    model: Folder = REPOSITORY / "var/models/learnt"
    """Where models learnt from the desk's labels are kept; without one the shipped one suggests."""


class SoftphoneSettings(Section):
    """The telephone in agents' browsers."""

    switch: Annotated[str, StringConstraints(pattern=r"^(wss?://[A-Za-z0-9.:\[\]/-]+)?$")] = ""
    """Asterisk's WebSocket, e.g. `ws://127.0.0.1:8088/ws`; empty: no telephones in browsers."""
    key: SecretStr = SecretStr("")
    """From it and an agent's id comes the SIP secret that Asterisk has for the agent."""


class MailSettings(Section):
    """The mail server that takes scheduled reports on; without a host nothing is mailed."""

    host: str = ""
    port: Port = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    """`starttls`: encrypted before anything is said, or not sent; `tls`: from the first byte, port
    465 as a rule; `none`: a server on this machine alone."""
    authority: Folder | None = None
    """PEM file with the authority that signed the server's certificate; None: the system's."""
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: Annotated[str, StringConstraints(pattern=ADDRESS + "|^$")] = ""
    """Address that mails come from."""
    domains: Listed = ()
    """Domains whose addresses may be sent to, e.g. `wjw.example.cn`; a domain below is another."""
    deadline_seconds: Annotated[float, Field(gt=0, le=120)] = 30.0
    """For each answer of the mail server; a letter waits for four, within a run's lease."""
    tries: Annotated[int, Field(ge=1, le=20)] = 6
    """Then a run is given up; with pauses of 1, 2, 4 … minutes, six tries are half an hour."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.host and not self.sender:
            raise ValueError("mail.host is set: expected mail.sender, came none")
        if self.tls == "none" and self.host not in {"", *LOOPBACK}:
            raise ValueError(f"mail.tls is none: expected a host of {', '.join(LOOPBACK)}")
        return self
