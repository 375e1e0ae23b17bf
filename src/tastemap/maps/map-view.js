/* The map of taste, part 1 of 4: everything that turns numbers into pixels and
 * pixels back into items. It knows no page: map-parts.js builds the elements
 * around the drawing, map-gestures.js follows hands, map.js joins them and has
 * the one function to call.
 *
 * Served: put the four files side by side; map.js imports the others.
 * Inlined: in one <script type="module">, join map-view.js, map-parts.js,
 * map-gestures.js and map.js in this order and drop the lines that start with
 * "import ". They share no top-level name, and none holds the text that would
 * end a script.
 */

/* ---- colour ---------------------------------------------------------------
 * Blue to orange survives every common colour blindness; the neutral middle is
 * a visible grey, not white, because most items sit there. Categories are Paul
 * Tol's "muted" set, and the same hues lifted for a dark page. */
const RAMPS = {
  light: {
    diverging: ["#17488a", "#3f7fc4", "#8fb5dc", "#bfbdb8", "#eda968", "#d36f22", "#8f3a05"],
    sequential: ["#cdd8c4", "#8fc1b0", "#4f9aa0", "#2d6d8b", "#23406f"],
    category: ["#332288", "#cc6677", "#44aa99", "#ddbb55", "#88bbee", "#882255", "#117733", "#aa9933", "#aa4499"],
    other: "#b9b9b4",
  },
  dark: {
    diverging: ["#8ccaff", "#5a9be0", "#4b6f98", "#6d6d70", "#a97f52", "#e59d4c", "#ffc987"],
    sequential: ["#33516a", "#2f7d8c", "#4fb39c", "#a6db8e", "#f4f3a5"],
    category: ["#6f7bf0", "#e8788a", "#4fc7b5", "#e6d27a", "#a9dff7", "#a8578f", "#2f9e58", "#8f8f35", "#e3a3e0"],
    other: "#6b6b70",
  },
};

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** A ramp as 256 colours, so that colouring an item is one look-up. */
function shades(stops) {
  const known = stops.map(rgb);
  return Array.from({ length: 256 }, (_, k) => {
    const place = (k / 255) * (stops.length - 1);
    const at = Math.min(Math.floor(place), stops.length - 2);
    return known[at].map((low, channel) => Math.round(low + (known[at + 1][channel] - low) * (place - at)));
  });
}

/** Colour every item by one column; returns bytes for the renderer and what a legend needs. */
export function colourise(column, n, scheme) {
  const palette = RAMPS[scheme];
  const bytes = new Uint8Array(n * 4).fill(255);
  const paint = (i, [red, green, blue]) => {
    bytes[4 * i] = red;
    bytes[4 * i + 1] = green;
    bytes[4 * i + 2] = blue;
  };
  const other = rgb(palette.other);
  if (!column) {
    const plain = rgb(palette.diverging[1]);
    for (let i = 0; i < n; i++) paint(i, plain);
    return { bytes, legend: { kind: "none" } };
  }
  const values = column.values;
  if (column.kind === "category") {
    const totals = new Map();
    for (const value of values) totals.set(value, (totals.get(value) || 0) + 1);
    totals.delete(null);
    totals.delete("");
    const names = [...totals.keys()].sort((a, b) => totals.get(b) - totals.get(a)).slice(0, palette.category.length);
    const rank = new Map(names.map((name, at) => [name, at]));
    const inks = [...palette.category.slice(0, names.length).map(rgb), other];
    const group = new Int16Array(n);
    for (let i = 0; i < n; i++) {
      group[i] = rank.get(values[i]) ?? names.length;
      paint(i, inks[group[i]]);
    }
    const entries = names.map((name, at) => ({ label: String(name), colour: palette.category[at], group: at }));
    if (group.includes(names.length)) entries.push({ label: "Other", colour: palette.other, group: names.length });
    return { bytes, group, legend: { kind: "category", entries } };
  }
  const known = Float64Array.from(values.filter(Number.isFinite)).sort();
  const quantile = (q) => known[Math.round(q * (known.length - 1))] ?? 0;
  // One extreme item must not grey out all the others, so the ends are percentiles.
  let [low, high] = [quantile(0.01), quantile(0.99)];
  const diverging = known[0] < 0 && known[known.length - 1] > 0;
  if (diverging) [low, high] = [-Math.max(-low, high, 1e-9), Math.max(-low, high, 1e-9)];
  const stops = diverging ? palette.diverging : palette.sequential;
  const inks = shades(stops);
  for (let i = 0; i < n; i++) {
    const share = high > low ? (values[i] - low) / (high - low) : 0.5;
    paint(i, Number.isFinite(values[i]) ? inks[Math.round(255 * Math.min(1, Math.max(0, share)))] : other);
  }
  return { bytes, legend: { kind: "number", stops, low, high, diverging } };
}

