"""The look of the site in a browser: its colours, its menu, its buttons, on a desk, in a hand, on paper."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.browsing import Troubles, laid_out, opened, served
from tests.docs.pages import DOCS, ROOT, read
from tests.docs.site import built
from tests.docs.test_theme import HERE, published

__all__ = ["published"]  # a fixture
pytestmark = pytest.mark.browser

DESK = {"width": 1280, "height": 800}
HAND = {"width": 360, "height": 780}
CHAPTER = "tutorial/lab.html"
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
GROUND = "getComputedStyle(document.body).backgroundColor"
# The share of light in a picture of the page, from 0 to 1.
LIGHT = """async (picture) => {
  const image = new Image();
  image.src = "data:image/png;base64," + picture;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return data.reduce((sum, value) => sum + value, 0) / data.length / 255;
}"""
# What the Tab key should reach, in the order of the page.
FOCUSABLE = """() => [...document.querySelectorAll("a[href], button, input, [tabindex='0']")]
  .filter((one) => one.type !== "hidden" && one.checkVisibility({ visibilityProperty: true }))
  .map((one) => one.outerHTML.slice(0, 120))"""
FOCUSED = "document.activeElement === document.body ? null : document.activeElement.outerHTML.slice(0, 120)"


@contextmanager
def chapter(browser: Browser, path: str = CHAPTER, **options: object) -> Iterator[tuple[Page, Troubles]]:
    """A page of the built site, served."""
    with (
        served(built("html")) as address,
        opened(browser, **{"viewport": DESK, **options}) as (page, troubles),
    ):
        page.goto(f"{address}/{path}")
        laid_out(page)
        yield page, troubles
        assert troubles.all() == []


def light(page: Page, selector: str) -> float:
    """How light a part of the page looks."""
    picture = base64.b64encode(page.locator(selector).first.screenshot()).decode()
    return float(page.evaluate(LIGHT, picture))


# -- Light and dark ---------------------------------------------------------------------------------------


def test_without_a_choice_the_page_follows_the_system_as_it_changes(browser: Browser) -> None:
    with chapter(browser, color_scheme="light") as (page, _):
        by_day = page.evaluate(GROUND)
        page.emulate_media(color_scheme="dark")
        by_night = page.evaluate(GROUND)
        assert light(page, "main p") < 0.5
        page.emulate_media(color_scheme="light")
        assert page.evaluate(GROUND) == by_day != by_night
        assert light(page, "main p") > 0.5


def test_the_switch_goes_from_the_system_to_light_to_dark_and_says_so(browser: Browser) -> None:
    with chapter(browser, color_scheme="dark") as (page, _):
        said = []
        for _ in range(4):
            said.append((page.locator("#scheme-button").inner_text(), page.evaluate(GROUND)))
            page.locator("#scheme-button").press("Enter")
        names, grounds = zip(*said, strict=True)
        assert names == ("配色：跟随系统", "配色：浅色", "配色：深色", "配色：跟随系统")
        assert grounds[0] == grounds[2] == grounds[3] != grounds[1]


def test_the_choice_is_remembered_on_other_pages_and_in_other_tabs(browser: Browser) -> None:
    with chapter(browser, color_scheme="light") as (page, _):
        other = page.context.new_page()
        other.goto(page.url)
        page.locator("#scheme-button").click(click_count=2)
        night = page.evaluate(GROUND)
        page.locator("a[rel=next]").last.click()
        page.wait_for_url("**/keys.html")
        assert page.evaluate(GROUND) == night
        assert page.locator("#scheme-button").inner_text() == "配色：深色"
        other.wait_for_function(f"{GROUND} === '{night}'")


def test_the_choice_holds_before_anything_is_painted(browser: Browser) -> None:
    """When the body begins, the attribute is there; a deferred script would be too late."""
    with chapter(browser, color_scheme="light") as (page, _):
        page.evaluate("localStorage.setItem('glasstunnel-scheme', 'dark')")
        page.add_init_script("""new MutationObserver((_, observer) => {
          if (!document.body) return;
          window.atFirst = document.documentElement.dataset.scheme;
          observer.disconnect();
        }).observe(document, { childList: true, subtree: true });""")
        page.reload()
        assert page.evaluate("window.atFirst") == "dark"


def test_where_nothing_can_be_kept_the_switch_still_works(browser: Browser) -> None:
    with opened(browser, color_scheme="light") as (page, troubles):
        page.add_init_script(
            "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no') } })"
        )
        page.goto(built(f"html/{CHAPTER}").as_uri())
        page.locator("#scheme-button").click(click_count=2)
        assert page.evaluate("document.documentElement.dataset.scheme") == "dark"
        assert troubles.logged + troubles.failed + troubles.outside == []  # Sphinx's highlighter does throw


def test_pictures_and_code_follow_the_reader_s_choice(browser: Browser) -> None:
    with chapter(browser, "tutorial/look.html", color_scheme="light") as (page, _):
        parts = ("main figure img", "main .highlight pre", ".wy-nav-side")
        by_day = [light(page, part) for part in parts]
        page.locator("#scheme-button").click(click_count=2)
        by_night = [light(page, part) for part in parts]
        assert all(day > 0.6 > 0.45 > night for day, night in zip(by_day, by_night, strict=True)), (
            by_day,
            by_night,
        )


# -- Copying ----------------------------------------------------------------------------------------------


def copied(page: Page, block: int, language: str) -> str:
    """What lies on the clipboard after the button of a block of code was pressed."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = page.locator(f"main .highlight-{language} .copybtn").nth(block)
    button.focus()
    button.press("Enter")
    page.wait_for_selector(".copybtn.success")
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_from_a_session_the_button_copies_the_commands_and_nothing_else(browser: Browser) -> None:
    blocks = [block for block in read(DOCS / "tutorial/keys.md").blocks if block.language == "console"]
    number = max(range(len(blocks)), key=lambda i: len(blocks[i].content.splitlines()))
    lines = blocks[number].content.splitlines()
    commands = [line[2:] for line in lines if line.startswith((lines[0][:2], "> "))]
    assert 1 <= len(commands) < len(lines)  # there is output that must not be copied
    with chapter(browser, "tutorial/keys.html") as (page, _):
        assert copied(page, number, "console").splitlines() == commands


