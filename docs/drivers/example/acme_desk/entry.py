"""What the entry point names: where the driver's classes are. It imports none of them."""

from __future__ import annotations

from drivers.registry import Entry

ENTRY = Entry(
    driver="acme_desk.driver:AcmeDesk",
    settings="acme_desk.settings:Settings",
    ports="acme_desk.settings:PortSettings",
)