/* ---- points: WebGL 2, or Canvas 2D where there is none --------------------
 * Both renderers take the same arrays through set() and the same frame through
 * draw(). Positions are normalised to [-1, 1], so changing axes is a morph from
 * one pair of positions to another and zoom never runs out of float precision. */
const VERTEX = `#version 300 es
in vec2 a_from; in vec2 a_to; in vec4 a_colour; in float a_radius; in float a_lit;
uniform vec2 u_centre; uniform vec2 u_scale; uniform float u_morph; uniform float u_pixels; uniform vec3 u_faded;
out vec4 v_colour; out float v_radius;
void main() {
  gl_Position = vec4((mix(a_from, a_to, u_morph) - u_centre) * u_scale, 0.0, 1.0);
  v_radius = a_radius * u_pixels;
  gl_PointSize = 2.0 * (v_radius + 1.0);
  v_colour = vec4(mix(u_faded, a_colour.rgb, a_lit), mix(0.22, 1.0, a_lit));
}`;
const FRAGMENT = `#version 300 es
precision highp float;
in vec4 v_colour; in float v_radius;
uniform float u_fill; uniform float u_ratio; uniform float u_rim;
out vec4 colour;
void main() {
  float d = length(gl_PointCoord - 0.5) * 2.0 * (v_radius + 1.0);
  float cover = 1.0 - smoothstep(v_radius - 0.6, v_radius + 0.6, d);
  float rim = smoothstep(v_radius - 1.3 * u_ratio, v_radius - 0.5 * u_ratio, d);
  rim *= smoothstep(1.2, 4.0, v_radius / u_ratio); // on a tiny point an edge is only noise
  float alpha = v_colour.a * mix(u_fill, 0.95, rim) * cover;
  colour = vec4(v_colour.rgb * mix(1.0, u_rim, rim) * alpha, alpha);
}`;
const FORMATS = { from: [2, "FLOAT"], to: [2, "FLOAT"], colour: [4, "UNSIGNED_BYTE"], radius: [1, "FLOAT"], lit: [1, "UNSIGNED_BYTE"] };

function webglRenderer(canvas, gl, redraw) {
  const arrays = {};
  let program, uniforms, buffers;
  function upload(name) {
    const target = name === "order" ? gl.ELEMENT_ARRAY_BUFFER : gl.ARRAY_BUFFER;
    const fresh = !buffers[name];
    buffers[name] ||= gl.createBuffer();
    gl.bindBuffer(target, buffers[name]);
    gl.bufferData(target, arrays[name], gl.DYNAMIC_DRAW);
    if (!fresh || name === "order") return;
    const [size, type] = FORMATS[name];
    const at = gl.getAttribLocation(program, `a_${name}`);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, gl[type], type === "UNSIGNED_BYTE", 0, 0);
  }
  function start() {
    program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new Error(`map shaders: ${gl.getProgramInfoLog(program)}`);
    }
    gl.useProgram(program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA); // colours leave the shader premultiplied
    uniforms = new Proxy({}, { get: (cache, name) => (cache[name] ??= gl.getUniformLocation(program, `u_${name}`)) });
    buffers = {};
    Object.keys(arrays).forEach(upload);
  }
  start();
  // A laptop that sleeps, or too many pages, takes the context away; it comes back empty.
  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", () => { start(); redraw(); });
  return {
    kind: "webgl2",
    set(changes) {
      Object.assign(arrays, changes);
      Object.keys(changes).forEach(upload);
    },
    draw(frame) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform2f(uniforms.centre, frame.x, frame.y);
      gl.uniform2f(uniforms.scale, (frame.sx * 2) / frame.width, (frame.sy * 2) / frame.height);
      gl.uniform1f(uniforms.morph, frame.morph);
      gl.uniform1f(uniforms.pixels, frame.grow * frame.ratio);
      gl.uniform1f(uniforms.ratio, frame.ratio);
      gl.uniform1f(uniforms.fill, frame.fill);
      gl.uniform1f(uniforms.rim, frame.rim);
      gl.uniform3f(uniforms.faded, ...frame.faded.map((channel) => channel / 255));
      gl.drawElements(gl.POINTS, arrays.order.length, gl.UNSIGNED_INT, 0);
    },
    destroy: () => gl.getExtension("WEBGL_lose_context")?.loseContext(),
  };
}

