/* The map of taste, part 2 of 4: the pieces of page around the drawing, which
 * are the search box, the legend, the card and the list of chosen items. Each
 * function builds elements from values and reports back through callbacks.
 *
 * Titles come from anyone, so text only ever reaches textContent, never markup;
 * and styles are set through the style object, which a strict content policy
 * allows where it forbids style attributes.
 */

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

const ICONS = {
  lasso: "M10 3.5c4.1 0 7 2 7 4.7s-2.9 4.7-7 4.7-7-2-7-4.7 2.9-4.7 7-4.7zM6.2 12.2c-1.5.8-2 1.8-1.3 2.7.7.9 2 .6 2.2-.5M4.9 14.9c.2 1-.4 1.8-1.4 2.1",
  out: "M4.5 10h11",
  in: "M4.5 10h11M10 4.5v11",
  reset: "M4 7.5V4h3.5M12.5 4H16v3.5M16 12.5V16h-3.5M7.5 16H4v-3.5",
};

export function iconButton(name, title) {
  const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return el("button", { type: "button", class: `tm-button tm-${name}`, title, "aria-label": title }, svg);
}

/** A quiet native select; returns it and the element to place. */
export function chooser(cls, label, entries) {
  const select = el("select", { class: "tm-select", "aria-label": label }, ...entries.map(([value, text]) => el("option", { value }, text)));
  return [select, el("span", { class: `tm-choice ${cls}` }, select)];
}

/* ---- search: the combobox pattern -----------------------------------------
 * The focus stays in the box; aria-activedescendant walks the list. */
const HITS = 8;
const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

export function createSearch({ titles, order, note, uid, onPick, announce }) {
  const input = el("input", {
    class: "tm-input", type: "text", role: "combobox", placeholder: "Find on the map", "aria-label": "Find on the map",
    "aria-expanded": "false", "aria-controls": `${uid}-hits`, "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false",
  });
  const list = el("ul", { class: "tm-hits", role: "listbox", id: `${uid}-hits`, "aria-label": "Titles found", hidden: true });
  let [folded, found, active] = [null, [], -1];

  /** Best first: titles that start with the query, have a word that starts so, contain it; the most rated first in each. */
  function find(text) {
    folded ??= titles.map(fold);
    const query = fold(text.trim());
    const words = query.split(/\s+/).filter(Boolean);
    const tiers = [[], [], []];
    for (const i of words.length ? order : []) {
      if (!words.every((word) => folded[i].includes(word))) continue;
      const asWords = ` ${folded[i].replace(/[^\p{L}\p{N}]+/gu, " ")}`;
      const tier = folded[i].startsWith(query) ? 0 : asWords.includes(` ${words[0]}`) ? 1 : 2;
      if (tiers[tier].length < HITS) tiers[tier].push(i);
      if (tiers[0].length === HITS) break;
    }
    return tiers.flat().slice(0, HITS);
  }

  function show(shown) {
    list.hidden = !shown;
    input.setAttribute("aria-expanded", String(shown && found.length > 0));
    found.forEach((_, at) => list.children[at].setAttribute("aria-selected", String(at === active)));
    if (shown && active >= 0) input.setAttribute("aria-activedescendant", `${uid}-hit${active}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function suggest() {
    const asked = input.value.trim() !== "";
    found = find(input.value);
    active = found.length ? 0 : -1;
    list.replaceChildren(...found.map((i, at) => {
      const hit = el("li", { role: "option", id: `${uid}-hit${at}`, class: "tm-hit" }, el("span", { dir: "auto" }, titles[i]), el("span", { class: "tm-count" }, note(i)));
      hit.addEventListener("pointerdown", (event) => event.preventDefault()); // or the box would lose the focus
      hit.addEventListener("click", () => pick(i));
      return hit;
    }));
    if (!found.length) list.append(el("li", { class: "tm-none" }, "No title found"));
    show(asked);
    if (asked) announce(found.length ? `${found.length} ${found.length === 1 ? "suggestion" : "suggestions"}` : "No title found");
  }

  function pick(i) {
    input.value = titles[i];
    show(false);
    onPick(i);
  }

  input.addEventListener("input", suggest);
  input.addEventListener("focus", () => input.select());
  input.addEventListener("blur", () => show(false));
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) {
      active = list.hidden ? active : (active + step + found.length) % found.length;
      show(true);
    } else if (event.key === "Enter" && found.length && !list.hidden) {
      pick(found[active]);
    } else if (event.key === "Escape") {
      if (list.hidden) input.value = "";
      show(false);
    } else {
      return;
    }
    event.preventDefault();
  });
  return { box: el("div", { class: "tm-search" }, input, list), input };
}

/* ---- legend ---- */

/** The key of the colours: a ramp with its ends, or one button per category that shows it alone. */
export function colourKey(legend, format, isolated, onIsolate) {
  if (legend.kind === "number") {
    const bar = el("div", { class: "tm-ramp" });
    bar.style.background = `linear-gradient(to right, ${legend.stops.join(", ")})`;
    const marks = legend.diverging ? [legend.low, 0, legend.high] : [legend.low, legend.high];
    return [bar, el("div", { class: "tm-ends" }, ...marks.map((value) => el("span", {}, format(value))))];
  }
  const chips = (legend.entries || []).map(({ label, colour, group }) => {
    const dot = el("span", { class: "tm-dot" });
    dot.style.background = colour;
    const chip = el("button", { type: "button", class: "tm-chip", "aria-pressed": String(group === isolated) }, dot, label);
    chip.addEventListener("click", () => {
      const on = chip.getAttribute("aria-pressed") !== "true";
      chips.forEach((other) => other.setAttribute("aria-pressed", String(on && other === chip)));
      onIsolate(on ? group : null, label);
    });
    return chip;
  });
  return chips;
}

/** Three circles from the fewest to the most ratings. */
export function sizeKey(fewest, most, size, format) {
  const round = (value) => Number(value.toPrecision(1));
  const steps = [...new Set([fewest, Math.sqrt(fewest * most), most].map((value) => round(Math.max(1, value))))];
  return [...steps.map((count) => {
    const dot = el("span", { class: "tm-size" });
    dot.style.width = dot.style.height = `${2 * size(Math.min(count, most))}px`;
    return el("span", {}, dot, format(count));
  }), "ratings"];
}

/* ---- card and list ---- */

export function cardContent(title, rows, href) {
  const lines = rows.map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", { dir: "auto" }, value)));
  const link = href ? [el("a", { class: "tm-open", href }, "Open its page")] : [];
  return [el("div", { class: "tm-title", dir: "auto" }, title), el("dl", {}, ...lines), ...link];
}

const LISTED = 200; // more rows than this is a table's job

export function chosenList(items, { title, note, format, onPick, onClear }) {
  const clear = el("button", { type: "button", class: "tm-button tm-close", "aria-label": "Clear the selection" }, "Clear");
  clear.addEventListener("click", onClear);
  const rows = items.slice(0, LISTED).map((i) => {
    const row = el("button", { type: "button", class: "tm-row" }, el("span", { dir: "auto" }, title(i)), el("span", { class: "tm-count" }, note(i)));
    row.addEventListener("click", () => onPick(i));
    return el("li", {}, row);
  });
  if (items.length > LISTED) rows.push(el("li", { class: "tm-more" }, `and ${format(items.length - LISTED)} with fewer ratings`));
  return [el("div", { class: "tm-head" }, el("strong", {}, `${format(items.length)} chosen`), clear), el("ol", {}, ...rows)];
}
