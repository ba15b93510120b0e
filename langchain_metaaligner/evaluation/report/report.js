// Filters and sorts the answers, which stand in the page as it is; without it they can all be opened.
(() => {
  const list = document.querySelector(".rows");
  if (!list) return;
  const rows = [...list.children];
  const [text, decision, order] = ["find", "decision", "order"].map((id) => document.getElementById(id));
  const shown = document.getElementById("shown");
  const number = (row, name) => (row.dataset[name] === "" ? null : Number(row.dataset[name]));
  const orders = {
    row: ["place", 1], gain: ["gain", -1], loss: ["gain", 1], longer: ["length", -1], shorter: ["length", 1],
  };
  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const kinds = row.dataset.kinds.split("|");
      const said = row.textContent.toLowerCase();
      row.hidden = (decision.value && !kinds.includes(decision.value)) || words.some((word) => !said.includes(word));
      count += row.hidden ? 0 : 1;
    }
    shown.textContent = `${count.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
  };
  const sort = () => {
    const [name, sign] = orders[order.value];
    const value = (row) => number(row, name);
    const sorted = [...rows].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === null || y === null) return (x === null) - (y === null);
      return sign * (x - y) || number(a, "place") - number(b, "place");
    });
    list.append(...sorted);
  };
  text.addEventListener("input", filter);
  decision.addEventListener("change", filter);
  order.addEventListener("change", sort);
  document.getElementById("open").addEventListener("click", () => {
    const visible = rows.filter((row) => !row.hidden);
    const open = !visible.every((row) => row.open);
    for (const row of visible) row.open = open;
  });
  document.querySelector(".tools").hidden = false;
  filter();
})();
