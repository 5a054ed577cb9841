// The owner's pages: other pages lead here from now on, and paths of seeds complete what is typed.
(() => {
  try {
    const { root } = document.documentElement.dataset;
    localStorage.setItem(`owner of ${new URL(root, location.href).pathname}`, "1");
  } catch {
    // The browser keeps nothing; the address still works.
  }
  const field = document.getElementById("q");
  const offered = document.getElementById("paths");
  if (!field || !offered) return;
  let latest = "";
  async function offer() {
    const words = field.value.trim();
    if (words === latest) return;
    latest = words;
    if (!words || /^https?:/.test(words)) return offered.replaceChildren();
    try {
      const answer = await fetch(`paths?q=${encodeURIComponent(words)}`);
      const found = answer.ok ? await answer.json() : [];
      if (words === latest) offered.replaceChildren(...found.map((value) => Object.assign(document.createElement("option"), { value })));
    } catch {
      // The field works without it.
    }
  }
  let waiting;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(offer, 120);
  });
})();
