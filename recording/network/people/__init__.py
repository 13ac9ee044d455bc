"""Ordinary use. An activity is a function of an `Actor`, and ends by itself."""

from __future__ import annotations

from collections.abc import Callable

from network.actor import Actor
from network.people import checks, files, names, shell, web

Activity = Callable[[Actor], None]

# How often people do what, and what runs by itself.
PEOPLE: dict[Activity, int] = {
    web.browse: 12,
    web.fill_in: 3,
    web.send_picture: 2,
    web.download: 1,
    web.chat: 2,
    names.look_up: 4,
    shell.use_shell: 3,
    shell.run_command: 2,
    shell.copy: 1,
    files.fetch: 2,
    files.store: 2,
}
MACHINES: dict[Activity, int] = {
    web.report_status: 4,
    web.look_for_updates: 2,
    names.look_up_sender: 3,
    names.look_up_reputation: 3,
    names.look_up_backwards: 2,
    shell.run_command: 3,
    shell.run_with_old_password: 2,
    files.back_up: 1,
    checks.watch: 2,
    checks.take_stock: 2,
    checks.call_in_vain: 1,
}