/** Discs blended by hand into one image: tens of times faster than 60,000 paths. */
function canvasRenderer(canvas) {
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const arrays = {};
  return {
    kind: "canvas2d",
    set: (changes) => Object.assign(arrays, changes),
    draw(frame) {
      const { from, to, colour, radius, lit, order } = arrays;
      const { width, height } = canvas;
      const image = pen.createImageData(width, height);
      const out = image.data;
      for (const i of order) {
        const u = from[2 * i] + (to[2 * i] - from[2 * i]) * frame.morph;
        const v = from[2 * i + 1] + (to[2 * i + 1] - from[2 * i + 1]) * frame.morph;
        const x = (frame.width / 2 + (u - frame.x) * frame.sx) * frame.ratio;
        const y = (frame.height / 2 - (v - frame.y) * frame.sy) * frame.ratio;
        const r = radius[i] * frame.grow * frame.ratio;
        const [ink, first] = lit[i] ? [colour, 4 * i] : [frame.faded, 0];
        const opacity = (lit[i] ? 1 : 0.22) * Math.min(1, frame.fill + 0.1);
        for (let row = Math.max(0, Math.floor(y - r)); row <= Math.min(height - 1, y + r); row++) {
          for (let column = Math.max(0, Math.floor(x - r)); column <= Math.min(width - 1, x + r); column++) {
            const alpha = opacity * Math.min(1, Math.max(0, r + 0.5 - Math.sqrt((column + 0.5 - x) ** 2 + (row + 0.5 - y) ** 2)));
            if (!alpha) continue;
            const at = 4 * (row * width + column);
            const below = (out[at + 3] / 255) * (1 - alpha);
            for (let c = 0; c < 3; c++) out[at + c] = (ink[first + c] * alpha + out[at + c] * below) / (alpha + below);
            out[at + 3] = 255 * (alpha + below);
          }
        }
      }
      pen.putImageData(image, 0, 0);
    },
    destroy() {},
  };
}

export function createRenderer(canvas, redraw) {
  const gl = canvas.getContext("webgl2", { antialias: false, depth: false, premultipliedAlpha: true });
  return gl ? webglRenderer(canvas, gl, redraw) : canvasRenderer(canvas);
}

/* ---- which item is here? --------------------------------------------------
 * A uniform grid over the normalised square, filled by counting sort: a hover
 * looks at the few cells around the pointer, whatever the number of items. */
export class Grid {
  constructor(positions) {
    const n = positions.length / 2;
    this.positions = positions;
    this.side = Math.max(1, Math.ceil(Math.sqrt(n / 3)));
    const cellOf = Uint32Array.from({ length: n }, (_, i) => this.cell(positions[2 * i]) + this.side * this.cell(positions[2 * i + 1]));
    this.start = new Uint32Array(this.side * this.side + 1);
    for (const cell of cellOf) this.start[cell + 1]++;
    for (let cell = 0; cell < this.start.length - 1; cell++) this.start[cell + 1] += this.start[cell];
    this.items = new Uint32Array(n);
    const next = this.start.slice();
    for (let i = 0; i < n; i++) this.items[next[cellOf[i]]++] = i;
  }
  cell(coordinate) {
    return Math.min(this.side - 1, Math.max(0, Math.floor(((coordinate + 1) / 2) * this.side)));
  }
  visit(left, bottom, right, top, each) {
    for (let row = this.cell(bottom); row <= this.cell(top); row++) {
      const at = row * this.side;
      for (let k = this.start[at + this.cell(left)]; k < this.start[at + this.cell(right) + 1]; k++) each(this.items[k]);
    }
  }
  /** Nearest item within `reach` pixels of (u, v), or -1. A larger point wins over a small one beside it by `bonus(i)`. */
  nearest(u, v, sx, sy, reach, bonus) {
    let [best, found] = [Infinity, -1];
    this.visit(u - reach / sx, v - reach / sy, u + reach / sx, v + reach / sy, (i) => {
      const distance = Math.hypot((this.positions[2 * i] - u) * sx, (this.positions[2 * i + 1] - v) * sy);
      if (distance <= reach && distance - bonus(i) < best) [best, found] = [distance - bonus(i), i];
    });
    return found;
  }
  /** Items inside a polygon given as [[u, v], ...]. */
  inside(polygon) {
    const [us, vs] = [polygon.map((p) => p[0]), polygon.map((p) => p[1])];
    const chosen = [];
    this.visit(Math.min(...us), Math.min(...vs), Math.max(...us), Math.max(...vs), (i) => {
      const [u, v] = [this.positions[2 * i], this.positions[2 * i + 1]];
      let odd = false;
      for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
        if (vs[a] > v !== vs[b] > v && u < ((us[b] - us[a]) * (v - vs[a])) / (vs[b] - vs[a]) + us[a]) odd = !odd;
      }
      if (odd) chosen.push(i);
    });
    return chosen;
  }
}

