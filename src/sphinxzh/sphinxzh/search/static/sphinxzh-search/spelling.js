/* One slip of the fingers or of the input method, and what was meant.
 *
 * The rule: candidates are made from what was typed and looked up, as a noisy channel does (Norvig, How to
 * Write a Spelling Corrector), so that the cost depends on the length of the word and not on the size of the
 * index. */
"use strict";

(() => {
  const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789_";
  const LONGEST = 24; // of a run that is looked into
  const LONGEST_WORD = 8;

  /** Every string that a slip makes of a word of letters. */
  function slips(word) {
    const found = new Set();
    for (let i = 0; i <= word.length; i++) {
      const [before, after] = [word.slice(0, i), word.slice(i)];
      if (after) found.add(before + after.slice(1));
      if (after.length > 1) found.add(before + after[1] + after[0] + after.slice(2));
      for (const letter of ALPHABET) {
        found.add(before + letter + after);
        if (after) found.add(before + letter + after.slice(1));
      }
    }
    found.delete(word);
    return found;
  }

  class Speller {
    constructor(index, pinyin) {
      this.index = index;
      this.pinyin = pinyin;
    }

    /** Words of letters, or words in pinyin, that a slip made into this one; the most frequent first. */
    nearLetters(word) {
      if (word.length < 3) return [];
      const spread = (term) => this.index.postings(term).length;
      const found = [...slips(word)]
        .filter((term) => term.length > 2 && /\D/.test(term) && this.index.hasLatin(term))
        .sort((a, b) => spread(b) - spread(a));
      if (found.length || !/^[a-z]{4,}$/.test(word)) return found.slice(0, 3);
      return this.pinyin.misspelt(slips(word));
    }

    /** The places of characters that the index has beside neither of their neighbours. */
    strangers(characters) {
      const { index } = this;
      return [...characters.keys()].filter(
        (i) =>
          !index.adjoin(characters[i - 1], characters[i]) && !index.adjoin(characters[i], characters[i + 1]),
      );
    }

    /** A run with one character put right: { run, isSure }, or null when nothing fits. */
    righted(characters) {
      const strangers = this.strangers(characters);
      if (!strangers.length || characters.length > LONGEST) return null;
      const places = new Set(strangers.flatMap((i) => [i, i - 1, i + 1]).filter((i) => characters[i]));
      let best = null;
      for (const place of places)
        for (const corrected of this._corrections(characters, place)) {
          const judged = this._judged(characters, corrected, place, strangers.length);
          if (judged && (!best || judged.score > best.score)) best = judged;
        }
      return best;
    }

    /** Runs that differ at a place: another character there, two exchanged, one too many or too few. */
    *_corrections(characters, place) {
      const { index } = this;
      const here = characters[place];
      const [before, after] = [characters.slice(0, place), characters.slice(place + 1)];
      const isLastOfTwo = characters.length === 2 && place === 1;
      for (const other of this._substitutes(here, before.at(-1), after[0], isLastOfTwo))
        yield [...before, other, ...after];
      if (after.length) yield [...before, after[0], here, ...after.slice(1)];
      if (characters.length > 2) yield [...before, ...after];
      for (const word of index.spokenWith(here)) {
        const at = word.indexOf(here);
        if (after.length && word[at + 2] === after[0]) yield [...before, here, word[at + 1], ...after];
      }
    }

    /** Characters that sound like one, or that follow or precede its neighbours in a word. */
    _substitutes(character, before, after, isLastOfTwo) {
      const { index, pinyin } = this;
      const alike = pinyin.syllables(character).flatMap((syllable) => pinyin.charactersOf.get(syllable));
      const found = new Set(alike.filter((one) => index.adjoin(before, one) || index.adjoin(one, after)));
      if (isLastOfTwo) for (const [second, { isWord }] of index.followers(before)) if (isWord) found.add(second);
      // Anywhere else a word of two that sounds different is too weak a guess, so the titles are enough.
      for (const word of index.spokenWith(before)) found.add(word[word.indexOf(before) + 1]);
      for (const word of index.spokenWith(after)) found.add(word[word.indexOf(after) - 1]);
      found.delete(undefined);
      found.delete(character);
      return found;
    }

    /** How likely a correction is: the longer the word that it makes, and whether it sounds the same. */
    _judged(typed, corrected, place, strangersBefore) {
      const strangers = this.strangers(corrected).length;
      if (strangers >= strangersBefore) return null;
      const word = this._wordAround(corrected, place);
      if (!word) return null;
      const isHeard =
        typed.length === corrected.length &&
        corrected.every((one, i) => one === typed[i] || this.pinyin.alike(one, typed[i]));
      if (!isHeard && place === 0 && this._isVerbWithObject(typed)) return null;
      const size = Array.from(word).length;
      const score =
        2 * size +
        (isHeard ? 5 : 0) +
        (this.index.known.has(word) ? 2 : 0) +
        Math.log(1 + this.index.postings(word).length) / 4 -
        4 * strangers -
        Math.abs(typed.length - corrected.length);
      return { run: corrected.join(""), score, isSure: isHeard || size > 2 };
    }

    /** Whether a run may be a verb of one character and a word, as 改密钥, which the text need not have so. */
    _isVerbWithObject([verb, ...object]) {
      return this.index.rows.has(verb) && this.index.isWord(object.join(""));
    }

    /** The longest word of a run that has the character at a place. */
    _wordAround(characters, place) {
      let longest = "";
      for (let start = Math.max(0, place - LONGEST_WORD + 1); start <= place; start++)
        for (let end = place + 1; end <= Math.min(characters.length, start + LONGEST_WORD); end++) {
          const word = characters.slice(start, end).join("");
          if (end - start > 1 && word.length > longest.length && this.index.isWord(word)) longest = word;
        }
      return longest;
    }
  }

  Object.assign(window.sphinxzhSearch, { Speller });
})();
