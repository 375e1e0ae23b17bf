/* The report's page: the contents show where the reader is, and printing opens what is folded. */
const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));

function showPlace() {
  // The current section is the last whose heading has passed the upper third of the window.
  const line = window.innerHeight / 3;
  const sections = [...links.keys()].map((id) => document.getElementById(id));
  const passed = sections.filter((section) => section.getBoundingClientRect().top < line);
  const atEnd = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 2;
  const current = atEnd ? sections.at(-1) : passed.at(-1) || sections[0];
  for (const [id, link] of links) {
    if (id !== current.id) link.removeAttribute("aria-current");
    else if (!link.hasAttribute("aria-current")) {
      link.setAttribute("aria-current", "true");
      const list = link.closest("ol");
      // On a phone the contents are one line that scrolls sideways.
      if (list.scrollWidth > list.clientWidth) list.scrollLeft = link.offsetLeft - list.clientWidth / 3;
    }
  }
}

let asked = 0;
addEventListener("scroll", () => { asked ||= requestAnimationFrame(() => { asked = 0; showPlace(); }); }, { passive: true });
addEventListener("resize", showPlace);
showPlace();

const folded = () => [...document.querySelectorAll("details:not([open])")];
let opened = [];
addEventListener("beforeprint", () => { opened = folded(); opened.forEach((one) => { one.open = true; }); });
addEventListener("afterprint", () => opened.forEach((one) => { one.open = false; }));