/* ---- labels ---------------------------------------------------------------
 * Labels are chosen per zoom level, a step of sqrt(2), for the whole map at
 * once: at each level the most rated items that still lack a label try four
 * sides of their point, and take the first free one in a grid of occupied
 * rectangles. Zooming in only pulls rectangles apart, so a label once placed
 * stays; and the choice does not depend on what is in view, so panning can
 * never make one flicker. Levels are computed when first reached. */
const TIERS = [{ upTo: 16, size: 13, weight: 600 }, { upTo: 160, size: 12, weight: 500 }, { upTo: Infinity, size: 11, weight: 400 }];
const [CELL_W, CELL_H, PAD_X, PAD_Y] = [128, 32, 7, 3];

export class Labels {
  constructor(texts, order, family) {
    Object.assign(this, { texts, order, family, side: new Uint8Array(texts.length), level: new Int8Array(texts.length), widths: new Float32Array(texts.length) });
    this.rank = new Uint32Array(texts.length);
    order.forEach((i, rank) => { this.rank[i] = rank; });
    this.pen = document.createElement("canvas").getContext("2d");
    this.fonts = TIERS.map((tier) => `${tier.weight} ${tier.size}px ${family}`);
    this.letters = TIERS.map(() => new Map());
  }
  tier(i) {
    return TIERS.findIndex((tier) => this.rank[i] < tier.upTo);
  }
  /** Width from per-letter widths: measuring 60,000 whole titles would stall a zoom. */
  width(i) {
    if (this.widths[i]) return this.widths[i];
    const tier = this.tier(i);
    let sum = 1;
    for (const letter of this.texts[i]) {
      let width = this.letters[tier].get(letter);
      if (width === undefined) {
        this.pen.font = this.fonts[tier];
        this.letters[tier].set(letter, (width = this.pen.measureText(letter).width));
      }
      sum += width;
    }
    return (this.widths[i] = sum);
  }
  /** The label's rectangle [left, top, right, bottom] for a point drawn at (x, y) with radius r. */
  box(i, x, y, r, side = this.side[i]) {
    const [w, h] = [this.width(i), TIERS[this.tier(i)].size * 1.3];
    if (side === 0) return [x + r + 4, y - h / 2, x + r + 4 + w, y + h / 2];
    if (side === 1) return [x - r - 4 - w, y - h / 2, x - r - 4, y + h / 2];
    if (side === 2) return [x - w / 2, y - r - 2 - h, x + w / 2, y - r - 2];
    return [x - w / 2, y + r + 2, x + w / 2, y + r + 2 + h];
  }
  restart(positions, frame, radius) {
    Object.assign(this, { positions, radius, sx: frame.sx, sy: frame.sy, half: [frame.width / 2 + PAD_X, frame.height / 2 + PAD_Y], placed: [], done: -1, work: null });
    this.level.fill(-1);
    // About one label per 6,000 square pixels, at any zoom: enough to read, few enough to see the points.
    this.budget = (frame.width * frame.height) / 6000;
  }
  /** Work towards levels 0..level until the deadline; returns every item labelled so far. */
  upTo(level, grow, deadline) {
    const unfinished = () => this.done < level && (this.work || this.placed.length < this.order.length);
    while (unfinished() && performance.now() < deadline) {
      this.work ||= this.startLevel(this.done + 1, grow);
      if (this.advance(this.work, 300)) [this.done, this.work] = [this.done + 1, null];
    }
    this.busy = Boolean(unfinished()); // not `work`: after zooming out a started level may wait
    return this.placed;
  }
  startLevel(level, grow) {
    const zoom = 2 ** (level / 2);
    const candidates = Math.min(this.order.length, Math.ceil(this.budget * zoom * zoom));
    return { level, zoom, grow: grow(zoom), candidates, occupied: new Map(), old: this.placed.length, kept: 0, rank: 0 };
  }
  /** Handle about `steps` items of a level: first those already placed, then the candidates. True when done. */
  advance(work, steps) {
    for (; work.kept < work.old && steps > 0; steps--) {
      const i = this.placed[work.kept++];
      this.occupy(work, this.extent(work, i, this.side[i]));
    }
    for (; work.rank < work.candidates && steps > 0; work.rank++) {
      const i = this.order[work.rank];
      if (this.level[i] >= 0 || !this.texts[i]) continue;
      steps--;
      for (let side = 0; side < 4; side++) {
        const box = this.extent(work, i, side);
        const outside = work.level === 0 && [0, 1].some((axis) => Math.max(-box[axis], box[axis + 2]) > this.half[axis]);
        if (outside || this.taken(work, box)) continue;
        this.occupy(work, box);
        this.side[i] = side;
        this.level[i] = work.level;
        this.placed.push(i);
        break;
      }
    }
    return work.kept === work.old && work.rank >= work.candidates;
  }
  /** The rectangle of a label together with its point, padded, so that neither covers another. */
  extent({ zoom, grow }, i, side) {
    const [x, y, r] = [this.positions[2 * i] * this.sx * zoom, -this.positions[2 * i + 1] * this.sy * zoom, this.radius[i] * grow];
    const [left, top, right, bottom] = this.box(i, x, y, r, side);
    return [Math.min(left, x - r) - PAD_X, Math.min(top, y - r) - PAD_Y, Math.max(right, x + r) + PAD_X, Math.max(bottom, y + r) + PAD_Y];
  }
  occupy({ occupied }, box) {
    for (const key of cellKeys(box)) {
      const boxes = occupied.get(key);
      if (boxes) boxes.push(box);
      else occupied.set(key, [box]);
    }
  }
  taken({ occupied }, [left, top, right, bottom]) {
    for (const key of cellKeys([left, top, right, bottom])) {
      for (const box of occupied.get(key) || []) {
        if (left < box[2] && right > box[0] && top < box[3] && bottom > box[1]) return true;
      }
    }
    return false;
  }
}

