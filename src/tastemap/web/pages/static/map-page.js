/* The map page: fetches the map's data and draws it in place of the picture that was sent along.
 * The element #taste-map says what: data-src (address of the data), and if asked for
 * data-item (raw id of an item to show) and data-mark ({label, at}: somebody's place). The address
 * may ask for axes and colour: ?x=2&y=1&colour=year.
 * Without this script the picture stays. */
import { createMap } from "./map.js";

const place = document.getElementById("taste-map");
const said = document.getElementById("map-said");

try {
  const response = await fetch(place.dataset.src);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  const data = await response.json();
  const asked = new URL(location);
  for (const axis of ["x", "y"]) {
    const wanted = asked.searchParams.get(axis);
    if (Object.hasOwn(data.coords, wanted)) data[axis] = wanted;
  }
  const colour = asked.searchParams.get("colour");
  const map = createMap(place, data, {
    colour: Object.hasOwn(data.colour, colour) ? colour : undefined,
    label: "Map of taste",
    describedBy: "map-about",
    // As item_url of site.py: "." and ".." would be steps in the path.
    href: (i) => `/explore/items${/^\.\.?$/.test(data.id[i]) ? "?id=" : "/"}${encodeURIComponent(data.id[i])}`,
  });
  if (place.dataset.mark) map.setMark(JSON.parse(place.dataset.mark));
  if (place.dataset.item) {
    const at = data.id.indexOf(place.dataset.item);
    if (at >= 0) map.focus(at);
    else said.textContent = "This item has no training ratings, so it has no place on the map.";
  }
  // What is looked at stands in the address, to be kept and sent on.
  const keep = (changes) => {
    for (const [name, value] of Object.entries(changes)) asked.searchParams.set(name, value);
    history.replaceState(null, "", asked);
  };
  map.on("axes", (x, y) => keep({ x, y }));
  map.on("colour", (name) => keep({ colour: name }));
  place.dataset.ready = "true";
} catch (error) {
  said.textContent = `The interactive map could not be loaded: ${error.message}. The picture shows the most rated items.`;
}
