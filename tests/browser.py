"""Chromium without a window, driven through the DevTools protocol: opens a page, asks it, watches its console."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 300.0  # seconds that an answer may take
SWITCHES = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-extensions",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
]


class Tab:
    """One tab. `events` holds what the browser told in between, in order."""

    def __init__(self, connection: ClientConnection, session: str):
        self.connection, self.session = connection, session
        self.events: list[dict[str, Any]] = []
        self.number = 0
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters, "sessionId": self.session}
        self.connection.send(json.dumps(message))
        while True:
            answer = json.loads(self.connection.recv(timeout=PATIENCE))
            if answer.get("id") == self.number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def open(self, page: Path, width: int, height: int, dark: bool = False) -> None:
        """Loads the page and waits until its figures are drawn."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=scheme)
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.events.clear()
        self.send("Page.navigate", url=page.resolve().as_uri())
        self.wait("document.readyState === 'complete' && document.documentElement.dataset.drawn === 'all'")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression; a promise is waited for."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, f"{expression}: {found['exceptionDetails']}"
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        end = time.monotonic() + PATIENCE
        while not self.evaluate(condition):
            assert time.monotonic() < end, f"never true: {condition}"
            time.sleep(0.02)

    def key(self, name: str, code: int) -> None:
        """Presses a key on what has the focus."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if name == "Enter" and kind == "keyDown" else {}
            self.send("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, **text)

    def complaints(self) -> list[str]:
        """Errors and warnings of the console, and exceptions, since the page was opened."""
        found = []
        for event in self.events:
            parameters = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(json.dumps(parameters["exceptionDetails"]))
            if event.get("method") == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
                found.append(parameters["entry"]["text"])
            if event.get("method") == "Runtime.consoleAPICalled" and parameters["type"] in (
                "error",
                "warning",
                "assert",
            ):
                found.append(json.dumps(parameters["args"]))
        return found

    def requests(self) -> list[str]:
        """Addresses that the page asked for, data: addresses aside."""
        sent = (e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent")
        return [address for address in sent if not address.startswith("data:")]

    def screenshot(self, path: Path, whole: bool = False) -> None:
        shot = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))


def program() -> str | None:
    """Path of the browser; None where there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def chromium(folder: Path) -> Iterator[Tab]:
    """A tab of a fresh browser whose profile lives in `folder`; skips the test where there is no Chromium."""
    if program() is None:
        pytest.skip(f"none of {', '.join(PROGRAMS)} on PATH")
    command = [program(), *SWITCHES, f"--user-data-dir={folder}", "about:blank"]
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port, path = _address(folder / "DevToolsActivePort")
        with connect(f"ws://127.0.0.1:{port}{path}", max_size=None, proxy=None) as connection:
            yield Tab(connection, _attach(connection))
    finally:
        browser.terminate()
        browser.wait(timeout=PATIENCE)


def _address(file: Path) -> tuple[str, str]:
    """Port and path where the browser listens; it writes them once it does."""
    end = time.monotonic() + PATIENCE
    while not (file.is_file() and len(lines := file.read_text().split()) == 2):
        assert time.monotonic() < end, "chromium did not start"
        time.sleep(0.05)
    return lines[0], lines[1]


def _attach(connection: ClientConnection) -> str:
    """A session on the tab that the browser opened with."""

    def ask(number: int, method: str, **parameters: Any) -> dict[str, Any]:
        connection.send(json.dumps({"id": -number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(connection.recv(timeout=PATIENCE))
            if answer.get("id") == -number:
                return answer["result"]

    targets = ask(1, "Target.getTargets")["targetInfos"]
    page = next(target["targetId"] for target in targets if target["type"] == "page")
    return ask(2, "Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
