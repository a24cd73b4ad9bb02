/* What of a text can be looked for: runs of Han characters, and words of letters and digits.
 *
 * The rule: the same as sphinxzh/search/tokens.py does to the pages, where it is explained; a test compares
 * the two.  The table of traditional characters comes with the index. */
"use strict";

(() => {
  const HAN =
    "\\u3005-\\u3007\\u3040-\\u30ff\\u3400-\\u4dbf\\u4e00-\\u9fff" +
    "\\uac00-\\ud7af\\uf900-\\ufaff\\u{20000}-\\u{3ffff}";
  const LETTERS = `(?:(?![${HAN}])[\\p{L}\\p{N}_])+`;
  const PIECE = new RegExp(`[${HAN}]+|${LETTERS}(?:-${LETTERS})*`, "gu");
  const IS_HAN = new RegExp(`^[${HAN}]`, "u");
  const PART = /[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|(?:(?![A-Za-z\p{Nd}])[\p{L}\p{N}])+|\p{Nd}+/gu;

  const LONGEST = 40;
  const DATA = /^((?=.*\p{Nd})[0-9a-f]{12,}|\p{Nd}{9,})$/u;

  const simplified = new Map(); // traditional character → simplified one
  const folded = new Map(); // character → what it was folded to

  function foldOne(character) {
    let form = character;
    for (const change of [(one) => one.normalize("NFKC"), (one) => one.toLowerCase()]) {
      const changed = change(form);
      if (changed.length === 1) form = changed;
    }
    return simplified.get(form) ?? form;
  }

  /** A text in the form in which it is compared; as long as it was. */
  function fold(text) {
    let form = "";
    for (const character of text) {
      if (!folded.has(character)) folded.set(character, character.length > 1 ? character : foldOne(character));
      form += folded.get(character);
    }
    return form;
  }

  /** Take over the index's table: each traditional character is followed by its simplified one. */
  function addSimplified(table) {
    const characters = Array.from(table);
    for (let i = 0; i < characters.length; i += 2) simplified.set(characters[i], characters[i + 1]);
    folded.clear();
  }

  const pieces = (text) => text.match(PIECE) ?? [];
  const isHan = (piece) => IS_HAN.test(piece);

  /** Every two neighbouring characters of a run. */
  function bigrams(characters) {
    const found = [];
    for (let i = 1; i < characters.length; i++) found.push(characters[i - 1] + characters[i]);
    return found;
  }

  /** The terms of a word: itself, and its parts if there are several.  Nothing for keys and other data. */
  function parts(word) {
    const whole = fold(word).replace(/^[_-]+|[_-]+$/g, "");
    if (!whole || Array.from(whole).length > LONGEST || DATA.test(whole)) return [];
    const found = [...(word.normalize("NFKC").match(PART) ?? []).map(fold), ...whole.split(/[_-]/)];
    return [...new Set([whole, ...found.filter((part) => Array.from(part).length > 1)])];
  }

  Object.assign(window.sphinxzhSearch, { fold, addSimplified, pieces, isHan, bigrams, parts });
})();
