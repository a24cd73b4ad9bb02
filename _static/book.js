/* The menu and what scrolls.  The rule: without this script every page can be read and every link of the menu
 * reached; it adds buttons that fold, says what is open, and lets the keyboard into boxes that scroll. */
"use strict";

(() => {
  const menu = document.getElementById("menu");
  const button = document.getElementById("menu-button");
  const narrow = matchMedia("(max-width: 768px)");

  // -- The menu of a narrow screen ----------------------------------------------------------------------------
  const isOpen = () => button.getAttribute("aria-expanded") === "true";
  const open = (yes) => {
    button.setAttribute("aria-expanded", String(yes));
    menu.classList.toggle("shift", yes);
    document.body.classList.toggle("menu-open", yes);
  };

  button.hidden = false;
  button.addEventListener("click", () => open(!isOpen()));
  menu.addEventListener("click", (event) => {
    if (event.target.closest("a")) open(false); // also to a place on this page
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isOpen() || event.target.closest("input")) return; // there it ends the search
    open(false);
    button.focus();
  });
  document.addEventListener("focusin", (event) => {
    if (isOpen() && event.target.closest("main, footer")) open(false); // the keyboard has left it
  });
  narrow.addEventListener("change", () => open(false));

  // -- Parts that fold -----------------------------------------------------------------------------------------
  for (const part of menu.querySelectorAll(".wy-menu-vertical li")) {
    if (!part.querySelector(":scope > ul")) continue;
    const fold = document.createElement("button");
    const title = part.querySelector("a").textContent;
    const say = (unfolded) => {
      part.classList.toggle("unfolded", unfolded);
      part.classList.toggle("folded", !unfolded);
      fold.setAttribute("aria-expanded", String(unfolded));
    };
    fold.type = "button";
    fold.className = "toctree-expand";
    fold.setAttribute("aria-label", `${title}：下级目录`);
    fold.addEventListener("click", () => say(!part.classList.contains("unfolded")));
    say(part.classList.contains("current"));
    part.querySelector("a").after(fold);
  }

  const current = menu.querySelector("[aria-current]");
  const box = menu.querySelector(".wy-side-scroll");
  if (current) {
    const beneath = current.getBoundingClientRect().bottom - box.getBoundingClientRect().bottom;
    if (beneath > 0) box.scrollTop = beneath + box.clientHeight / 2;
  }

  // -- Boxes that scroll sideways ------------------------------------------------------------------------------
  const NAMES = (element) => ({
    tabindex: "0",
    role: "group",
    "aria-label": element.matches("pre") ? "代码" : "表格",
  });
  const wide = [...document.querySelectorAll("main pre, .wy-table-responsive")];
  const measure = (boxes) => {
    const changed = boxes // all are measured before any is changed, so the page is laid out once
      .map((box) => [box, box.scrollWidth > box.clientWidth + 1])
      .filter(([box, scrolls]) => scrolls !== box.hasAttribute("tabindex"));
    for (const [box, scrolls] of changed)
      for (const [name, value] of Object.entries(NAMES(box)))
        scrolls ? box.setAttribute(name, value) : box.removeAttribute(name);
  };
  const sizes = new ResizeObserver((entries) => measure(entries.map(({ target }) => target)));
  for (const box of wide) sizes.observe(box);
  document.fonts.addEventListener("loadingdone", () => measure(wide)); // a box keeps its size, its lines do not
})();
