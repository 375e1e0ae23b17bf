/* The map of taste, part 3 of 4: what hands do on the plot. Mouse, fingers and
 * wheel become calls of `act`; nothing here knows what the map shows.
 *
 *   act = { hoverAt(x, y), leave(), tapAt(x, y, byFinger), pan(dx, dy), zoomAt(x, y, factor, ease),
 *           lasso([[x, y], ...]), lassoMode(on), showAll(x, y), isWhole(), redraw() }
 *
 * Positions are pixels of the plot. The object returned says what is going on:
 * path of a lasso being drawn, pointer where the mouse rests, pressed, lassoOn.
 */

const CLICK = 4; // pixels a hand may tremble during a click

export function followHands(plot, listen, act) {
  const fingers = new Map();
  let travelled = 0;
  const local = (event) => {
    const area = plot.getBoundingClientRect();
    return [event.clientX - area.left, event.clientY - area.top];
  };
  const hands = {
    path: null,
    pointer: null,
    lassoOn: false,
    get pressed() {
      return fingers.size > 0;
    },
    setLasso(on) {
      hands.lassoOn = on;
      hands.path = null;
      plot.classList.toggle("tm-drawing", on);
      act.lassoMode(on);
    },
  };

  listen(plot, "pointerdown", (event) => {
    if (event.button || event.target.closest("a")) return; // a link in the card is followed, not dragged
    plot.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, local(event));
    travelled = fingers.size > 1 ? Infinity : 0; // two fingers never click
    hands.path = fingers.size === 1 && (hands.lassoOn || event.shiftKey) ? [local(event)] : null;
    if (hands.path) act.leave();
  });

  listen(plot, "pointermove", (event) => {
    const [x, y] = local(event);
    const last = fingers.get(event.pointerId);
    if (!last) {
      hands.pointer = event.pointerType === "touch" ? null : [x, y];
      if (hands.pointer) act.hoverAt(x, y);
      return;
    }
    const [dx, dy] = [x - last[0], y - last[1]];
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    fingers.set(event.pointerId, [x, y]);
    travelled += Math.hypot(dx, dy);
    if (hands.path) {
      hands.path.push([x, y]);
      act.redraw();
    } else if (other) {
      const [apart, before] = [Math.hypot(x - other[0], y - other[1]), Math.hypot(last[0] - other[0], last[1] - other[1])];
      act.zoomAt((x + other[0]) / 2, (y + other[1]) / 2, apart / (before || 1), 0);
      act.pan(dx / 2, dy / 2);
    } else if (travelled > CLICK) {
      act.leave();
      plot.classList.add("tm-dragging");
      act.pan(dx, dy);
    }
  });

  listen(plot, "pointerup pointercancel", (event) => {
    if (!fingers.delete(event.pointerId)) return;
    plot.classList.remove("tm-dragging");
    const { path } = hands;
    hands.path = null;
    act.redraw();
    if (event.type === "pointercancel") return;
    if (path && travelled > 2 * CLICK) {
      hands.setLasso(false);
      act.lasso(path);
    } else if (travelled <= CLICK) {
      act.tapAt(...local(event), event.pointerType === "touch");
    }
  });

  listen(plot, "pointerleave", () => {
    hands.pointer = null;
    act.leave();
  });

  listen(plot, "dblclick", (event) => act.showAll(...local(event)));

  listen(plot, "wheel", (event) => {
    if (!event.deltaY || (event.deltaY > 0 && act.isWhole())) return; // already whole: let the page scroll
    event.preventDefault();
    const pixels = Math.max(-240, Math.min(240, event.deltaY * [1, 16, 400][event.deltaMode]));
    act.zoomAt(...local(event), Math.exp(-pixels * (event.ctrlKey ? 0.012 : 0.0022))); // a pinched touchpad reports ctrl
  }, { passive: false });

  return hands;
}
