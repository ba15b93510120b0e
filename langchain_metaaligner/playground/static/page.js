// Marks the regions whose changes a screen reader tells, and lets keys vote.
(() => {
  const mark = () => {
    for (const region of document.querySelectorAll(".ma-live[id]:not([aria-live])")) {
      region.setAttribute("aria-live", "polite");
      region.setAttribute("role", "status");
    }
    // Gradio puts the copy button into the label, which then names the button and not the text.
    for (const text of document.querySelectorAll("label textarea:not([aria-label])")) {
      const label = text.closest("label");
      if (label.control !== text) {
        const name = label.querySelector("[data-testid=block-info]");
        text.setAttribute("aria-label", (name ?? label).innerText.trim());
      }
    }
    for (const group of document.querySelectorAll("fieldset:not([aria-label])")) {
      const name = group.querySelector("[data-testid=block-info]");
      if (name) group.setAttribute("aria-label", name.innerText.trim());
    }
    document.querySelector("main")?.setAttribute("aria-label", "MetaAligner playground");
  };
  new MutationObserver(mark).observe(document, { childList: true, subtree: true });
  const keys = { 1: "vote-left", 2: "vote-equal", 3: "vote-right", 0: "vote-undo" };
  document.addEventListener("keydown", (event) => {
    const writes = event.target.closest?.("input:not([type=checkbox]), textarea, [contenteditable]");
    if (writes || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const button = keys[event.key] && document.getElementById(keys[event.key]);
    if (button && button.offsetParent) {
      event.preventDefault();
      button.click();
    }
  });
})();
