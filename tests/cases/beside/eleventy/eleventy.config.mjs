export default function (eleventy) {
  eleventy.addPreprocessor("drafts", "*", (data) => (data.draft ? false : undefined));
  eleventy.addFilter("rfc822", (date) => date.toUTCString());
  eleventy.addPairedShortcode("callout", (content) => `<div>${content}</div>`);
}
