/* The search box and its panel of results.
 *
 * The rule: nothing is fetched before the reader searches, and then only scripts beside this one, so that it
 * works from a folder (file://) too.  No eval, no inline style: a strict content security policy allows it.
 * What is found is decided in sphinxzh-search/: ranking.js is the way in. */
"use strict";

(() => {
  const search = window.sphinxzhSearch;
  const { phrases, expressionOf, wordsIn, marked, snippet, markPage, unmarkPage } = search;
  const here = new URL(document.currentScript.src);
  const root = new URL("../", here); // of the site: this file stands in _static
  const ENGINE = ["postings", "pinyin", "spelling", "query", "ranking"];
  const SHOWN = 20;
  const HITS = 8; // that go with an address
  const THEMES_PLACES = ".wy-side-nav-search, .sidebar-sticky, .sphinxsidebarwrapper";

  // -- Files ------------------------------------------------------------------------------------------------
  const loading = new Map(); // name → promise
  const texts = new Map(); // document → the bodies of its sections
  let ranker = null;

  /** Add a script once; scripts run in the order in which they were asked for. */
  function run(name, version = "") {
    if (!loading.has(name)) {
      const script = document.createElement("script");
      script.async = false;
      script.src = new URL(`sphinxzh-search/${name}.js${version && `?v=${version}`}`, here).href;
      const done = new Promise((resolve, reject) => {
        script.onload = resolve;
        script.onerror = () => reject(new Error(`${name}.js cannot be loaded`));
      });
      loading.set(name, done);
      done.catch(() => loading.delete(name)); // the next query tries again
      document.head.append(script);
    }
    return loading.get(name);
  }

  async function load() {
    await Promise.all([...ENGINE, "index"].map((name) => run(name)));
    return ranker.index;
  }

  async function bodyOf(section) {
    const doc = ranker.index.docOf[section];
    await run(`text-${doc}`, ranker.index.version);
    return texts.get(doc)[section - ranker.index.first.get(doc)];
  }

  // -- Addresses --------------------------------------------------------------------------------------------
  const isOnThisPage = (url) => url.startsWith("#"); // as the single page names its documents

  /** The section's element on the single page, where every id is unique (sphinxzh.singlepage). */
  const elementOf = (url, anchor) => document.getElementById(anchor || url.slice(1));

  /** The address of a section; the hits go with it, so that the page can mark them. */
  function address(section, hits = []) {
    const { docs, docOf, anchors } = ranker.index;
    const url = docs[docOf[section]];
    if (isOnThisPage(url)) return anchors[section] ? `#${anchors[section]}` : url;
    const target = new URL(url, root);
    if (target.protocol === "file:" && target.pathname.endsWith("/")) target.pathname += "index.html";
    for (const hit of hits) target.searchParams.append("hit", hit);
    target.hash = anchors[section];
    return target.href;
  }

  /** As many words as go with an address, the longest first. */
  const likeliest = (words) => [...words].sort((a, b) => b.length - a.length).slice(0, HITS);

  // -- Elements ---------------------------------------------------------------------------------------------
  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  /** The theme's own search field; where it has none (the single page), one is added. */
  function searchField() {
    const own = [...document.querySelectorAll("form[action] input[name=q]")];
    if (own.length) return own[0];
    const named = { placeholder: phrases.search, "aria-label": phrases.search };
    const input = element("input", { type: "search", name: "q", ...named });
    const form = element("form", { role: "search", class: "sphinxzh-added", action: "#" }, input);
    form.addEventListener("submit", (event) => event.preventDefault());
    const place = document.querySelector(THEMES_PLACES) ?? document.body;
    if (place.matches(".wy-side-nav-search")) place.append(form);
    else place.prepend(form);
    return input;
  }

  /** What the search did, in a sentence. */
  function summary(query, { results, total, guess, meant }) {
    const count = phrases.count(total, SHOWN);
    if (!results.length) return phrases.nothing(query);
    if (guess) return phrases.guessed(query, guess, count);
    return meant ? phrases.spoken(meant, count) : phrases.found(count);
  }

  // -- The panel --------------------------------------------------------------------------------------------
  class Panel {
    constructor(input) {
      this.input = input;
      this.status = element("p", { role: "status", "aria-live": "polite" });
      this.list = element("div", { role: "listbox", id: "sphinxzh-results", "aria-label": phrases.results });
      const landmark = { class: "sphinxzh-search", role: "region", "aria-label": phrases.search, hidden: "" };
      this.box = element("div", landmark, this.status, this.list);
      this.active = -1;
      this.turn = 0; // counts the queries, so that a late answer is not shown
      document.body.append(this.box);
      const roles = {
        role: "combobox",
        "aria-expanded": "false",
        "aria-controls": "sphinxzh-results",
        "aria-autocomplete": "list",
        "aria-haspopup": "listbox",
        autocomplete: "off",
      };
      for (const [key, value] of Object.entries(roles)) input.setAttribute(key, value);
    }

    get options() {
      return [...this.list.children];
    }

    open() {
      this.box.hidden = false;
      this.input.setAttribute("aria-expanded", String(this.options.length > 0));
      this.place();
    }

    close() {
      this.box.hidden = true;
      this.input.setAttribute("aria-expanded", "false");
      this.input.removeAttribute("aria-activedescendant");
    }

    /** Put the panel below the field, inside the window. */
    place() {
      if (this.box.hidden) return;
      const field = this.input.getBoundingClientRect();
      const width = Math.min(680, innerWidth - 16);
      const left = Math.max(8, Math.min(field.left, innerWidth - width - 8));
      const top = Math.max(8, field.bottom + 6);
      const maxHeight = Math.max(160, innerHeight - field.bottom - 20);
      const sizes = { width, left, top, maxHeight };
      for (const [name, size] of Object.entries(sizes)) this.box.style[name] = `${size}px`;
    }

    choose(number) {
      this.active = number;
      this.options.forEach((option, i) => option.setAttribute("aria-selected", String(i === number)));
      const option = this.options[number];
      if (!option) return;
      this.input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    }

    /** Choose the next option, or with -1 the one before, around the ends. */
    step(by) {
      const count = this.options.length;
      if (count) this.choose((this.active + by + count) % count);
    }

    /** Search for what stands in the field. */
    async show() {
      const query = this.input.value.trim();
      const turn = ++this.turn;
      if (!query) return this.close();
      try {
        await load();
      } catch {
        this.status.textContent = phrases.broken;
        this.list.replaceChildren();
        return this.open();
      }
      return turn === this.turn ? this.showAnswer(query, ranker.ask(query)) : undefined;
    }

    showAnswer(query, answer) {
      const asked = { expression: expressionOf(answer.marks), words: likeliest(answer.marks) };
      this.status.textContent = summary(query, answer);
      this.status.classList.toggle("sphinxzh-guess", Boolean(answer.guess));
      const sections = answer.results.slice(0, SHOWN).map(({ section }) => section);
      this.list.replaceChildren(...sections.map((section, i) => this.option(section, i, asked)));
      this.open();
      this.choose(sections.length ? 0 : -1);
    }

    option(section, number, { expression, words }) {
      const { titles, docOf, docs, anchors, first } = ranker.index;
      const title = titles[section] || phrases.top;
      const above = ranker.index.above(section).join(" › ");
      const text = element("span", { class: "sphinxzh-text" });
      const option = element(
        "a",
        { role: "option", id: `sphinxzh-result-${number}`, tabindex: "-1", "aria-selected": "false" },
        element("span", { class: "sphinxzh-title" }, ...marked(title, expression)),
        above && element("span", { class: "sphinxzh-path" }, above),
        text,
      );
      let hits = words; // until its text is there: who types fast is gone by then
      option.href = address(section, hits);
      bodyOf(section).then(
        (body) => {
          text.replaceChildren(...marked(snippet(body, expression), expression));
          hits = likeliest(wordsIn(`${title} ${body}`, expression));
          option.href = address(section, hits);
        },
        () => {}, // without its text a result is still a result
      );
      const url = docs[docOf[section]];
      if (isOnThisPage(url))
        option.addEventListener("click", (event) => {
          if (event.ctrlKey || event.metaKey) return;
          event.preventDefault();
          this.close();
          markPage(hits);
          location.hash = option.hash;
          elementOf(url, anchors[section])?.scrollIntoView();
        });
      return option;
    }

    onKey(event) {
      if (event.isComposing || this.box.hidden) return;
      const actions = {
        Escape: () => this.close(),
        ArrowDown: () => this.step(1),
        ArrowUp: () => this.step(-1),
        Enter: () => this.options[this.active]?.click(),
      };
      if (!actions[event.key]) return;
      event.preventDefault();
      actions[event.key]();
    }
  }

  // -- The page ---------------------------------------------------------------------------------------------
  /** `/` leads into the field, Escape takes the marks away. */
  function onPageKey(event, input) {
    if (event.key === "Escape") unmarkPage();
    const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // a theme may have a use of its own for the key
    openSidebar(input);
    input.focus();
    input.select();
  }

  /** Where the field is in a sidebar out of sight: a button that controls it opens it, in furo a check box. */
  function openSidebar(input) {
    const { left, right } = input.getBoundingClientRect();
    if (right > 0 && left < innerWidth && input.checkVisibility({ visibilityProperty: true })) return;
    const buttons = [...document.querySelectorAll("[aria-controls][aria-expanded=false]")];
    const controlled = (button) => document.getElementById(button.getAttribute("aria-controls"));
    buttons.find((button) => controlled(button)?.contains(input))?.click();
    const box = document.getElementById("__navigation");
    if (box) box.checked = true;
  }

  /** A page that was opened from a result shows its hits. */
  function showHits() {
    const hits = new URLSearchParams(location.search).getAll("hit");
    if (!hits.length) return;
    markPage(hits);
    document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  }

  function start() {
    const input = searchField();
    const panel = new Panel(input);
    const show = () => panel.show();
    input.addEventListener("input", (event) => event.isComposing || show());
    input.addEventListener("compositionend", show);
    input.addEventListener("focus", () => (input.value.trim() ? show() : load().catch(() => {})));
    input.addEventListener("keydown", (event) => panel.onKey(event));
    document.addEventListener("keydown", (event) => onPageKey(event, input), true);
    document.addEventListener("pointerdown", ({ target }) => {
      if (!panel.box.contains(target) && target !== input) panel.close();
    });
    addEventListener("resize", () => panel.place());
    showHits();
  }

  Object.assign(search, {
    /** The index and the texts hand themselves over so. */
    index: (data) => (ranker = new search.Ranker(data)),
    text: (doc, bodies) => texts.set(doc, bodies),
    /** For scripts of the site and for tests: load the index, then ask. */
    load,
    ask: (query) => ranker.ask(query),
    address,
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