def test_a_file_that_is_typed_in_a_session_is_copied_whole(browser: Browser) -> None:
    (block,) = (one for one in read(DOCS / "tutorial/look.md").blocks if "<< 'END'" in one.content)
    others = [one for one in read(DOCS / "tutorial/look.md").blocks if one.language == "console"]
    typed = block.content.partition("\nEND\n")[0].removeprefix("# ") + "\nEND"
    with chapter(browser, "tutorial/look.html") as (page, _):
        assert copied(page, others.index(block), "console").rstrip("\n") == typed


def test_from_a_python_session_it_copies_what_can_be_run(browser: Browser) -> None:
    blocks = [block for block in read(DOCS / "wireguard/messages.md").blocks if block.language == "python"]
    lines = blocks[0].content.splitlines()
    with chapter(browser, "wireguard/messages.html") as (page, _):
        expected = [line[4:] for line in lines if line.startswith((">>> ", "... "))]
        assert copied(page, 0, "python").splitlines() == expected


# -- Keyboard ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [DESK, HAND], ids=["desk", "hand"])
def test_the_keyboard_reaches_everything_in_the_order_of_the_page(
    size: dict[str, int], browser: Browser
) -> None:
    with chapter(browser, viewport=size) as (page, _):
        expected = page.evaluate(FOCUSABLE)
        reached = []
        for _ in range(len(expected) + 1):
            page.keyboard.press("Tab")
            reached.append(page.evaluate(FOCUSED))
        assert reached == [*expected, None]
        assert "跳到正文" in expected[0]


def test_the_first_link_leads_past_the_menu_to_the_text(browser: Browser) -> None:
    with chapter(browser) as (page, _):
        page.keyboard.press("Tab")
        assert page.locator(".book-skip").bounding_box()["y"] >= 0  # type: ignore[index]  # it has come into view
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main') !== null")


def test_a_part_of_the_menu_unfolds_by_its_button(browser: Browser) -> None:
    with chapter(browser) as (page, _):
        button = page.get_by_role("button", name="Noise 框架：下级目录")
        assert button.get_attribute("aria-expanded") == "false"
        inside = page.locator(".toctree-l1", has=button).locator("ul a").first
        assert not inside.is_visible()
        button.press("Enter")
        assert button.get_attribute("aria-expanded") == "true"
        assert inside.is_visible()


def test_in_a_hand_a_button_brings_the_menu_and_escape_takes_it_away(browser: Browser) -> None:
    with chapter(browser, viewport=HAND) as (page, _):
        button, menu = page.get_by_role("button", name="目录", exact=True), page.locator("#menu")
        assert not menu.is_visible()
        assert button.get_attribute("aria-expanded") == "false"
        button.press("Enter")
        assert button.get_attribute("aria-expanded") == "true"
        assert menu.is_visible()
        for _ in range(4):  # name, scheme, search, the first link
            page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('#menu') !== null")
        page.keyboard.press("Escape")
        assert button.get_attribute("aria-expanded") == "false"
        assert page.evaluate("document.activeElement.id") == "menu-button"
        page.wait_for_function(
            "!document.getElementById('menu').checkVisibility({ visibilityProperty: true })"
        )


