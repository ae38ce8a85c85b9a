"use strict";

for (const area of document.querySelectorAll(".sortable")) {
  const body = area.querySelector("tbody");
  const heads = [...area.querySelectorAll("thead th")];
  const field = area.querySelector("input");
  const count = area.querySelector("output");

  const key = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
  const compare = (a, b) =>
    a !== "" && b !== "" && !isNaN(a) && !isNaN(b) ? a - b : a.localeCompare(b, "en", { numeric: true });

  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const first = head.classList.contains("number") ? "descending" : "ascending"; // most of what is counted
      const other = first === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const rows = [...body.rows].sort((a, b) => sign * compare(key(a, column), key(b, column)));
      body.append(...rows);
    });
  });

  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    const shown = [...body.rows].filter((row) => !row.hidden).length;
    count.textContent = field.value ? `${shown} of ${body.rows.length} rows` : "";
  });
}

for (const area of document.querySelectorAll(".heat")) {
  const told = area.parentElement.querySelector(".chosen");
  area.addEventListener("click", (event) => {
    const square = event.target.closest("button");
    if (!square) return;
    area.querySelector("[aria-pressed]")?.removeAttribute("aria-pressed");
    square.setAttribute("aria-pressed", "true");
    told.textContent = square.title;
  });
}
