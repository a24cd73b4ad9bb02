/* What the box and the panel say.
 *
 * The rule: in the characters of the page's own language, as its `lang` tells: Taiwan, Hong Kong, Macau and Hant
 * read traditional ones. */
"use strict";

(() => {
  const HANS = {
    search: "搜索",
    results: "搜索结果",
    top: "（页首）",
    broken: "搜索索引载入失败。",
    count: (total, shown) => (total > shown ? `${total} 处，先列 ${shown} 处` : `${total} 处`),
    found: (count) => `找到 ${count}`,
    spoken: (meant, count) => `“${meant}”（拼音）：${count}`,
    guessed: (query, guess, count) => `没有“${query}”。猜你想找“${guess}”：${count}`,
    nothing: (query) => `没有找到“${query}”。换一个词，或少写几个字试试。`,
  };
  const HANT = {
    search: "搜尋",
    results: "搜尋結果",
    top: "（頁首）",
    broken: "搜尋索引載入失敗。",
    count: (total, shown) => (total > shown ? `${total} 處，先列 ${shown} 處` : `${total} 處`),
    found: (count) => `找到 ${count}`,
    spoken: (meant, count) => `「${meant}」（拼音）：${count}`,
    guessed: (query, guess, count) => `沒有「${query}」。猜你想找「${guess}」：${count}`,
    nothing: (query) => `沒有找到「${query}」。換一個詞，或少寫幾個字試試。`,
  };
  const isTraditional = /^zh[-_](tw|hk|mo|hant)/i.test(document.documentElement.lang);
  window.sphinxzhSearch = { phrases: isTraditional ? HANT : HANS };
})();
