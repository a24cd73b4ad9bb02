/* Splits a query for Sphinx's own search page, which looks for what this gives word by word.  A run of Han
 * becomes the fewest words of the page's index that make it up; characters outside any word are left out, since
 * the index has words of two and more characters only, unless nothing would be left. */
var splitQuery = (query) => {
  const PIECE = /\p{Script=Han}+|(?:(?!\p{Script=Han})[\p{Letter}\p{Number}_\p{Emoji_Presentation}])+/gu;
  const IS_HAN = /^\p{Script=Han}/u;
  const LONGEST = 12;
  const { terms, titleterms } = Search._index;
  const stop = new Set(stopwords); // which are an array in Sphinx 8
  const isTerm = (word) => Object.hasOwn(terms, word) || Object.hasOwn(titleterms, word) || stop.has(word);

  /** The words of a run: skipping a character costs as much as two words. */
  const words = (run) => {
    const characters = Array.from(run);
    const best = [{ cost: 0, found: [] }];
    for (let end = 1; end <= characters.length; end++) {
      best[end] = { cost: best[end - 1].cost + 2, found: best[end - 1].found };
      for (let start = Math.max(0, end - LONGEST); start < end - 1; start++) {
        const word = characters.slice(start, end).join("");
        if (best[start].cost + 1 < best[end].cost && isTerm(word))
          best[end] = { cost: best[start].cost + 1, found: [...best[start].found, word] };
      }
    }
    return best[characters.length].found;
  };

  const pieces = query.match(PIECE) ?? [];
  const found = pieces.flatMap((piece) => (IS_HAN.test(piece) ? words(piece) : [piece]));
  return found.length ? found : pieces;
};
