/* Letters that are meant as pinyin: syllables, first letters, or a mixture, as an input method takes them.
 *
 * The rule: nothing is tabulated but the readings of single characters.  A short row of letters is compared with
 * the words of the titles one by one; a long one is cut into syllables, and the characters are those that the
 * index knows as neighbours: a Viterbi search over its bigrams. */
"use strict";

(() => {
  const { bigrams } = window.sphinxzhSearch;
  const BEAM = 24; // characters kept at each place of the letters
  const LONGEST_SYLLABLE = 6; // zhuang
  const LINKED = 1;
  const WORD = 2;
  const APART = -2;

  class Pinyin {
    constructor(index) {
      this.index = index;
      this.charactersOf = new Map(); // syllable → characters that the index has, or may be typed for them
      this.syllablesOf = new Map(); // character → syllables
      for (const entry of index.readings.split(" ")) {
        const syllable = /^[a-z]*/.exec(entry)[0];
        const characters = Array.from(entry.slice(syllable.length));
        this.charactersOf.set(syllable, characters);
        for (const one of characters) {
          if (!this.syllablesOf.has(one)) this.syllablesOf.set(one, []);
          this.syllablesOf.get(one).push(syllable);
        }
      }
    }

    syllables(character) {
      return this.syllablesOf.get(character) ?? [];
    }

    /** Whether two characters can sound the same. */
    alike(one, other) {
      return this.syllables(one).some((syllable) => this.syllables(other).includes(syllable));
    }

    /** Whether a word is spelt so; `step` says how the letters may go on with a syllable. */
    spells(characters, letters, step, at = 0) {
      if (at === characters.length) return letters === "";
      return this.syllables(characters[at]).some((syllable) =>
        step(syllable, letters, at === characters.length - 1).some((length) =>
          this.spells(characters, letters.slice(length), step, at + 1),
        ),
      );
    }

    /** What the letters may mean: words to choose from, or one run of several words; null if nothing. */
    meaning(letters) {
      if (!/^[a-z]{2,}$/.test(letters) || !this.charactersOf.size) return null;
      const choices = this._words(letters, inFull, 4).concat(this._pairs(letters));
      if (choices.length) return { choices: [...new Set(choices)].slice(0, 4) };
      if (letters.length <= 6) {
        const short = this._words(letters, byInitials, 3);
        if (short.length) return { choices: short };
      }
      const run = this._run(letters);
      if (run) return { run };
      const begun = letters.length > 2 ? this._words(letters, unfinished, 3) : [];
      return begun.length ? { choices: begun } : null;
    }

    /** The words of the titles that are spelt so, the weightiest first. */
    _words(letters, step, limit) {
      const found = [];
      for (const words of [this.index.words, this.index.titleRuns])
        for (const word of words) {
          if (found.length === limit) return found;
          if (this.spells(Array.from(word), letters, step)) found.push(word);
        }
      return found;
    }

    /** The words of two characters that are spelt so, the most frequent first. */
    _pairs(letters) {
      const found = [];
      for (let cut = 1; cut < letters.length; cut++) {
        const seconds = new Set(this.charactersOf.get(letters.slice(cut)));
        for (const first of seconds.size ? (this.charactersOf.get(letters.slice(0, cut)) ?? []) : [])
          for (const [second, { isWord, list }] of this.index.followers(first))
            if (isWord && seconds.has(second)) found.push([first + second, list.length]);
      }
      return found.sort((a, b) => b[1] - a[1]).map(([word]) => word);
    }

    /** The characters, each a neighbour of the next or the beginning of a new word, that fit best. */
    _run(letters) {
      const states = Array.from({ length: letters.length + 1 }, () => []); // by how many letters are read
      states[0].push({ characters: [], score: 0, linked: true });
      for (let at = 0; at < letters.length; at++) {
        states[at] = states[at].sort((a, b) => b.score - a.score).slice(0, BEAM);
        for (let length = 1; length <= LONGEST_SYLLABLE && at + length <= letters.length; length++)
          for (const character of this.charactersOf.get(letters.slice(at, at + length)) ?? [])
            keep(states[at + length], this._best(states[at], character));
      }
      const [best] = states[letters.length].filter(({ linked }) => linked).sort((a, b) => b.score - a.score);
      return best ? best.characters.join("") : null;
    }

    /** The best way to go on with a character. */
    _best(states, character) {
      let best = null;
      for (const { characters, score, linked } of states) {
        const pair = characters.length ? this.index.followers(characters.at(-1)).get(character) : undefined;
        if (!pair && !linked) continue; // a character must be a neighbour of one at least
        const gain = pair ? (pair.isWord ? WORD : LINKED) + Math.log(1 + pair.list.length) / 8 : APART;
        if (!best || score + gain > best.score)
          best = { characters: [...characters, character], score: score + gain, linked: Boolean(pair) };
      }
      return best;
    }

    /** Words of the titles whose spelling differs from the letters by one slip. */
    misspelt(letters, isSlip) {
      return this.index.words
        .filter((word) => this._spellings(word).some((spelling) => isSlip(spelling, letters)))
        .slice(0, 3);
    }

    _spellings(word) {
      let ways = [""];
      for (const character of word)
        ways = ways.flatMap((way) => this.syllables(character).map((syllable) => way + syllable)).slice(0, 8);
      return ways;
    }
  }

  /** Keep of the states that end in one character only the best. */
  function keep(states, state) {
    if (!state) return;
    const same = states.findIndex(({ characters }) => characters.at(-1) === state.characters.at(-1));
    if (same < 0) states.push(state);
    else if (states[same].score < state.score) states[same] = state;
  }

  // How letters may go on with a syllable: by how many of them.
  const inFull = (syllable, letters) => (letters.startsWith(syllable) ? [syllable.length] : []);
  const byInitials = (syllable, letters) => (letters[0] === syllable[0] ? [1] : []);
  function unfinished(syllable, letters, isLast) {
    if (isLast && syllable.startsWith(letters)) return [letters.length];
    return [...inFull(syllable, letters), ...byInitials(syllable, letters)];
  }

  Object.assign(window.sphinxzhSearch, { Pinyin });
})();
