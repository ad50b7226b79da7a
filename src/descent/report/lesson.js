async function race() {
  const element = (id) => document.getElementById(id);
  const root = element("lesson");
  const { surfaces, optimizers, rates, steps } = JSON.parse(await unpacked(element("race-data").textContent));
  const racers = optimizers.map((name, index) => ({
    name,
    row: root.querySelector(`[data-racer="${index}"]`),
    paths: [...root.querySelectorAll(`[data-path="${index}"]`)],
    dot: root.querySelector(`[data-dot="${index}"]`),
    line: root.querySelector(`[data-line="${index}"]`),
  }));
  const [surfaceChoice, startChoice, rateSlider] = ["surface", "from", "rate"].map(element);
  const numbers = (Type, text) => new Type(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  const NOWHERE = -32768;
  let surface;
  let frame = steps;

  // Numbers with three digits, as the rest of the page has them.
  const short = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "∞").replace("e+", "e").replaceAll("-", "−");
  const isIn = (racer) => racer.row.querySelector("input").checked;

  function isOutside(point) {
    const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(root.querySelector("#view rect").getAttribute(name)));
    return !point || point[0] < x || point[0] > x + width || point[1] < y || point[1] > y + height;
  }

  // What a racer did so far at the chosen rate from the chosen start.
  function course(index) {
    const run = (index * rates + Number(rateSlider.value)) * surface.points.length + Number(startChoice.value);
    const first = run * (steps + 1);
    const taken = Math.min(frame, surface.steps[run]);
    const points = [];
    const losses = [];
    for (let step = 0; step <= taken; step++) {
      const [x, y] = [surface.path[2 * (first + step)], surface.path[2 * (first + step) + 1]];
      if (x !== NOWHERE) points.push([x / 10, y / 10]);
      const height = surface.heights[first + step];
      if (height !== NOWHERE) losses.push([surface.left + (step / steps) * surface.width, height / 10]);
    }
    const isOver = surface.diverged[run] && frame >= surface.steps[run];
    const minimum = surface.reached[first + taken];
    let where = "on its way";
    if (isOver) where = `diverged after step ${surface.steps[run]}`;
    else if (minimum < 0) where = "at rest elsewhere";
    else if (!minimum && isOutside(points.at(-1))) where = "out of view";
    else if (minimum) where = `at the minimum ${surface.minima[minimum - 1]}`;
    return { points, losses, isOver, where, loss: short(surface.losses[first + taken]), rate: surface.rates[index][rateSlider.value] };
  }

  function show(next) {
    frame = next;
    element("step").textContent = frame;
    element("now").setAttribute("transform", `translate(${surface.left + (frame / steps) * surface.width} 0)`);
    racers.forEach((racer, index) => {
      const { points, losses, isOver, where, loss, rate } = course(index);
      const runs = isIn(racer);
      for (const path of racer.paths) path.setAttribute("points", runs ? points.join(" ") : "");
      racer.line.setAttribute("points", runs ? losses.join(" ") : "");
      put(racer.dot, runs && !isOver ? points.at(-1) : null);
      racer.row.classList.toggle("out", !runs);
      const texts = { rate, loss: runs ? loss : "", where: runs ? where : "" };
      for (const [name, text] of Object.entries(texts)) racer.row.querySelector(`.of-${name}`).textContent = text;
    });
    return `step ${frame} of ${steps}`;
  }

  // Told once, when the race stops or a choice has been made.
  function tell() {
    const told = racers.flatMap((racer, index) => {
      const { where, loss } = course(index);
      return isIn(racer) ? [`${racer.name}: loss ${loss}, ${where}`] : [];
    });
    element("said").textContent = `Step ${frame}. ${told.join("; ")}.`;
  }

  function chooseRate() {
    const told = racers.flatMap((racer, index) => (isIn(racer) ? [`${racer.name} ${surface.rates[index][rateSlider.value]}`] : []));
    rateSlider.setAttribute("aria-valuetext", `${Number(rateSlider.value) + 1} of ${rates}: ${told.join(", ")}`);
  }

  function chooseStart() {
    put(element("here"), surface.points[startChoice.value]);
  }

  function chooseSurface() {
    const chosen = surfaces[surfaceChoice.value];
    surface = {
      ...chosen,
      path: numbers(Int16Array, chosen.path),
      heights: numbers(Int16Array, chosen.heights),
      losses: numbers(Float32Array, chosen.losses),
      reached: numbers(Int8Array, chosen.reached),
    };
    element("about").textContent = surface.about;
    element("ground").innerHTML = surface.ground;
    element("chart").innerHTML = surface.chart;
    element("map").setAttribute("viewBox", `0 0 400 ${surface.height}`);
    startChoice.replaceChildren(...surface.starts.map((start, index) => new Option(start, index)));
    chooseStart();
  }

  chooseSurface();
  chooseRate();
  const player = clock(root, steps, show, tell);
  const changed = (choose) => () => {
    choose();
    chooseRate();
    player.again();
    tell();
  };
  surfaceChoice.addEventListener("change", changed(chooseSurface));
  startChoice.addEventListener("change", changed(chooseStart));
  rateSlider.addEventListener("input", changed(() => {}));
  for (const racer of racers) racer.row.querySelector("input").addEventListener("change", changed(() => {}));
  element("race").hidden = false;
}
if (document.getElementById("lesson")) race();
