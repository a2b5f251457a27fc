"""Two boxes that were made from one image are two machines."""

from __future__ import annotations

from gateway.outbox import machine


def test_a_board_with_another_serial_is_another_machine(tmp_path, monkeypatch):
    identity, serial = tmp_path / "machine-id", tmp_path / "serial"
    monkeypatch.setattr(machine, "MACHINE_ID", identity)
    monkeypatch.setattr(machine, "SERIALS", (serial, tmp_path / "none"))
    assert machine.machine() == ""
    identity.write_text("3f2a5b6c\n")
    assert machine.machine() == "3f2a5b6c"
    serial.write_bytes(b"10000000abcd\0")
    assert machine.machine() == "3f2a5b6c/10000000abcd"
