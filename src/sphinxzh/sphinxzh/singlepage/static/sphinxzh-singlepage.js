/* The sidebar of the single page follows the reader: it marks the section being read, opens the branch that it
 * is in, and keeps it in view; when scrolling has come to rest the address follows too.
 *
 * The rule: the section being read is the last one that has begun above a line at a third of the window's
 * height and can still be seen.  The browser tells which those are (IntersectionObserver), so nothing is
 * measured while the reader scrolls.  But a section that was just jumped to is the one being read for as long
 * as its beginning can be seen: the last ones of a page never reach the line.
 *
 * No inline style, no eval: a strict content security policy allows it.  Without it the page works as well. */
"use strict";

(() => {
  const MENUS = ".wy-menu-vertical, .sidebar-tree, .toc-tree, .sphinxsidebar"; // of rtd, furo, alabaster
  const SECTION = "section, div.section";
  const menus = []; // each with its element, its entry for each section, and the entry that is marked
  const seen = new Set(); // the sections between the window's top and the line
  const opened = new Set(); // furo's branches that are open because of us
  let address = null; // of the section being read
  let known = location.hash; // the address as we know it: where it is another, a jump is on its way
  let jumpedTo = null;
  let arrived = false; // at the section jumped to: the browser scrolls there after this script was run
  let atRest = false; // after the reader has scrolled

  /** The section that an address in the page leads to. */
  function led(hash) {
    let name = hash.slice(1);
    try {
      name = decodeURIComponent(name);
    } catch {
      // a lone % stands for itself
    }
    const element = document.getElementById(name);
    const next = element?.nextElementSibling; // a document begins at an empty element before its section
    return element && !element.childNodes.length && next?.matches(SECTION) ? next : element?.closest(SECTION);
  }

  /** Mark a section in every menu; in one that does not name it, the nearest around it. */
  function choose(section) {
    address = menus.map(({ entries }) => entries.get(section)?.hash).find(Boolean) ?? address;
    for (const menu of menus) {
      let around = section;
      while (around && !menu.entries.has(around)) around = around.parentElement?.closest(SECTION);
      const entry = menu.entries.get(around);
      if (!entry || entry === menu.marked) continue;
      menu.marked?.removeAttribute("aria-current");
      entry.setAttribute("aria-current", "location");
      menu.marked = entry;
      unfold(menu.element, entry);
      show(entry);
    }
  }

  /** Open the branch of an entry, by the means of the theme, and close the one before. */
  function unfold(menu, entry) {
    const items = new Set();
    for (let item = entry.closest("li"); item; item = item.parentElement.closest("li")) items.add(item);
    if (menu.matches(".wy-menu-vertical")) {
      for (const old of menu.querySelectorAll(".current")) old.classList.remove("current");
      for (const old of menu.querySelectorAll("li[aria-expanded]")) old.setAttribute("aria-expanded", "false");
      entry.classList.add("current");
      for (const item of items) {
        item.classList.add("current");
        item.parentElement.classList.add("current");
        item.setAttribute("aria-expanded", "true");
      }
    }
    for (const box of menu.querySelectorAll(".toctree-checkbox")) {
      const wanted = items.has(box.parentElement);
      if (wanted && !box.checked) opened.add(box);
      if (wanted || opened.has(box)) box.checked = wanted;
      if (!wanted) opened.delete(box);
    }
  }

  /** Scroll the menu, and never the page, so that an entry can be seen. */
  function show(entry) {
    let box = entry.parentElement;
    while (box !== document.body && !/auto|scroll/.test(getComputedStyle(box).overflowY)) box = box.parentElement;
    if (box === document.body) return;
    const inner = entry.getBoundingClientRect();
    const outer = box.getBoundingClientRect();
    if (inner.top < outer.top || inner.bottom > outer.bottom)
      box.scrollTop += inner.top - outer.top - (outer.height - inner.height) / 2;
  }

  function read() {
    const { top } = jumpedTo?.getBoundingClientRect() ?? {};
    if (arrived && !(top > -8 && top < innerHeight)) jumpedTo = null;
    let last = null;
    for (const section of seen)
      if (!last || last.compareDocumentPosition(section) & Node.DOCUMENT_POSITION_FOLLOWING) last = section;
    choose(jumpedTo ?? last);
    if (atRest) follow();
  }

  function jump(hash) {
    known = hash;
    jumpedTo = led(hash) ?? null;
    arrived = false;
    if (jumpedTo) choose(jumpedTo);
  }

  /** The address becomes that of the section being read. */
  function follow() {
    for (const { marked } of menus) if (marked) show(marked); // rtd scrolls its menu with the page
    if (jumpedTo || !address || location.hash !== known || address === known) return;
    history.replaceState(history.state, "", address);
    known = location.hash;
  }

  function start() {
    for (const element of document.querySelectorAll(MENUS)) {
      const entries = new Map();
      for (const entry of element.querySelectorAll('a[href^="#"]')) {
        const section = led(entry.hash);
        if (section && !entries.has(section)) entries.set(section, entry);
      }
      if (entries.size) menus.push({ element, entries, marked: null });
    }
    const observer = new IntersectionObserver(
      (changes) => {
        for (const { target, isIntersecting } of changes)
          if (isIntersecting) seen.add(target);
          else seen.delete(target);
        read();
      },
      { rootMargin: "0px 0px -67% 0px" },
    );
    for (const section of new Set(menus.flatMap(({ entries }) => [...entries.keys()]))) observer.observe(section);
    addEventListener("hashchange", () => jump(location.hash));
    document.addEventListener("scroll", () => (atRest = false));
    document.addEventListener("scrollend", () => {
      arrived = atRest = true;
      read();
    });
    jump(location.hash);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
