"use strict";
{
  const element = (id) => document.getElementById(id);
  const frames = JSON.parse(element("frames").textContent);
  const [play, slider, speed] = ["play", "slider", "speed"].map(element);
  const figures = [...document.querySelectorAll("[data-figure]")];
  const marks = document.querySelectorAll(".mark");
  // Read the attributes, not the bounding box, which a hidden page does not have.
  const view = document.querySelector("#view rect");
  const [left, top, width, height] = ["x", "y", "width", "height"].map((name) => Number(view.getAttribute(name)));
  const last = frames.path.length - 1;
  // The whole path takes about twelve seconds, and a frame at most half a second.
  const period = Math.min(500, 12000 / (last + 1));
  let frame = last;
  let since = null;

  const put = (target, point) => {
    target.setAttribute("visibility", point ? "visible" : "hidden");
    if (point) target.setAttribute("transform", `translate(${point[0]} ${point[1]})`);
  };
  const inside = ([x, y]) => x >= left && x <= left + width && y >= top && y <= top + height;

  function show(next) {
    frame = Math.max(0, Math.min(last, next));
    for (const figure of figures) figure.textContent = frames.figures[figure.dataset.figure][frame];
    slider.value = frame;
    slider.setAttribute("aria-valuetext", figures.map((figure) => `${figure.dataset.figure} ${figure.textContent}`).join(", "));
    const position = (frames.dots ?? frames.path)[frame];
    const isInside = position !== null && inside(position);
    put(element("dot"), isInside ? position : null);
    element("outside").setAttribute("visibility", isInside ? "hidden" : "visible");
    element("trail").setAttribute("points", frames.path.slice(0, frame + 1).filter(Boolean).join(" "));
    element("step-curve")?.setAttribute("d", frames.stepCurves[frame]);
    element("reached")?.setAttribute("visibility", frame >= frames.end ? "visible" : "hidden");
    for (const mark of marks) put(mark, [frames.marks[frame], 0]);
    const loss = frames.losses[frame];
    put(element("mark-dot"), loss === null ? null : [frames.marks[frame], loss]);
  }

  function pause() {
    since = null;
    play.setAttribute("aria-label", "play");
    document.body.classList.remove("plays");
  }

  function start() {
    if (frame === last) show(0);
    since = performance.now();
    play.setAttribute("aria-label", "pause");
    document.body.classList.add("plays");
    requestAnimationFrame(tick);
  }

  function tick(now) {
    if (since === null) return;
    const elapsedFrames = Math.floor((now - since) / (period / speed.value));
    if (elapsedFrames > 0) {
      since += elapsedFrames * (period / speed.value);
      show(frame + elapsedFrames);
    }
    if (frame === last) pause();
    else requestAnimationFrame(tick);
  }

  const toggle = () => (since === null ? start() : pause());
  const jump = (next) => {
    pause();
    show(next);
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
  document.addEventListener("keydown", (event) => {
    const action = keys[event.key];
    // The speed menu handles its own keys, and a focused button takes the space key as a click.
    if (!action || event.target === speed || (event.target === play && event.key === " ")) return;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    action();
  });

  // A hidden page draws no frames, so that time must not pass.
  document.addEventListener("visibilitychange", pause);
  addEventListener("beforeprint", () => jump(last));
  document.body.classList.add("moves");
  element("controls").hidden = element("keys").hidden = false;
  show(last);
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) start();
}
