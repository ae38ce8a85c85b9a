"""Pages in a real browser: Chromium without a window, driven by Selenium."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.webdriver import WebDriver

WIDTHS = {"phone": 375, "desktop": 1280}
SCHEMES = ("light", "dark")

Opened = Callable[..., WebDriver]


@pytest.fixture(scope="session")
def chromium() -> Iterator[WebDriver]:
    options = webdriver.ChromeOptions()
    options.binary_location = _program("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=_program("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


def _program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is not installed: apt-get install chromium chromium-driver"
    return found


@pytest.fixture
def open_file(chromium: WebDriver) -> Iterator[Opened]:
    """Return a function that opens a file; fails the test if the page wrote to the console."""

    def opened(file: Path, *, width: str = "desktop", scheme: str = "light") -> WebDriver:
        size = {"width": WIDTHS[width], "height": 800, "deviceScaleFactor": 1, "mobile": width == "phone"}
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        chromium.get(file.as_uri())
        return chromium

    chromium.get_log("browser")
    yield opened
    assert chromium.get_log("browser") == []


@pytest.fixture
def open_page(open_file: Opened, tmp_path: Path) -> Opened:
    """Return a function that opens a page's HTML."""

    def opened(html: str, **how: str) -> WebDriver:
        file = tmp_path / "page.html"
        file.write_text(html, encoding="utf-8")
        return open_file(file, **how)

    return opened


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> str:
    return str(request.param)
