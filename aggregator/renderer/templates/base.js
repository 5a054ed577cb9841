"use strict";
// What every page can do that has a script: ages, pictures that fail, links on a disk, and the way to the owner's page.
const page = (() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const { root } = document.documentElement.dataset;

  // -- ages

  const counted = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
  const exact = (moment) =>
    moment.toLocaleString(undefined, { year: "numeric", month: "long", day: "numeric", hour: "numeric", minute: "2-digit", timeZoneName: "short" });

  function age(seconds) {
    if (seconds < -60 || seconds >= 30 * 86400) return "";
    if (seconds < 60) return "just now";
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
    return `${counted(Math.floor(seconds / 86400), "day")} ago`;
  }

  function countdown(seconds) {
    if (seconds >= 100 * 86400) return "";
    if (seconds <= 0) return "now";
    const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
    if (days) return `in ${counted(days, "day")} ${hours} h`;
    if (hours) return `in ${hours} h ${minutes} min`;
    return minutes ? `in ${minutes} min ${Math.floor(seconds) % 60} s` : `in ${Math.floor(seconds)} s`;
  }

  function showTimes(within = document) {
    for (const time of all("time", within)) {
      time.written ??= time.textContent;
      const moment = new Date((time.dateTime || time.written).replace(" ", "T"));
      if (Number.isNaN(moment.getTime())) continue;
      time.title ||= exact(moment);
      const seconds = (Date.now() - moment) / 1000;
      const words = time.classList.contains("until") ? countdown(-seconds) : age(seconds);
      if ((words || time.written) !== time.textContent) time.textContent = words || time.written;
    }
  }

  // -- pictures that fail

  function hideFailed({ target }) {
    if (target.localName === "img" && target.getAttribute("src")) target.hidden = true;
  }
  document.addEventListener("error", hideFailed, true);

  // -- the owner

  // Whoever has seen the status page finds it again from every page.
  function offerStatus() {
    if (location.protocol === "file:" || location.pathname.includes("/-/")) return;
    try {
      if (!localStorage.getItem(`owner of ${new URL(root, location.href).pathname}`)) return;
    } catch {
      return;
    }
    const line = document.createElement("p");
    line.append(Object.assign(document.createElement("a"), { href: `${root}-/status`, textContent: "Status" }));
    document.querySelector("footer")?.append(line);
  }

  // From a disk there is no server that answers a folder with its index.html.
  for (const link of all("a[href]")) if (link.protocol === "file:" && link.pathname.endsWith("/")) link.pathname += "index.html";

  // Other scripts call it once they have seen the page as it came.
  function start() {
    offerStatus();
    showTimes();
    setInterval(() => showTimes(), document.querySelector(".until") ? 1000 : 20000);
  }

  return { all, counted, root, hideFailed, showTimes, start };
})();