function cellKeys([left, top, right, bottom]) {
  const keys = [];
  for (let row = Math.floor(top / CELL_H); row <= Math.floor(bottom / CELL_H); row++) {
    for (let column = Math.floor(left / CELL_W); column <= Math.floor(right / CELL_W); column++) keys.push((row + 4096) * 8192 + column + 4096);
  }
  return keys;
}

/* ---- axes ---- */

/** Round numbers from low to high, about `count` of them. */
function ticks(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((nice) => nice * power >= 0.8 * rough);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const values = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) values.push({ value: k * step, text: (k * step || 0).toFixed(digits).replace("-", "\u2212") });
  return values;
}

/** Quiet lines at round numbers, stronger ones through 0; numbers in the margins left of and below the plot. */
export function drawAxes(pen, frame, [left, top], bounds, theme) {
  const { width, height, ratio, sx, sy } = frame;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, pen.canvas.width, pen.canvas.height);
  pen.font = `10.5px ${theme.font}`;
  pen.lineWidth = 1;
  pen.fillStyle = theme.muted;
  const line = (x1, y1, x2, y2, strong) => {
    pen.strokeStyle = strong ? theme.axis : theme.line;
    pen.beginPath();
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
    pen.stroke();
  };
  const axis = ({ middle, half }, centre, scale, length, gap, draw) => {
    const reach = length / 2 / scale;
    for (const { value, text } of ticks(middle + (centre - reach) * half, middle + (centre + reach) * half, length / gap)) {
      draw(((value - middle) / half - centre) * scale, text, Math.abs(value) < 1e-9);
    }
  };
  pen.textBaseline = "top";
  pen.textAlign = "center";
  axis(bounds.x, frame.x, sx, width, 85, (offset, text, zero) => {
    const x = Math.round(left + width / 2 + offset) + 0.5; // on the half pixel a thin line is crisp
    line(x, top, x, top + height, zero);
    pen.fillText(text, Math.min(x, left + width - 8), top + height + 6);
  });
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  axis(bounds.y, frame.y, sy, height, 75, (offset, text, zero) => {
    const y = Math.round(top + height / 2 - offset) + 0.5;
    line(left, y, left + width, y, zero);
    pen.fillText(text, left - 7, y);
  });
}
