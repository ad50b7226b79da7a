{
  const element = (id) => document.getElementById(id);
  const frames = JSON.parse(element("frames").textContent);
  const figures = [...document.querySelectorAll("[data-figure]")];
  const marks = document.querySelectorAll(".mark");
  // Read the attributes, not the bounding box, which a hidden page does not have.
  const view = document.querySelector("#view rect");
  const [left, top, width, height] = ["x", "y", "width", "height"].map((name) => Number(view.getAttribute(name)));
  const inside = ([x, y]) => x >= left && x <= left + width && y >= top && y <= top + height;

  function show(frame) {
    for (const figure of figures) figure.textContent = frames.figures[figure.dataset.figure][frame];
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
    return figures.map((figure) => `${figure.dataset.figure} ${figure.textContent}`).join(", ");
  }

  document.body.classList.add("moves");
  element("keys").hidden = false;
  const { start } = clock(document.body, frames.path.length - 1, show);
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) start();
}
