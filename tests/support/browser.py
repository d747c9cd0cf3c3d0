"""Headless Chromium for tests of pages, without a network; tests skip where it is missing."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-device-scale-factor=1",
)


@contextlib.contextmanager
def chromium(profile: Path, width: int = 1280, height: int = 900) -> Iterator:
    """Start Chromium with a profile of its own; skip the test if it is not installed."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    programs = {}
    for names in (("chromium", "chromium-browser", "google-chrome"), ("chromedriver",)):
        found = next((path for name in names if (path := shutil.which(name))), None)
        if found is None:
            pytest.skip(f"{names[0]} is not installed: apt-get install chromium chromium-driver")
        programs[names[0]] = found
    options = webdriver.ChromeOptions()
    options.binary_location = programs["chromium"]
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # With the path given, selenium looks for no driver on the network.
    service = webdriver.ChromeService(executable_path=programs["chromedriver"])
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def severe_messages(driver) -> list[str]:
    """Messages of the console that are errors."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


def requested(driver) -> list[str]:
    """Addresses of everything that the page loaded."""
    script = "return performance.getEntries().map(entry => entry.name)"
    return [name for name in driver.execute_script(script) if "://" in name or ":" in name]


def set_width(driver, width: int, height: int = 900) -> None:
    """Make the page as wide as a screen of `width` pixels, narrower than any window can be."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700},
    )


def becomes_true(driver, script: str, *arguments, seconds: float = 10) -> bool:
    """Whether a script comes to return true; what a key sets off may take a moment."""
    end = time.monotonic() + seconds
    while not driver.execute_script(script, *arguments):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def press(driver, *keys: str) -> None:
    """Press keys on whatever has the focus."""
    from selenium.webdriver import ActionChains

    actions = ActionChains(driver)
    for key in keys:
        actions.send_keys(key)
    actions.perform()
