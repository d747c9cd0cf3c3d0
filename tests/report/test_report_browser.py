"""The report in headless Chromium, opened from a file and without a network."""

import base64
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest
from support.browser import becomes_true, chromium, press, requested, set_width, severe_messages
from support.report_fixture import report_at, write_results

TABLE = "#table-first-table2"
pytestmark = pytest.mark.extended


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    # Names with a blank and a number sign need quoting in links.
    root = tmp_path_factory.mktemp("results of #1")
    write_results(root)
    page = root / "report.html"
    page.write_text(report_at(root, page), encoding="utf-8")
    return page.as_uri()


@pytest.fixture
def page(browser, address):
    set_width(browser, 1280)
    browser.get("about:blank")
    browser.get(address)
    yield browser
    assert severe_messages(browser) == []


def cells(page, column):
    script = """return [...document.querySelectorAll(arguments[0] + ' tbody tr')]
        .filter(row => !row.hidden).map(row => row.cells[arguments[1]].textContent.trim())"""
    return page.execute_script(script, TABLE, column)


def focus(page, selector):
    page.execute_script("document.querySelector(arguments[0]).focus()", selector)


def test_page_loads_from_a_file_without_errors_or_requests(page, address):
    loaded = {urlparse(name).scheme for name in requested(page)}
    assert loaded <= {"file", "data"}
    widths = page.execute_script("return [...document.images].map(image => image.naturalWidth)")
    assert len(widths) >= 6
    assert min(widths) > 0


def test_every_link_leads_somewhere(page):
    script = """return [...document.querySelectorAll("a[href^='#']")]
        .filter(link => !document.getElementById(decodeURIComponent(link.hash.slice(1))))
        .map(link => link.hash)"""
    assert page.execute_script(script) == []
    script = (
        """return [...document.querySelectorAll("a:not([href^='#'])")].map(link => link.href)"""
    )
    links = page.execute_script(script)
    assert len(links) > 20
    for link in links:
        path = Path(url2pathname(urlparse(link).path))
        assert path.exists(), path


def test_table_sorts_by_keyboard_as_numbers_and_keeps_equal_rows_in_order(page):
    from selenium.webdriver.common.keys import Keys

    heading = f"{TABLE} thead th:nth-child(4)"
    order = cells(page, 0)
    focus(page, f"{heading} button")
    press(page, Keys.ENTER)
    state = "return document.querySelector(arguments[0]).getAttribute('aria-sort')"
    assert page.execute_script(state, heading) == "ascending"
    values = cells(page, 3)
    assert values[-1] == "-"  # what is no number stays at the end, both ways
    numbers = [float(value) for value in values[:-1]]
    assert numbers == sorted(numbers)
    names = cells(page, 0)
    for value in set(values):
        tied = [name for name, at in zip(names, values, strict=True) if at == value]
        assert tied == [name for name in order if name in tied]
    press(page, Keys.SPACE)
    assert page.execute_script(state, heading) == "descending"
    values = cells(page, 3)
    assert values[-1] == "-"
    assert [float(value) for value in values[:-1]] == numbers[::-1]
    focus(page, f"{TABLE} thead th:nth-child(1) button")
    press(page, Keys.ENTER)
    assert page.execute_script(state, heading) == "none"
    assert cells(page, 0) == [f"task {place}" for place in range(12)]  # 2 before 10


def test_filter_hides_rows_and_says_how_many_are_left(page):
    from selenium.webdriver.common.keys import Keys

    focus(page, f"{TABLE} .filter input")
    press(page, *"TASK 11")
    assert cells(page, 0) == ["task 11"]
    said = page.execute_script(
        "return document.querySelector(arguments[0]).textContent", f"{TABLE} [aria-live]"
    )
    assert said == "1 of 12 rows"
    press(page, *([Keys.BACKSPACE] * 7))
    assert len(cells(page, 0)) == 12
    label = "return document.querySelector(arguments[0]).labels[0].textContent"
    assert page.execute_script(label, f"{TABLE} .filter input").startswith("Filter rows")


def test_a_link_opens_the_card_or_claim_that_it_points_to(page):
    from selenium.webdriver.common.keys import Keys

    for anchor in ("card-first-988", "claim-first-C7"):
        opened = "return document.getElementById(arguments[0]).closest('details').open"
        assert not page.execute_script(opened, anchor)
        focus(page, f"a[href='#{anchor}']")
        press(page, Keys.ENTER)
        assert becomes_true(page, opened, anchor)
        top = "document.getElementById(arguments[0]).getBoundingClientRect().top"
        assert becomes_true(page, f"return -1 <= {top} && {top} < 900", anchor)
        # A second press on the same link opens it again.
        page.execute_script(opened.replace(".open", ".open = false"), anchor)
        focus(page, f"a[href='#{anchor}']")
        press(page, Keys.ENTER)
        assert becomes_true(page, opened, anchor)


def test_first_stop_of_the_keyboard_skips_to_the_summary(page):
    from selenium.webdriver.common.keys import Keys

    press(page, Keys.TAB, Keys.ENTER)
    assert becomes_true(page, "return location.hash === '#summary'")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_page_never_scrolls_sideways(page, width):
    set_width(page, width)
    page.refresh()
    page.execute_script("for (const part of document.querySelectorAll('details')) part.open = true")
    assert page.execute_script("return document.documentElement.scrollWidth") <= width


def test_contrast_of_text_is_enough(page):
    script = """
    const parts = color => color.match(/[\\d.]+/g).map(Number);
    const light = color => parts(color).slice(0, 3).map(v => v / 255)
      .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
      .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
    const behind = element => {
      for (let at = element; at; at = at.parentElement) {
        const color = getComputedStyle(at).backgroundColor;
        if (parts(color)[3] !== 0) return color;
      }
      return "rgb(255, 255, 255)";
    };
    let least = 21;
    for (const element of document.querySelectorAll("main *, nav *")) {
      if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
      const pair = [light(getComputedStyle(element).color), light(behind(element))].sort();
      least = Math.min(least, (Math.max(...pair) + .05) / (Math.min(...pair) + .05));
    }
    return least"""
    assert page.execute_script(script) >= 4.5


def test_everything_is_readable_without_the_script(browser, address):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get("about:blank")
        browser.get(f"{address}#card-first-988")
        tables = browser.find_elements("css selector", "table.data")
        assert len(tables) > 8
        assert browser.find_elements("css selector", ".sort, .filter") == []
        card = browser.find_element("css selector", "#card-first-988 p")
        assert card.is_displayed()  # the browser opens what an address points into
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_print_opens_everything_and_leaves_controls_out(page):
    before = page.execute_script("return document.querySelectorAll('details:not([open])').length")
    assert before > 20
    page.execute_script(
        """window.open_in_print = -1;
        addEventListener('beforeprint', () => { open_in_print =
            document.querySelectorAll('details:not([open])').length })"""
    )
    pdf = base64.b64decode(
        page.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"]
    )
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") > 3
    assert page.execute_script("return open_in_print") == 0
    closed = page.execute_script("return document.querySelectorAll('details:not([open])').length")
    assert closed == before
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = "return getComputedStyle(document.querySelector(arguments[0])).display"
    assert page.execute_script(shown, ".page > nav") == "none"
    assert page.execute_script(shown, ".filter") == "none"
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