def test_without_scripts_every_page_of_the_menu_can_be_reached(browser: Browser) -> None:
    with opened(browser, java_script_enabled=False, viewport=HAND) as (page, _):
        page.goto(built("html/index.html").as_uri())
        links = page.locator("#menu .wy-menu-vertical a")
        assert links.count() > 20
        assert all(links.nth(i).is_visible() for i in range(links.count()))
        assert not page.locator("#scheme-button").is_visible()


# -- Width, paper, policy ---------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["html", "singlehtml"])
def test_no_page_scrolls_sideways_in_any_hand(folder: str, browser: Browser) -> None:
    assert built(f"{folder}/index.html")
    with opened(browser, viewport=HAND) as (page, _):
        for path in sorted((ROOT / "_build" / folder).rglob("*.html")):
            page.goto(path.as_uri())
            for width in (320, 360, 412):
                page.set_viewport_size({"width": width, "height": 780})
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)


def test_a_box_that_scrolls_sideways_can_be_scrolled_by_the_keyboard(browser: Browser) -> None:
    with chapter(browser, "wireguard/messages.html", viewport=HAND) as (page, _):
        box = page.locator("main pre[tabindex='0']").first
        box.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("document.activeElement.scrollLeft > 0")
        others = "[...document.querySelectorAll('main pre:not([tabindex])')]"
        assert page.evaluate(f"{others}.every((pre) => pre.scrollWidth <= pre.clientWidth + 1)")


def test_on_paper_the_text_stands_alone_and_on_white(browser: Browser) -> None:
    with chapter(browser, color_scheme="dark") as (page, _):
        page.locator("#scheme-button").click(click_count=2)
        page.emulate_media(media="print", color_scheme="dark")
        for gone in ("#menu", ".book-head", ".book-crumbs", ".book-turn", ".copybtn", ".book-skip"):
            assert not page.locator(gone).first.is_visible(), gone
        assert page.locator("main h1").is_visible()
        assert light(page, "main") > 0.8


@pytest.mark.parametrize("path", ["index.html", "wireguard/messages.html", "tutorial/look.html", "404.html"])
def test_a_strict_policy_forbids_nothing_that_a_page_does(path: str, browser: Browser) -> None:
    def guarded(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": POLICY})

    with served(built("html")) as address, opened(browser, viewport=HAND) as (page, troubles):
        page.route("**/*.html*", guarded)
        page.goto(f"{address}/{path}?q=握手")
        page.locator("#menu-button").click()
        page.locator("#scheme-button").click()
        page.locator(".book-search input").first.fill("握手")
        page.wait_for_selector(".sphinxzh-search a[role=option]")
        assert troubles.all() == []


def test_the_page_of_what_is_missing_works_at_any_depth_below_the_site_s_address(
    published: Path, browser: Browser
) -> None:
    site = HERE["GLASSTUNNEL_SITE_URL"]

    def host(route: Route) -> None:
        file = published / route.request.url.removeprefix(site).partition("?")[0]
        if not file.is_file():
            route.fulfill(status=404, content_type="text/html", path=published / "404.html")
        else:
            route.fulfill(path=file)

    with opened(browser, viewport=DESK) as (page, troubles):
        page.route(f"{site}**", host)
        page.goto(f"{site}gone/and/far/away.html")
        assert page.inner_text("h1").startswith("这里什么也没有")
        assert page.evaluate("getComputedStyle(document.querySelector('.book-head')).position") == "fixed"
        page.locator(".book-search input").first.fill("一页")
        page.wait_for_selector(".sphinxzh-search a[role=option]")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{site}part/page.html*")
        page.goto(f"{site}gone/and/far/away.html")
        page.locator("main a", has_text="首页").click()
        page.wait_for_url(f"{site}index.html")
        assert troubles.thrown == []
        assert [line for line in troubles.logged if "404" not in line] == []


@pytest.mark.parametrize("size", [DESK, HAND], ids=["desk", "hand"])
def test_nothing_moves_while_a_page_arrives(size: dict[str, int], browser: Browser) -> None:
    with chapter(browser, "tutorial/look.html", viewport=size) as (page, _):
        moved = page.evaluate("""() => new Promise((resolve) => {
          const seen = [];
          new PerformanceObserver((list) => seen.push(...list.getEntries()))
            .observe({ type: "layout-shift", buffered: true });
          requestAnimationFrame(() => requestAnimationFrame(() => resolve(seen.map((one) => one.value))));
        })""")
        assert sum(moved) < 0.01, moved


def test_a_page_loads_no_font_and_nothing_that_it_does_not_need(browser: Browser) -> None:
    with served(built("html")) as address, opened(browser) as (page, troubles):
        kinds: list[str] = []
        page.on("request", lambda request: kinds.append(request.resource_type))
        page.goto(f"{address}/index.html", wait_until="networkidle")
        assert "font" not in kinds
        assert page.evaluate("typeof jQuery") == "undefined"
        assert troubles.all() == []
