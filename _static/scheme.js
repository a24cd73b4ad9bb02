/* Light or dark.  The rule: without a choice the page follows the system, which is the style sheet's affair
 * (color-scheme); a choice is an attribute of <html>, set before anything is painted, so nothing flashes.  This
 * script therefore stands in the head and is not deferred.  Where the browser keeps nothing (a page opened from
 * a folder, a private window), a choice holds for the page. */
"use strict";

(() => {
  const KEY = "glasstunnel-scheme";
  const NAMES = { system: "跟随系统", light: "浅色", dark: "深色" };
  const root = document.documentElement;

  const kept = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  };

  const keep = (scheme) => {
    try {
      localStorage.setItem(KEY, scheme);
    } catch {
      // not kept
    }
  };

  const apply = (scheme) => {
    if (scheme === "light" || scheme === "dark") root.dataset.scheme = scheme;
    else delete root.dataset.scheme;
  };

  apply(kept());
  root.classList.add("scripted"); // what only scripts can open again may be closed from the start

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("scheme-button");
    const schemes = Object.keys(NAMES);
    const now = () => root.dataset.scheme ?? "system";
    const name = () => {
      button.querySelector("span").textContent = `配色：${NAMES[now()]}`;
      button.title = `配色：${NAMES[now()]}`;
    };
    button.addEventListener("click", () => {
      const next = schemes[(schemes.indexOf(now()) + 1) % schemes.length];
      apply(next);
      keep(next);
      name();
    });
    addEventListener("storage", (event) => {
      if (event.key !== KEY) return; // chosen in another tab
      apply(event.newValue);
      name();
    });
    name();
    button.hidden = false;
  });
})();
