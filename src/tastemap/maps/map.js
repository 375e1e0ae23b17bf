/* The map of taste, part 4 of 4: state, movement and selection, and the one function to call.
 * The header of map-view.js says how to serve or inline the four files.
 *
 *   const map = createMap(container, data, options)
 *
 * data     { title[], count[], coords: {name: number[]}, axis_labels: {name: text},
 *            colour: {name: {kind: "number" | "category", values[], label}}, fields: {name: []},
 *            label: {index: shorter title to draw}, id[], x, y (axes to start with),
 *            items: what they are, such as "films" (a number is ignored) }; null is "not known"
 * options  { onOpen(index), href(index): address the card of a chosen item links to,
 *            highlight: [index], colour: name, aspect: "fill" | "equal",
 *            label: accessible name, describedBy: id of an element describing the map }
 * map      setAxes(x, y), setColour(name | null), focus(index | null), select(indices), reset(),
 *          setMark({label, at: {component: number}} | null): a place that is no item, such as a user's;
 *          it glides from where it was,
 *          refresh() after the page's theme changed, state(), locate(index), destroy(), and on(event, fn) -> off()
 *          with events "select" (indices), "focus" (index | null), "axes" (x, y), "colour" (name).
 */
import { Grid, Labels, colourise, createRenderer, drawAxes } from "./map-view.js";
import { followHands } from "./map-gestures.js";
import { cardContent, chooser, chosenList, colourKey, createSearch, el, iconButton, sizeKey } from "./map-parts.js";

const MAX_ZOOM = 96;
const [REACH, FINGER] = [16, 26]; // pixels from a point that still count as on it
let maps = 0; // several maps on one page need distinct ids

function check(data) {
  const n = data.title.length;
  const columns = { id: data.id, count: data.count, ...data.coords };
  for (const [name, column] of Object.entries(data.colour || {})) columns[`colour ${name}`] = column.values;
  for (const [name, values] of Object.entries({ ...columns, ...data.fields })) {
    if (values && values.length !== n) throw new Error(`map data: ${name} has ${values.length} values for ${n} titles`);
  }
  for (const [name, values] of Object.entries(data.coords)) {
    if (!values.every(Number.isFinite)) throw new Error(`map data: coords ${name} must be finite numbers`);
  }
  if (!Object.keys(data.coords).length) throw new Error("map data: coords has no component");
  return n;
}

function known(columns, name, what) {
  if (!Object.hasOwn(columns, name)) throw new RangeError(`no ${what} ${name} on the map`);
  return String(name);
}

