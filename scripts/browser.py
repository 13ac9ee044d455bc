"""A headless Chromium, driven over two pipes by its DevTools protocol, without other packages."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

PATIENCE_SECONDS = 60.0


class Browser:
    """Opens pages, and keeps what they complain of."""

    def __init__(self) -> None:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        if program is None:
            raise SystemExit("looking at pages needs chromium, which is not installed")
        commands, self._to = os.pipe()
        answers, from_it = os.pipe()
        arguments = [
            program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--remote-debugging-pipe", "about:blank",
        ]  # fmt: skip
        # The protocol's pipes are 3 and 4, whatever numbers ours have.
        shell = f'exec "$0" "$@" 3<&{commands} 4>&{from_it}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, *arguments], pass_fds=(commands, from_it),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(commands)
        os.close(from_it)
        self._from = answers
        self._rest = b""
        self._number = 0
        self._session = ""
        self.complaints: list[str] = []
        self._loaded = False
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(10)

    def ask(self, method: str, **parameters: Any) -> Any:
        """The answer to one command of the protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def open(self, page: Path, width: int, scheme: str) -> None:
        """Open a page as wide as that, in ``light`` or ``dark``, and wait until it rests."""
        is_phone = width < 600
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=844 if is_phone else 900, deviceScaleFactor=1, mobile=is_phone,
        )  # fmt: skip
        self.ask("Emulation.setTouchEmulationEnabled", enabled=is_phone)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", features=features)
        self._loaded = False
        self.ask("Page.navigate", url=page.resolve().as_uri())
        end = time.monotonic() + PATIENCE_SECONDS
        while not self._loaded:
            if time.monotonic() > end:
                raise SystemExit(f"{page}: has not loaded in {PATIENCE_SECONDS:g} s")
            self._next()
        self.value("new Promise(done => setTimeout(done, 500))")

    def value(self, script: str) -> Any:
        """What a script gives in the page."""
        answer = self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise SystemExit(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def picture(self, path: Path, clip: dict[str, float] | None = None) -> None:
        """Save the whole page, or a part of it, as PNG."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        area = clip or {"x": 0, "y": 0, "width": size["width"], "height": size["height"]}
        found = self.ask(
            "Page.captureScreenshot", format="png", captureBeyondViewport=True,
            clip={**area, "scale": 1},
        )  # fmt: skip
        path.write_bytes(base64.b64decode(found["data"]))

    def _next(self) -> dict[str, Any]:
        """The next message, which is noted if it is a complaint."""
        while b"\0" not in self._rest:
            part = os.read(self._from, 1 << 20)
            if not part:
                raise SystemExit("the browser has ended")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, about: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(about["exceptionDetails"].get("exception", about)))
        elif method == "Runtime.consoleAPICalled" and about["type"] in {"error", "warning"}:
            self.complaints.append(str([a.get("value") for a in about["args"]]))
        elif method == "Log.entryAdded" and about["entry"]["level"] in {"error", "warning"}:
            self.complaints.append(about["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            address = about["request"]["url"]
            if not address.startswith(("file:", "data:", "blob:", "about:")):
                self.complaints.append(f"asks for {address}")
