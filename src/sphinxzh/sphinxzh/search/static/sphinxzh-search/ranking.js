/* The sections that answer a query, best first.
 *
 * The rule: two steps.  The first adds up, over posting lists only, what each section has of the needs: BM25,
 * whose part for term and section is in the index already, times the idf; raised where the term stands in the
 * title, and met in part where it stands in the title of a section around.  The second looks at the titles of
 * the best few: how much of the query they are. */
"use strict";

(() => {
  const { fold, bigrams, Index, Pinyin, Speller, Reader } = window.sphinxzhSearch;
  const WEIGHTS = {
    title: 0.3, // a term in the title, on top of its BM25
    around: 0.25, // a term in the title of a section around
    aroundMeets: 0.8, // how far that meets the need
    bond: 0.5, // a bigram between two words of the query
    uncovered: 0.15, // what is left of the score of a section that meets nothing
    like: 0.3, // a title like the query
    within: 0.3, // a title that has the query in it
    same: 0.8, // a title that is the query
  };
  const LOOKED_AT = 60; // sections whose titles are compared
  const LEAST = 0.05; // of the best score

  class Ranker {
    constructor(data) {
      this.index = new Index(data);
      const pinyin = new Pinyin(this.index);
      this.reader = new Reader(this.index, pinyin, new Speller(this.index, pinyin));
      this.weights = WEIGHTS;
      this.sums = new Float32Array(this.index.count);
      this.met = new Float32Array(this.index.count);
      this.need = new Float32Array(this.index.count); // what a need gives each section
      this.share = new Float32Array(this.index.count); // how far it is met
      this.titles = new Map(); // section → its title, alone and with those around, ready to be compared
    }

    /** The best sections as `results`, how many there are as `total`, and what the reader made of the query. */
    ask(query) {
      const asked = this.reader.read(query);
      const total = this._addUp(asked);
      const candidates = this._candidates();
      const results = candidates
        .slice(0, LOOKED_AT)
        .map((section) => ({ section, score: this.sums[section] + this._likeTitle(section, asked, total) }))
        .sort((a, b) => b.score - a.score || a.section - b.section);
      const kept = results.filter(({ score }) => score > LEAST * results[0].score);
      return { ...asked, results: kept, total: kept.length + Math.max(0, candidates.length - LOOKED_AT) };
    }

    /** Fill in `sums`; what a section that met every need in full would have met. */
    _addUp({ needs, bonds }) {
      this.sums.fill(0);
      this.met.fill(0);
      let total = 0;
      for (const need of needs) total += this._addNeed(need);
      for (const bond of bonds) this._addBond(bond);
      const { uncovered } = this.weights;
      for (let section = 0; section < this.index.count; section++) {
        if (!this.sums[section]) continue;
        const share = total ? Math.min(1, this.met[section] / total) : 0;
        this.sums[section] *= uncovered + (1 - uncovered) * share * share;
      }
      return total;
    }

    /** Add to each section the best that one of the need's terms gives it; the worth of the need. */
    _addNeed(need) {
      const { index, weights } = this;
      const worth = Math.max(...need.map(([term, factor]) => factor * index.idf(term)));
      this.need.fill(0);
      this.share.fill(0);
      for (const [term, factor] of need) {
        const list = index.postings(term);
        const value = factor * index.idf(term);
        for (let i = 0; i < list.length; i++) {
          const section = list.sections[i];
          const gain = value * (list.weights[i] + list.titled[i] * weights.title);
          this.need[section] = Math.max(this.need[section], gain);
          this.share[section] = Math.max(this.share[section], factor);
          if (list.titled[i]) this._passOn(section, value * weights.around);
        }
      }
      for (let section = 0; section < index.count; section++) {
        this.sums[section] += this.need[section];
        this.met[section] += worth * this.share[section];
      }
      return worth;
    }

    /** A term in a title speaks for the sections within, too. */
    _passOn(section, gain) {
      for (let within = section + 1; within < this.index.end[section]; within++) {
        this.need[within] = Math.max(this.need[within], gain);
        this.share[within] = Math.max(this.share[within], this.weights.aroundMeets);
      }
    }

    _addBond(bond) {
      const list = this.index.postings(bond);
      const value = this.weights.bond * this.index.idf(bond);
      for (let i = 0; i < list.length; i++)
        if (this.met[list.sections[i]]) this.sums[list.sections[i]] += value * list.weights[i];
    }

    /** The sections with a score, best first; beyond those that are looked at in no order. */
    _candidates() {
      const { sums } = this;
      const best = sums.reduce((most, sum) => Math.max(most, sum), 0);
      const found = [];
      for (let section = 0; section < sums.length; section++)
        if (sums[section] > LEAST * best) found.push(section);
      const order = (a, b) => sums[b] - sums[a] || a - b;
      if (found.length <= LOOKED_AT) return found.sort(order);
      const least = Float32Array.from(found, (section) => sums[section]).sort().at(-LOOKED_AT);
      const first = found.filter((section) => sums[section] >= least).sort(order);
      return [...first, ...found.filter((section) => sums[section] < least)];
    }

    /** What a title adds that is, or is like, the query. */
    _likeTitle(section, { text, guess, meant, needs }, total) {
      const { own, whole } = this._title(section);
      const { like, within, same } = this.weights;
      const wish = squeezed(guess && needs.length < 2 ? guess : meant || text);
      const likeness = Math.max(dice(wish, own), dice(wish, whole));
      let share = like * likeness;
      if (own && (own === wish || whole === wish)) share += same;
      else if (wish.length > 1 && own.includes(wish)) share += within;
      return share * total;
    }

    _title(section) {
      if (!this.titles.has(section)) {
        const own = squeezed(fold(this.index.titles[section]));
        const above = squeezed(fold(this.index.above(section).join("")));
        this.titles.set(section, { own, whole: above + own });
      }
      return this.titles.get(section);
    }
  }

  const squeezed = (text) => text.replace(/\s+/g, "");

  /** How much two texts share, between 0 and 1: Dice's coefficient of their bigrams. */
  function dice(one, other) {
    const [here, there] = [one, other].map((text) => new Set(bigrams(Array.from(text))));
    let shared = 0;
    for (const pair of here) if (there.has(pair)) shared++;
    return (2 * shared) / (here.size + there.size || 1);
  }

  Object.assign(window.sphinxzhSearch, { Ranker });
})();
