/* The sidebar of the single page follows the reader: it marks the section being read, opens the branch that it
 * is in, and keeps it in view; the address follows when scrolling has come to rest.
 *
 * The rule: the section being read is the innermost one that crosses a line at a third of the window's height.
 * The browser tells which sections cross it (IntersectionObserver), so nothing is measured while scrolling.
 * But a section that was just jumped to is the one being read for as long as its beginning can be seen: the
 * last ones of a page never reach the line. */
"use strict";

(() => {
  const SIDEBARS = ".wy-menu-vertical, .sidebar-tree, .toc-tree, .sphinxsidebar";
  const entries = new Map(); // section → its entries in the sidebars
  const crossing = new Set();
  const opened = new Set(); // furo's branches that are open because of us
  let current = null;
  let jumpedTo = null;

  const named = (hash) => {
    try {
      return document.getElementById(decodeURIComponent(hash.slice(1)));
    } catch {
      return null; // a lone % in an address
    }
  };
  /* A document begins at an empty element before its first section. */
  const section = (element) =>
    element?.closest("section, div.section") ?? element?.nextElementSibling ?? element ?? null;
  const beginning = (element) =>
    element && !element.textContent && element.nextElementSibling?.matches("section, div.section")
      ? element.nextElementSibling
      : section(element);

  function choose(chosen) {
    if (!chosen || chosen === current) return;
    for (const entry of entries.get(current) ?? []) unmark(entry);
    current = chosen;
    for (const entry of entries.get(current)) mark(entry);
  }

  /** The entries above an entry, and itself, as list items. */
  function* branch(entry) {
    for (let item = entry.closest("li"); item; item = item.parentElement.closest("li")) yield item;
  }

  function unmark(entry) {
    entry.removeAttribute("aria-current");
    entry.classList.remove("current");
  }

  function mark(entry) {
    entry.setAttribute("aria-current", "location");
    const items = new Set(branch(entry));
    const menu = entry.closest(SIDEBARS);
    if (menu.matches(".wy-menu-vertical")) {
      for (const old of menu.querySelectorAll(".current")) old.classList.remove("current");
      for (const item of menu.querySelectorAll("li[aria-expanded]")) item.setAttribute("aria-expanded", "false");
      entry.classList.add("current");
      for (const item of items) {
        item.classList.add("current");
        item.parentElement.classList.add("current");
        item.setAttribute("aria-expanded", "true");
      }
    }
    for (const box of opened)
      if (!items.has(box.parentElement)) {
        box.checked = false;
        opened.delete(box);
      }
    for (const item of items) {
      const box = item.querySelector(":scope > .toctree-checkbox");
      if (box && !box.checked) {
        box.checked = true;
        opened.add(box);
      }
    }
    show(entry);
  }

  /** Scroll the sidebar, and never the page, so that an entry can be seen. */
  function show(entry) {
    let box = entry.parentElement;
    while (box && box !== document.body && !/auto|scroll/.test(getComputedStyle(box).overflowY))
      box = box.parentElement;
    if (!box || box === document.body) return;
    const inner = entry.getBoundingClientRect();
    const outer = box.getBoundingClientRect();
    if (inner.top < outer.top || inner.bottom > outer.bottom)
      box.scrollTop += inner.top - outer.top - (outer.height - inner.height) / 2;
  }

  function read() {
    if (jumpedTo) {
      const { top } = jumpedTo.getBoundingClientRect();
      if (top > -8 && top < innerHeight) return choose(jumpedTo);
      jumpedTo = null;
    }
    let last = null; // in the order of the page, so the innermost
    for (const one of crossing)
      if (!last || last.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING) last = one;
    return choose(last);
  }

  function jump() {
    let target = beginning(named(location.hash));
    while (target && !entries.has(target)) target = section(target.parentElement);
    jumpedTo = target;
    if (target) choose(target);
  }

  function start() {
    for (const menu of document.querySelectorAll(SIDEBARS))
      for (const entry of menu.querySelectorAll('a[href^="#"]')) {
        const target = beginning(named(entry.hash));
        if (target) entries.set(target, [...(entries.get(target) ?? []), entry]);
      }
    const observer = new IntersectionObserver(
      (changes) => {
        for (const { target, isIntersecting } of changes)
          isIntersecting ? crossing.add(target) : crossing.delete(target);
        read();
      },
      { rootMargin: "-33% 0px -67% 0px" },
    );
    for (const target of entries.keys()) observer.observe(target);
    addEventListener("hashchange", jump);
    document.addEventListener("scrollend", () => {
      if (jumpedTo || !current) return;
      const [entry] = entries.get(current);
      if (entry.hash !== location.hash) history.replaceState(history.state, "", entry.hash);
    });
    jump();
  }

  document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", start) : start();
})();
