/* The report's map and the table of the same items, for those who cannot use a canvas.
 * Titles come from anyone: they only ever reach textContent. */
import { createMap } from "./map.js";

const ROWS = 20;
const place = document.getElementById("taste-map");
const tableBox = document.getElementById("map-table");
const data = JSON.parse(document.getElementById("map-data").textContent);
place.hidden = tableBox.hidden = false;
const map = createMap(place, data, { label: "Map of taste", describedBy: "map-about" });

const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};
const whole = new Intl.NumberFormat("en");
const signed = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "exceptZero" });
const showSigned = (value) => signed.format(value).replace("-", "\u2212");
const foldAccents = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

const columns = [
  { name: "title", values: data.title, text: true },
  { name: "ratings", values: data.count, show: (value) => whole.format(value), down: true },
  ...(data.colour.bias ? [{ name: "bias", values: data.colour.bias.values, show: showSigned, down: true }] : []),
  ...Object.entries(data.coords).map(([name, values]) => ({ name: `component ${name}`, values, show: showSigned, down: true })),
];
const shown = { by: columns[1], down: true, page: 0, query: "", chosen: null };
const searchable = data.title.map(foldAccents);

const query = make("input", { type: "search", placeholder: "Filter by title", "aria-label": "Filter the table by title", autocomplete: "off", spellcheck: "false" });
const all = make("button", { type: "button", class: "quiet" }, "Show all items");
const found = make("p", { role: "status", class: "found" });
const body = make("tbody");
const heads = columns.map((column) => {
  const button = make("button", { type: "button" }, column.name);
  const head = make("th", column.text ? { scope: "col" } : { scope: "col", class: "n" }, button);
  button.addEventListener("click", () => {
    const down = shown.by === column ? !shown.down : Boolean(column.down);
    show({ by: column, down, page: 0 });
  });
  return head;
});
const table = make("table", { class: "ranking" }, make("caption", {}, "The items of the map"), make("thead", {}, make("tr", {}, ...heads)), body);
const [before, after] = ["Previous", "Next"].map((text) => make("button", { type: "button" }, text));
tableBox.append(
  make("div", { class: "filter" }, query, all, found),
  make("div", { class: "scroller", role: "region", "aria-label": "The items of the map", tabindex: "0" }, table),
  make("div", { class: "pages" }, before, after),
);

const letters = new Intl.Collator("en", { numeric: true });
const compare = (column) => column.text ? (i, j) => letters.compare(column.values[i], column.values[j]) : (i, j) => column.values[i] - column.values[j];
let orderOf = {};
function order() {
  if (orderOf.column !== shown.by) {
    orderOf = { column: shown.by, up: [...data.title.keys()].sort(compare(shown.by)) };
  }
  return shown.down ? [...orderOf.up].reverse() : orderOf.up;
}

function show(changes = {}) {
  Object.assign(shown, changes);
  const words = foldAccents(shown.query).split(/\s+/).filter(Boolean);
  const chosen = shown.chosen && new Set(shown.chosen);
  const rows = order().filter((i) => (!chosen || chosen.has(i)) && words.every((word) => searchable[i].includes(word)));
  const last = Math.max(0, Math.ceil(rows.length / ROWS) - 1);
  shown.page = Math.min(shown.page, last);
  const start = shown.page * ROWS;
  body.replaceChildren(...rows.slice(start, start + ROWS).map((i) => {
    const find = make("button", { type: "button", class: "quiet", title: "Show on the map" }, data.title[i]);
    find.addEventListener("click", () => {
      map.focus(i);
      place.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    });
    const cells = columns.slice(1).map((column) => make("td", { class: "n" }, column.show(column.values[i])));
    return make("tr", {}, make("th", { scope: "row", dir: "auto" }, find), ...cells);
  }));
  heads.forEach((head, at) => {
    if (columns[at] === shown.by) head.setAttribute("aria-sort", shown.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
  const to = Math.min(rows.length, start + ROWS);
  found.textContent = rows.length ? `${whole.format(start + 1)} to ${whole.format(to)} of ${whole.format(rows.length)}${chosen ? " chosen on the map" : ""}` : "No title fits";
  before.disabled = shown.page === 0;
  after.disabled = shown.page === last;
  all.hidden = !chosen && !shown.query;
}

query.addEventListener("input", () => show({ query: query.value, page: 0 }));
before.addEventListener("click", () => show({ page: shown.page - 1 }));
after.addEventListener("click", () => show({ page: shown.page + 1 }));
all.addEventListener("click", () => {
  query.value = "";
  map.select([]);
  show({ query: "", chosen: null, page: 0 });
});
map.on("select", (indices) => show({ chosen: indices.length ? indices : null, page: 0 }));
show();
