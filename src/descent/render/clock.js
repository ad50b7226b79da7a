"use strict";
// The clock of descents: a slider of frames, a play button, a speed and keys, all within an element. `show` draws a
// frame and returns its text; `rest` is called when the frames stop.
function clock(root, last, show, rest = () => {}) {
  const [play, slider, speed] = ["play", "slider", "speed"].map((id) => root.querySelector(`#${id}`));
  // All frames take about twelve seconds, and a frame at most half a second.
  const period = Math.min(500, 12000 / (last + 1));
  let frame = last;
  let since = null;

  function go(next) {
    frame = Math.max(0, Math.min(last, next));
    slider.value = frame;
    slider.setAttribute("aria-valuetext", show(frame));
  }

  function pause() {
    if (since !== null) rest();
    since = null;
    play.setAttribute("aria-label", "play");
    root.classList.remove("plays");
  }

  function start() {
    if (frame === last) go(0);
    since = performance.now();
    play.setAttribute("aria-label", "pause");
    root.classList.add("plays");
    requestAnimationFrame(tick);
  }

  function tick(now) {
    if (since === null) return;
    const elapsedFrames = Math.floor((now - since) / (period / speed.value));
    if (elapsedFrames > 0) {
      since += elapsedFrames * (period / speed.value);
      go(frame + elapsedFrames);
    }
    if (frame === last) pause();
    else requestAnimationFrame(tick);
  }

  const toggle = () => (since === null ? start() : pause());
  const jump = (next) => {
    pause();
    go(next);
  };
  const keys = {
    " ": toggle,
    ArrowLeft: () => jump(frame - 1),
    ArrowRight: () => jump(frame + 1),
    Home: () => jump(0),
    End: () => jump(last),
  };

  play.addEventListener("click", toggle);
  slider.addEventListener("input", () => jump(Number(slider.value)));
  root.addEventListener("keydown", (event) => {
    const action = keys[event.key];
    const { target } = event;
    // Other controls handle their own keys, and a focused button takes the space key as a click.
    if (!action || (target !== slider && target.matches("input, select, a"))) return;
    if (target.matches("button") && event.key === " ") return;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    action();
  });

  // A hidden page draws no frames, so that time must not pass.
  document.addEventListener("visibilitychange", pause);
  addEventListener("beforeprint", () => jump(last));
  root.querySelector("#controls").hidden = false;
  go(last);
  return { start, again: () => go(frame) };
}

// Move a mark to a point on the page, or hide it without one.
function put(target, point) {
  target.setAttribute("visibility", point ? "visible" : "hidden");
  if (point) target.setAttribute("transform", `translate(${point[0]} ${point[1]})`);
}