export function createMap(container, data, options = {}) {
  const n = check(data);
  const names = Object.keys(data.coords);
  const colours = data.colour || {};
  const titles = data.title.map(String);
  const counts = data.count || new Array(n).fill(1);
  const byCount = Uint32Array.from(titles.keys()).sort((a, b) => counts[b] - counts[a] || a - b);
  const uid = `tm${++maps}`;
  const aborter = new AbortController();
  const listen = (target, types, fn, extra) => types.split(" ").forEach((type) => target.addEventListener(type, fn, { signal: aborter.signal, ...extra }));
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const numbers = (style) => new Intl.NumberFormat(document.documentElement.lang || "en", style);
  const number = numbers();
  const signed = numbers({ minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "exceptZero" });
  const plain = numbers({ maximumFractionDigits: 2, useGrouping: "min2" }); // 1999 is a year, not 1,999
  const noun = typeof data.items === "string" ? data.items : "items";
  const minus = (text) => text.replace("-", "\u2212");
  const formats = Object.fromEntries(Object.entries(colours).map(([name, { kind, values }]) => [name, kind === "number" && values.some((value) => value < 0) ? signed : plain]));
  const axisLabel = (name) => data.axis_labels?.[name] ?? `Component ${name}`;
  const ratings = (i) => `${number.format(counts[i])} ${counts[i] === 1 ? "rating" : "ratings"}`;

  /* ---- page elements ---- */
  const live = el("div", { class: "tm-live", role: "status", "aria-live": "polite" });
  const announce = (text) => { live.textContent = text; };
  const search = createSearch({
    titles, order: byCount, uid, announce, note: (i) => number.format(counts[i]),
    onPick(i) {
      focus(i);
      announce(`Found ${titles[i]}, ${ratings(i)}`);
    },
  });
  const tools = {
    lasso: iconButton("lasso", "Lasso: draw around items (or shift-drag)"),
    out: iconButton("out", "Zoom out"),
    in: iconButton("in", "Zoom in"),
    reset: iconButton("reset", "Show everything"),
  };
  tools.lasso.setAttribute("aria-pressed", "false");
  const [pickX, boxX] = chooser("tm-x", "Horizontal axis", names.map((name) => [name, `${axisLabel(name)} \u2192`]));
  const [pickY, boxY] = chooser("tm-y", "Vertical axis", names.map((name) => [name, `\u2191 ${axisLabel(name)}`]));
  const [pickColour, boxColour] = chooser("tm-colour", "Colour", Object.entries(colours).map(([name, column]) => [name, column.label || name]));
  const [back, points, front] = ["tm-back", "tm-points", "tm-front"].map((cls) => el("canvas", { class: cls, "aria-hidden": "true" }));
  const card = el("div", { class: "tm-card", hidden: true });
  const plot = el("div", {
    class: "tm-plot", tabindex: "0", role: "application", "aria-roledescription": "scatter map", "aria-describedby": options.describedBy,
    "aria-label": `${number.format(n)} ${noun}. Arrow keys pan, plus and minus zoom, zero shows everything, slash searches.`,
  }, points, front, card);
  const list = el("aside", { class: "tm-list", "aria-label": `Chosen ${noun}`, hidden: true });
  const scale = el("div", { class: "tm-scale" });
  const sizes = el("div", { class: "tm-sizes", "aria-hidden": "true" });
  const before = { role: container.getAttribute("role"), "aria-label": container.getAttribute("aria-label") };
  container.classList.add("tastemap-map");
  container.setAttribute("role", "group");
  container.setAttribute("aria-label", options.label || before["aria-label"] || "Map of taste");
  container.replaceChildren(
    el("div", { class: "tm-bar" }, search.box, el("div", { class: "tm-tools", role: "group", "aria-label": "View" }, ...Object.values(tools))),
    el("div", { class: "tm-stage" }, back, boxY, plot, boxX, list),
    el("div", { class: "tm-legend" }, el("div", { class: "tm-key" }, Object.keys(colours).length ? boxColour : "", scale), sizes),
    live,
  );

  /* ---- state ---- */
  const ears = {};
  const emit = (event, ...values) => (ears[event] || []).forEach((fn) => fn(...values));
  let axes = { x: known(data.coords, data.x ?? names[0], "component"), y: known(data.coords, data.y ?? names[1] ?? names[0], "component") };
  let colour = options.colour ?? Object.keys(colours)[0] ?? null;
  if (colour !== null) known(colours, colour, "colour");
  const whole = () => ({ x: 0, y: 0, s: 1 }); // s is 1 / zoom: see step()
  let view = whole();
  let goal = whole();
  let hurry = 70; // time constant of the easing, in milliseconds
  let [hovered, focused, pinned] = [-1, -1, -1];
  let selected = [];
  let isolated = null; // category picked in the legend
  const highlight = (options.highlight || []).filter((i) => i >= 0 && i < n);
  let mark = null; // { label, at, from, start }: see setMark
  let lit = new Uint8Array(n); // 255 where an item is shown in full, 0 where it is faded
  const isLit = (i) => lit[i] > 0;
  let theme, painted, grid, labels, bounds, radius;
  let positions = new Float32Array(2 * n);
  let [morph, morphStart] = [1, 0];
  let drawn = []; // rectangles of the labels on screen, for state()
  let [frameAsked, lastTime] = [0, 0];
  const frame = { width: 0, height: 0, ratio: 1 };
  const renderer = createRenderer(points, () => ask());
  // Points of a crowded map are more transparent, and gain body as zooming in pulls them apart.
  const fill = (zoom) => Math.min(0.68, Math.max(0.38, 0.66 - 0.27 * Math.log10(n / 6000)) + 0.08 * Math.log2(zoom));
  const grow = (zoom) => Math.min(zoom ** 0.22, 2.6);

  function ask() {
    frameAsked ||= requestAnimationFrame(render);
  }

  /* ---- geometry ---- */
  function place() {
    const column = (name) => {
      const [low, high] = data.coords[name].reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [0, 0]);
      return { middle: (low + high) / 2, half: (high - low) / 2 || 1 };
    };
    bounds = { x: column(axes.x), y: column(axes.y) };
    const next = new Float32Array(2 * n);
    for (let i = 0; i < n; i++) {
      next[2 * i] = (data.coords[axes.x][i] - bounds.x.middle) / bounds.x.half;
      next[2 * i + 1] = (data.coords[axes.y][i] - bounds.y.middle) / bounds.y.half;
    }
    const first = !grid;
    renderer.set({ from: first ? next : positions, to: next });
    positions = next;
    grid = new Grid(positions);
    [morph, morphStart] = first || calm.matches ? [1, 0] : [0, performance.now()];
    pickX.value = axes.x;
    pickY.value = axes.y;
  }

  function measure() {
    const [width, height] = [plot.clientWidth, plot.clientHeight];
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    if (width === frame.width && height === frame.height && ratio === frame.ratio) return;
    Object.assign(frame, { width, height, ratio });
    for (const [canvas, w, h] of [[points, width, height], [front, width, height], [back, back.clientWidth, back.clientHeight]]) {
      canvas.width = Math.round(w * ratio);
      canvas.height = Math.round(h * ratio);
    }
    // Area grows with log(count); the whole set shrinks as the map gets crowded.
    const largest = Math.min(10, Math.max(4.4, 0.98 * Math.sqrt((width * height) / n)));
    const smallest = Math.max(1.1, largest / 5);
    const [fewest, most] = [counts[byCount[n - 1]] || 0, counts[byCount[0]] || 0];
    const [low, high] = [Math.log1p(fewest), Math.log1p(most)];
    const size = (count) => Math.sqrt(smallest ** 2 + (largest ** 2 - smallest ** 2) * ((Math.log1p(count) - low) / (high - low || 1)));
    radius = Float32Array.from(counts, size);
    renderer.set({ radius });
    sizes.replaceChildren(...sizeKey(fewest, most, size, number.format));
    relabel();
    cancelAnimationFrame(frameAsked); // a resized canvas is blank: draw before the browser paints
    render(performance.now());
  }

  function fit(zoom) {
    let [sx, sy] = [(frame.width / 2) * 0.92, (frame.height / 2) * 0.94];
    if (options.aspect === "equal") {
      const unit = Math.min(sx / bounds.x.half, sy / bounds.y.half);
      [sx, sy] = [unit * bounds.x.half, unit * bounds.y.half];
    }
    return Object.assign(frame, { sx: sx * zoom, sy: sy * zoom, x: view.x, y: view.y, grow: grow(zoom), fill: fill(zoom) });
  }
  function relabel() {
    if (!frame.width) return;
    labels.restart(positions, fit(1), radius);
    fit(1 / view.s);
  }

  const toScreen = (u, v) => [frame.width / 2 + (u - view.x) * frame.sx, frame.height / 2 - (v - view.y) * frame.sy];
  const toMap = (x, y) => [view.x + (x - frame.width / 2) / frame.sx, view.y - (y - frame.height / 2) / frame.sy];
  const pointAt = (i) => toScreen(positions[2 * i], positions[2 * i + 1]);
  const sizeOf = (i) => radius[i] * frame.grow;

  /** Where the mark is now, in pixels; null where one of the axes does not know it. */
  function markAt(time) {
    const share = calm.matches ? 1 : Math.min(1, (time - mark.start) / 900);
    const eased = 1 - (1 - share) ** 3;
    const on = (axis) => {
      const [to, from] = [mark.at[axes[axis]], mark.from[axes[axis]]];
      return ((from ?? to) + (to - (from ?? to)) * eased - bounds[axis].middle) / bounds[axis].half;
    };
    if (share < 1) ask();
    const [u, v] = [on("x"), on("y")];
    return Number.isFinite(u + v) ? toScreen(u, v) : null;
  }

  /* ---- movement ---- */
  function move(next, constant = 70) {
    const inside = (value) => Math.min(1, Math.max(-1, value));
    goal = { x: inside(next.x), y: inside(next.y), s: Math.min(1, Math.max(1 / MAX_ZOOM, next.s)) };
    hurry = calm.matches ? 0 : constant;
    if (!hurry) {
      view = { ...goal };
      fit(1 / view.s);
    }
    ask();
  }
  /** Zoom so that what is under (x, y) stays there. */
  function zoomAt(x, y, factor, constant) {
    const s = Math.min(1, Math.max(1 / MAX_ZOOM, goal.s / factor));
    const unit = { x: frame.sx * view.s, y: frame.sy * view.s }; // pixels per unit at zoom 1
    const [du, dv] = [(x - frame.width / 2) / unit.x, (frame.height / 2 - y) / unit.y];
    move({ x: goal.x + du * (goal.s - s), y: goal.y + dv * (goal.s - s), s }, constant);
  }
  function pan(dx, dy, constant) {
    move({ x: goal.x - dx / frame.sx, y: goal.y + dy / frame.sy, s: goal.s }, constant);
  }
  function reset() {
    move(whole(), 120);
  }
  /** Ease x, y and s with one factor: the fixed point of a zoom is linear in s, so it really stays fixed. */
  function step(elapsed) {
    const share = hurry ? 1 - Math.exp(-elapsed / hurry) : 1;
    for (const key of ["x", "y", "s"]) view[key] += (goal[key] - view[key]) * share;
    const rest = Math.abs(goal.x - view.x) * frame.sx + Math.abs(goal.y - view.y) * frame.sy + (Math.abs(goal.s - view.s) / goal.s) * 300;
    if (rest < 0.3) view = { ...goal };
    return rest >= 0.3;
  }

  /* ---- drawing ---- */
  function render(time) {
    frameAsked = 0;
    if (!frame.width) return;
    const moving = step(lastTime ? Math.min(50, Math.max(0, time - lastTime)) : 16);
    lastTime = time;
    if (moving) hover(-1);
    const t = morph < 1 ? Math.min(1, Math.max(0, (time - morphStart) / 700)) : 1;
    morph = t;
    fit(1 / view.s);
    renderer.draw({ ...frame, morph: t < 0.5 ? 4 * t ** 3 : 1 - (2 - 2 * t) ** 3 / 2, faded: theme.faded, rim: theme.rim });
    drawAxes(back.getContext("2d"), frame, [plot.offsetLeft, plot.offsetTop], bounds, theme);
    drawLabels(t);
    placeCard();
    plot.classList.toggle("tm-still", view.s === 1); // lets a finger scroll the page past a map shown whole
    if (moving || morph < 1 || labels.busy) {
      ask();
      return;
    }
    lastTime = 0;
    if (hands.pointer && !hands.pressed) hover(itemAt(...hands.pointer, REACH)); // something else may lie under it now
  }

  function drawLabels(t) {
    const pen = front.getContext("2d");
    pen.setTransform(frame.ratio, 0, 0, frame.ratio, 0, 0);
    pen.clearRect(0, 0, frame.width, frame.height);
    pen.lineJoin = "round";
    pen.textBaseline = "middle";
    drawn = [];
    const level = -2 * Math.log2(view.s) + 1e-6;
    const placed = labels.upTo(Math.floor(level), grow, performance.now() + 6);
    const place = mark && t === 1 ? markAt(performance.now()) : null;
    const here = place && isInside([...place, ...place]) ? place : null;
    const taken = here ? markBoxes(pen, here) : [];
    const overlap = (a, b) => a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];
    const clash = (a) => taken.some((b) => overlap(a, b)) || drawn.some(({ box }) => overlap(a, box));
    const write = (i, box, alpha, strong) => {
      pen.globalAlpha = alpha;
      pen.font = labels.fonts[strong ? 0 : labels.tier(i)];
      pen.lineWidth = 3.5;
      pen.strokeStyle = theme.back;
      pen.fillStyle = strong ? theme.ink : theme.label;
      pen.strokeText(labels.texts[i], box[0], (box[1] + box[3]) / 2);
      pen.fillText(labels.texts[i], box[0], (box[1] + box[3]) / 2);
    };
    const circle = (x, y, r, ink, width) => {
      pen.strokeStyle = ink;
      pen.lineWidth = width;
      pen.beginPath();
      pen.arc(x, y, r, 0, 7);
      pen.stroke();
    };
    // A mark comes first, then items somebody asked for; the map's own labels give way.
    const asked = t < 1 ? [] : [...new Set([focused, ...highlight])].filter((i) => i >= 0);
    for (const i of asked) {
      if (i === pinned && hovered < 0) continue; // its card is open and says the title
      const [x, y] = pointAt(i);
      pen.font = labels.fonts[0];
      const box = beside(x, y, sizeOf(i) + 9, pen.measureText(labels.texts[i]).width);
      if (!isInside([x, y, x, y]) || clash(box)) continue;
      drawn.push({ index: i, box });
      write(i, box, 1, true);
    }
    const fresh = Math.max(0, (t - 0.8) / 0.2); // no labels while points travel to other axes
    for (const i of placed) {
      if (!fresh || labels.level[i] > level || asked.includes(i) || !isLit(i)) continue;
      const [x, y] = pointAt(i);
      const box = labels.box(i, x, y, sizeOf(i));
      if (!isInside(box) || ((here || asked.length) && clash(box))) continue;
      drawn.push({ index: i, box });
      circle(x, y, sizeOf(i), theme.label, 1); // tells which of many points the name belongs to
      write(i, box, fresh * (labels.level[i] ? Math.min(1, 0.15 + (level - labels.level[i]) * 3) : 1), false);
    }
    pen.globalAlpha = 1;
    const ring = (i, ink) => {
      const [x, y] = pointAt(i);
      circle(x, y, sizeOf(i) + 3, theme.back, 5);
      circle(x, y, sizeOf(i) + 3, ink, 2);
    };
    if (t === 1) {
      highlight.forEach((i) => ring(i, theme.accent));
      if (hovered >= 0) ring(hovered, theme.ink);
      if (focused >= 0) ring(focused, theme.accent);
    }
    if (here) drawMark(pen, here, taken[1]);
    const { path } = hands;
    if (path?.length > 1) {
      pen.beginPath();
      path.forEach(([x, y], at) => (at ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      pen.closePath();
      pen.fillStyle = pen.strokeStyle = theme.accent;
      pen.lineWidth = 1.5;
      pen.globalAlpha = 0.1;
      pen.fill();
      pen.globalAlpha = 1;
      pen.stroke();
    }
  }

  const isInside = ([left, top, right, bottom]) => left >= 0 && top >= 0 && right <= frame.width && bottom <= frame.height;

  /** The rectangle of a name asked for, beside its point: where there is room, and never cut by the frame. */
  function beside(x, y, gap, width) {
    const left = x + gap + width > frame.width - 2 ? x - gap - width : x + gap;
    const start = Math.max(2, Math.min(left, frame.width - width - 2));
    const middle = Math.max(10, Math.min(y, frame.height - 10));
    return [start, middle - 9, start + width, middle + 9];
  }

  /** The rectangles of the mark and of its name. */
  function markBoxes(pen, [x, y]) {
    pen.font = labels.fonts[0];
    return [[x - 10, y - 10, x + 10, y + 10], beside(x, y, 15, pen.measureText(mark.label).width)];
  }

  function drawMark(pen, [x, y], [start, top, , bottom]) {
    pen.beginPath();
    pen.arc(x, y, 9, 0, 7);
    pen.fillStyle = theme.accent;
    pen.strokeStyle = theme.back;
    pen.lineWidth = 3;
    pen.fill();
    pen.stroke();
    pen.font = labels.fonts[0];
    pen.lineWidth = 4.5;
    pen.strokeText(mark.label, start, (top + bottom) / 2);
    pen.fillStyle = theme.accent;
    pen.fillText(mark.label, start, (top + bottom) / 2);
  }

  /* ---- colours, legend ---- */
  function light() {
    const chosen = selected.length ? new Set(selected) : null;
    lit = new Uint8Array(n);
    for (let i = 0; i < n; i++) lit[i] = (!chosen || chosen.has(i)) && (isolated === null || painted.group?.[i] === isolated) ? 255 : 0;
    // Faded points first, then lit ones; in each the most rated lie on top, as landmarks over the haze of the rest.
    const rising = byCount.slice().reverse();
    renderer.set({ lit, order: Uint32Array.from([...rising.filter((i) => !lit[i]), ...rising.filter(isLit)]) });
    ask();
  }

  function paint() {
    const css = getComputedStyle(container);
    const variable = (name) => css.getPropertyValue(`--tm-${name}`).trim();
    const scheme = variable("scheme") === "dark" ? "dark" : "light";
    theme = { font: css.fontFamily, faded: scheme === "dark" ? [96, 96, 102] : [168, 168, 164], rim: scheme === "dark" ? 1 : 0.82 };
    for (const name of ["back", "ink", "label", "muted", "line", "axis", "accent"]) theme[name] = variable(name);
    if (labels?.family !== theme.font) {
      labels = new Labels(titles.map((title, i) => data.label?.[i] ?? title), byCount, theme.font);
      relabel();
    }
    painted = colourise(colours[colour], n, scheme);
    renderer.set({ colour: painted.bytes });
    if (colour !== null) pickColour.value = colour;
    showScale();
    light();
  }

  function showScale() {
    const text = (value) => (value ? minus(formats[colour].format(value)) : "0");
    scale.replaceChildren(...colourKey(painted.legend, text, isolated, (group, label) => {
      isolated = group;
      announce(group === null ? `All ${noun} shown` : `Only ${label} shown`);
      light();
    }));
  }

  /* ---- hover card ---- */
  function fillCard(i) {
    const rows = [["Ratings", number.format(counts[i])]];
    for (const [name, values] of Object.entries(data.fields || {})) {
      const value = Array.isArray(values[i]) ? values[i].join(", ") : values[i];
      if (value !== null && value !== undefined && value !== "") rows.push([name[0].toUpperCase() + name.slice(1).replaceAll("_", " "), String(value)]);
    }
    for (const [name, { kind, values, label }] of Object.entries(colours)) {
      if (kind === "number" && !data.fields?.[name] && Number.isFinite(values[i])) rows.push([label || name, minus(formats[name].format(values[i]))]);
    }
    for (const axis of axes.x === axes.y ? ["x"] : ["x", "y"]) {
      const digits = Math.min(6, Math.max(2, 2 - Math.floor(Math.log10(bounds[axis].half)))); // enough to tell neighbours apart
      const value = data.coords[axes[axis]][i];
      rows.push([axisLabel(axes[axis]), minus(`${value > 0 ? "+" : ""}${value.toFixed(digits)}`)]);
    }
    card.replaceChildren(...cardContent(titles[i], rows, i === pinned ? options.href?.(i) : null));
  }
  function placeCard() {
    const i = hovered >= 0 ? hovered : pinned;
    card.hidden = i < 0 || morph < 1 || Boolean(hands.path);
    if (card.hidden) { card.dataset.item = ""; return; }
    const shown = `${i} ${axes.x} ${axes.y} ${i === pinned}`;
    if (card.dataset.item !== shown) fillCard(i);
    card.dataset.item = shown;
    const [x, y] = pointAt(i);
    card.hidden = x < 0 || y < 0 || x > frame.width || y > frame.height;
    const [width, height, gap] = [card.offsetWidth, card.offsetHeight, sizeOf(i) + 10];
    const left = Math.min(Math.max(6, x - width / 2), frame.width - width - 6);
    const top = y + gap + height < frame.height ? y + gap : Math.max(6, y - gap - height);
    card.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }
  function hover(i) {
    if (i === hovered) return;
    hovered = i;
    plot.classList.toggle("tm-over", i >= 0);
    ask();
  }
  const itemAt = (x, y, reach) => (morph < 1 ? -1 : grid.nearest(...toMap(x, y), frame.sx, frame.sy, reach, (i) => sizeOf(i) / 2));

  /* ---- choosing ---- */
  function focus(index, { travel = true } = {}) {
    if (index === null || index < 0) {
      [focused, pinned] = [-1, -1];
    } else {
      if (!(index < n)) throw new RangeError(`no item ${index} on the map`);
      focused = pinned = index;
      hover(-1);
      if (travel) move({ x: positions[2 * index], y: positions[2 * index + 1], s: Math.min(goal.s, 1 / 7) }, 150);
    }
    emit("focus", focused < 0 ? null : focused);
    ask();
  }
  function open(i) {
    focus(i, { travel: false });
    announce(`${titles[i]}, ${ratings(i)}`);
    options.onOpen?.(i);
  }
  /** Choose items; they are kept, listed and reported with the most rated first. */
  function select(indices) {
    selected = [...new Set(indices)].filter((i) => i >= 0 && i < n).sort((a, b) => counts[b] - counts[a]);
    light();
    showList();
    const most = selected.slice(0, 3).map((i) => titles[i]).join("; ");
    announce(selected.length ? `${number.format(selected.length)} selected. Most rated: ${most}` : "Selection cleared");
    emit("select", [...selected]);
  }
  function showList() {
    list.hidden = !selected.length;
    // On the side where fewer of the chosen points are.
    const middle = selected.reduce((sum, i) => sum + pointAt(i)[0], 0) / (selected.length || 1);
    list.classList.toggle("tm-left", middle > frame.width / 2);
    list.replaceChildren(...(list.hidden ? [] : chosenList(selected, {
      title: (i) => titles[i], note: (i) => number.format(counts[i]), format: number.format, onPick: (i) => focus(i),
      onClear() {
        select([]);
        plot.focus();
      },
    })));
  }

  /* ---- hands and keys ---- */
  const hands = followHands(plot, listen, {
    hoverAt: (x, y) => hover(itemAt(x, y, REACH)),
    leave: () => hover(-1),
    tapAt(x, y, byFinger) {
      const i = itemAt(x, y, byFinger ? FINGER : REACH);
      // A finger cannot hover, so its first tap shows the card and a second one opens.
      if (i < 0) focus(null);
      else if (byFinger && pinned !== i) focus(i, { travel: false });
      else open(i);
    },
    pan: (dx, dy) => pan(dx, dy, 0),
    zoomAt,
    lasso: (path) => select(grid.inside(path.map(([x, y]) => toMap(x, y)))),
    lassoMode: (on) => tools.lasso.setAttribute("aria-pressed", String(on)),
    showAll: (x, y) => itemAt(x, y, REACH) < 0 && reset(),
    isWhole: () => goal.s === 1,
    redraw: ask,
  });
  const middle = (factor, constant) => zoomAt(frame.width / 2, frame.height / 2, factor, constant);
  const keys = {
    ArrowLeft: () => pan(70, 0), ArrowRight: () => pan(-70, 0), ArrowUp: () => pan(0, 70), ArrowDown: () => pan(0, -70),
    "+": () => middle(1.4), "-": () => middle(1 / 1.4), 0: reset, "/": () => search.input.focus(),
    Enter: () => focused >= 0 && open(focused),
    Escape() {
      if (hands.path || hands.lassoOn) hands.setLasso(false);
      else if (focused >= 0) focus(null);
      else if (selected.length) select([]);
    },
  };
  keys["="] = keys["+"];
  listen(plot, "keydown", (event) => {
    if (event.target !== plot && event.key === "Enter") return; // the card's link
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
    ask();
  });
  listen(tools.in, "click", () => middle(1.8, 90));
  listen(tools.out, "click", () => middle(1 / 1.8, 90));
  listen(tools.reset, "click", reset);
  listen(tools.lasso, "click", () => hands.setLasso(!hands.lassoOn));

  /* ---- the object handed back ---- */
  function setAxes(x, y) {
    axes = { x: known(data.coords, x, "component"), y: known(data.coords, y, "component") };
    place();
    move(whole(), 150);
    relabel();
    emit("axes", axes.x, axes.y);
  }
  function setColour(name) {
    colour = name === null ? null : known(colours, name, "colour");
    isolated = null;
    paint();
    emit("colour", colour);
  }
  function setMark(next) {
    mark = next && { label: String(next.label), at: next.at, from: mark?.at || {}, start: performance.now() };
    ask();
  }
  listen(pickX, "change", () => setAxes(pickX.value, axes.y));
  listen(pickY, "change", () => setAxes(axes.x, pickY.value));
  listen(pickColour, "change", () => setColour(pickColour.value));
  listen(matchMedia("(prefers-color-scheme: dark)"), "change", paint);
  const watcher = new ResizeObserver(measure);
  watcher.observe(plot);
  listen(window, "resize", measure); // a new devicePixelRatio does not resize the element

  place();
  paint();
  measure();
  return {
    setAxes,
    setColour,
    focus,
    select,
    setMark,
    refresh: paint,
    reset,
    on(event, fn) {
      (ears[event] ||= []).push(fn);
      return () => { ears[event] = ears[event].filter((other) => other !== fn); };
    },
    /** A plain copy of what is shown; `labels` are rectangles in pixels of the plot. */
    state: () => ({
      ...axes, colour, zoom: 1 / view.s, centre: [view.x, view.y], moving: Boolean(frameAsked), renderer: renderer.kind,
      focused: focused < 0 ? null : focused, selected: [...selected],
      mark: mark && markAt(performance.now()), labels: drawn.map(({ index, box }) => ({ index, box: [...box] })),
    }),
    /** Where an item is drawn, in pixels of the plot. */
    locate: pointAt,
    destroy() {
      aborter.abort();
      watcher.disconnect();
      cancelAnimationFrame(frameAsked);
      frameAsked = -1; // nothing may ask for another frame
      renderer.destroy();
      container.replaceChildren();
      container.classList.remove("tastemap-map");
      for (const [name, value] of Object.entries(before)) value === null ? container.removeAttribute(name) : container.setAttribute(name, value);
    },
  };
}
