/* Your taste, without leaving the page: a press of a button sends the form, as it would by itself,
 * and the parts of the answer that changed take the place of the old ones. Rows glide to their new
 * places, and so does the visitor on the picture. What was said is remembered in this tab, so that
 * it is there again after a look at another page. Without this script every press loads the page. */
const form = document.getElementById("taste");
const said = document.getElementById("said");
const PARTS = ["state", "questions", "found", "rated", "after", "next", "place"];
const MEMORY = "tastemap: your taste";
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

/** Reads or writes what this tab remembers, where the browser allows it. */
function memory(act) {
  try {
    return act(sessionStorage);
  } catch {
    return null;
  }
}

/** What was said so far, as the form sends it. */
const state = () => new URLSearchParams([...form.querySelectorAll("#state input, #least")].map((one) => [one.name, one.value]));

/** The page with what was said, its parts taken; null where a later press is under way. */
async function ask(address, body) {
  const mine = ++latest;
  form.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(address, { method: "POST", body });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (mine !== latest) return null;
    if (response.redirected) {
      memory((tab) => tab.removeItem(MEMORY)); // kept on the server from now on
      location.assign(response.url);
      return null;
    }
    // A mistake in a field is said beside it, on the same page.
    if (!page.getElementById("taste")) throw new Error(page.querySelector("main p:not(.overline)")?.textContent || `the server answered ${response.status}`);
    take(page);
    memory((tab) => tab.setItem(MEMORY, state()));
    said.textContent = (form.querySelector(".wrong") || document.getElementById("summary")).textContent.trim();
    said.classList.add("sr");
    return page;
  } catch (error) {
    said.textContent = `That did not work: ${error.message}`;
    said.classList.remove("sr");
    return null;
  } finally {
    if (mine === latest) form.removeAttribute("aria-busy");
  }
}

form.addEventListener("submit", async (event) => {
  const pressed = event.submitter;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form, pressed));
  const asked = Boolean(pressed?.closest("#questions, #found"));
  if (pressed?.closest("#found")) body.delete("q");
  // The Enter key in the field of the id means the button beside it, not the first of the form.
  const keep = document.activeElement.id === "keep-user" && pressed?.classList.contains("sr") ? form.querySelector("[formaction]") : pressed;
  if (!(await ask(keep?.hasAttribute("formaction") ? keep.formAction : form.action, body))) return;
  if (!body.has("q")) document.getElementById("q").value = "";
  const wrong = form.querySelector("[aria-invalid]");
  if (wrong) wrong.focus();
  else refocus(pressed, asked);
});

form.addEventListener("click", (event) => {
  if (event.target.id === "again") memory((tab) => tab.removeItem(MEMORY));
});

const remembered = memory((tab) => tab.getItem(MEMORY));
if (remembered && !form.querySelector("#state input")) {
  form.inert = true; // a press now would be of a form without them
  await ask(form.action, new URLSearchParams(remembered));
  form.inert = false;
}
