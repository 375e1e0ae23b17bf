/* Your taste, without leaving the page: a press of a button sends the form, as it would by itself,
 * and the parts of the answer that changed take the place of the old ones. Rows glide to their new
 * places, and so does the visitor on the picture. Without this script every press loads the page. */
const form = document.getElementById("taste");
const said = document.getElementById("said");
const PARTS = ["state", "questions", "found", "rated", "next", "place"];
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const ease = { duration: 600, easing: "cubic-bezier(0.2, 0.7, 0.2, 1)" };
let latest = 0;

/** Where rows and the visitor are now, to glide from there. */
function places() {
  const rows = new Map([...form.querySelectorAll("#next tbody[data-item]")].map((row) => [row.dataset.item, row.offsetTop]));
  return { rows, mark: markPlace() };
}

function markPlace() {
  const mark = form.querySelector("#place .mark-here");
  return mark && mark.getAttribute("transform").match(/-?[\d.]+/g).map(Number);
}

function glide(before) {
  if (calm.matches) return;
  for (const row of form.querySelectorAll("#next tbody[data-item]")) {
    const from = before.rows.get(row.dataset.item);
    if (from === undefined) row.animate([{ opacity: 0 }, { opacity: 1 }], ease);
    else if (from !== row.offsetTop) row.animate([{ transform: `translateY(${from - row.offsetTop}px)` }, { transform: "none" }], ease);
  }
  const now = markPlace();
  if (now && before.mark) {
    const at = ([x, y]) => ({ transform: `translate(${x}px, ${y}px)` });
    form.querySelector("#place .mark-here").animate([at(before.mark), at(now)], { ...ease, duration: 900 });
  }
}

/** Take the parts of another version of this page. */
function take(page) {
  const before = places();
  const open = [...form.querySelectorAll("details[open]")].map((one) => one.className);
  for (const id of PARTS) {
    const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (old && fresh) old.replaceWith(fresh);
  }
  for (const one of form.querySelectorAll("details")) one.open = open.includes(one.className);
  glide(before);
}

/** Where the button that had the focus is gone, the focus goes to the one in its place: that of the
 * next question, or the same of an item rated before. */
function refocus(pressed, asked) {
  if (document.activeElement !== document.body) return;
  const same = !asked && pressed?.name && form.querySelector(`button[name="${CSS.escape(pressed.name)}"][value="${CSS.escape(pressed.value)}"]`);
  (same || form.querySelector("#questions button") || form.querySelector("#q"))?.focus({ preventScroll: true });
}

form.addEventListener("submit", async (event) => {
  const pressed = event.submitter;
  if (pressed?.formAction.endsWith("/keep")) return; // leaves the page
  event.preventDefault();
  const mine = ++latest;
  const body = new URLSearchParams(new FormData(form, pressed));
  const asked = Boolean(pressed?.closest("#questions, #found"));
  if (pressed?.closest("#found")) body.delete("q");
  form.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(form.action, { method: "POST", body });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (mine !== latest) return; // a later press is under way
    if (!response.ok || !page.getElementById("taste")) throw new Error(page.querySelector("main p:not(.overline)")?.textContent || `the server answered ${response.status}`);
    take(page);
    if (!body.has("q")) document.getElementById("q").value = "";
    refocus(pressed, asked);
    said.textContent = document.getElementById("summary").textContent;
  } catch (error) {
    said.textContent = `That did not work: ${error.message}`;
    said.classList.remove("sr");
  } finally {
    if (mine === latest) form.removeAttribute("aria-busy");
  }
});
