// Two pictures that move together: zoom, drag, and the counterpart of what is under the pointer.
// Without this script both scroll independently and show the same.
"use strict";
for (const panes of document.querySelectorAll("[data-panes]")) {
  const graphs = [...panes.querySelectorAll(".graph")];
  const pictures = graphs.map((graph) => graph.querySelector("svg"));
  if (!pictures.length) continue;
  const [width, height] = pictures[0].getAttribute("viewBox").split(" ").slice(2).map(Number);
  const bar = document.createElement("div");
  bar.className = "tools";
  const shown = document.createElement("output");
  let scale = 1;

  const zoom = (wanted, graph = graphs[0], x = graph.clientWidth / 2, y = graph.clientHeight / 2) => {
    const before = scale;
    scale = Math.min(4, Math.max(0.1, wanted));
    for (const picture of pictures) {
      picture.setAttribute("width", width * scale);
      picture.setAttribute("height", height * scale);
    }
    graph.scrollLeft = ((graph.scrollLeft + x) * scale) / before - x;
    graph.scrollTop = ((graph.scrollTop + y) * scale) / before - y;
    shown.textContent = `${Math.round(100 * scale)} %`;
  };
  const fit = () => zoom(Math.max(0.55, Math.min(1, (graphs[0].clientWidth - 24) / width)));

  for (const [text, name, act] of [
    ["−", "Zoom out", () => zoom(scale / 1.25)],
    ["+", "Zoom in", () => zoom(scale * 1.25)],
    ["Fit", "Fit the width", fit],
  ]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.setAttribute("aria-label", name);
    button.addEventListener("click", act);
    bar.append(button);
  }
  bar.append(shown);
  panes.prepend(bar);

  for (const graph of graphs) {
    const others = graphs.filter((other) => other !== graph);
    graph.addEventListener("scroll", () => {
      for (const other of others) {
        if (other.scrollLeft !== graph.scrollLeft) other.scrollLeft = graph.scrollLeft;
        if (other.scrollTop !== graph.scrollTop) other.scrollTop = graph.scrollTop;
      }
    });
    graph.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return; // the wheel scrolls, as usual; Ctrl or a pinch zooms
      event.preventDefault();
      const box = graph.getBoundingClientRect();
      zoom(scale * Math.exp(-event.deltaY / 300), graph, event.clientX - box.x, event.clientY - box.y);
    }, { passive: false });
    graph.addEventListener("keydown", (event) => {
      const wanted = { "+": scale * 1.25, "-": scale / 1.25, 0: 1 }[event.key];
      if (wanted && !event.ctrlKey && !event.metaKey) zoom(wanted, graph);
    });
    graph.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse" && event.button === 0) graph.setPointerCapture(event.pointerId);
    });
    graph.addEventListener("pointermove", (event) => {
      if (!graph.hasPointerCapture(event.pointerId)) return;
      graph.scrollLeft -= event.movementX;
      graph.scrollTop -= event.movementY;
    });
    const point = (event, on) => {
      const box = event.target.closest(".box");
      if (!box) return;
      const name = box.id.slice(box.id.indexOf("-"));
      for (const picture of pictures) {
        for (const each of picture.querySelectorAll(".box")) {
          if (each.id.endsWith(name) && each.id.slice(each.id.indexOf("-")) === name) {
            each.classList.toggle("pointed", on);
          }
        }
      }
    };
    graph.addEventListener("pointerover", (event) => point(event, true));
    graph.addEventListener("pointerout", (event) => point(event, false));
  }
  fit();

  // A box by the key that both sides share; what is equal is drawn once, and the other side uses it.
  const byKey = new Map();
  for (const box of panes.querySelectorAll(".box")) {
    const key = box.id.slice(box.id.indexOf("-") + 1);
    byKey.set(key, [...(byKey.get(key) ?? []), box]);
  }
  const drawn = [...byKey].map(([key, sides]) => [key, sides.find((side) => side.localName === "g")]);
  let current = [];
  const show = (key) => {
    for (const box of current) box.classList.remove("current");
    current = byKey.get(key) ?? [];
    for (const box of current) box.classList.add("current");
    if (!current.length) return;
    const graph = current[0].closest(".graph");
    const [box, pane] = [current[0].getBoundingClientRect(), graph.getBoundingClientRect()];
    graph.scrollLeft += box.x + box.width / 2 - pane.x - graph.clientWidth / 2;
    graph.scrollTop += box.y + box.height / 2 - pane.y - graph.clientHeight / 2;
  };

  // The changes in the order of the list, each with its places.
  const stops = [...document.querySelectorAll("#changes [data-boxes]")].flatMap((link) =>
    link.dataset.boxes.split(" ").map((key, place, all) => ({ link, key, place, all })),
  );
  const where = document.createElement("output");
  let at = 0;
  const go = (number, scroll = true) => {
    at = (number + stops.length) % stops.length;
    const { link, key, place, all } = stops[at];
    where.textContent = `change ${link.textContent}` + (all.length > 1 ? `, place ${place + 1} of ${all.length}` : "");
    show(key);
    if (scroll) panes.scrollIntoView({ block: "nearest" });
  };
  if (stops.length) {
    for (const [text, name, step] of [["Previous", "Previous change (p)", -1], ["Next", "Next change (n)", 1]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.title = name;
      button.addEventListener("click", () => go(at + step));
      bar.append(button);
    }
    bar.append(where);
    addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
      const step = { n: 1, j: 1, p: -1, k: -1 }[event.key];
      if (step) go(at + step);
    });
    for (const { link } of stops) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        go(stops.findIndex((stop) => stop.link === link));
      });
    }
  }

  const search = document.createElement("input");
  const found = document.createElement("output");
  search.type = "search";
  search.placeholder = "Search in the graphs";
  search.setAttribute("aria-label", "Search in the graphs; Enter shows the next");
  let hit = -1;
  search.addEventListener("input", () => { hit = -1; found.textContent = ""; });
  search.addEventListener("keydown", (event) => {
    const text = search.value.trim().toLowerCase();
    if (event.key !== "Enter" || !text) return;
    const hits = drawn.filter(([key]) => byKey.get(key).some((box) => box.textContent.toLowerCase().includes(text)));
    hit = hits.length ? (hit + 1) % hits.length : -1;
    found.textContent = hits.length ? `${hit + 1} of ${hits.length}` : "none";
    if (hits.length) show(hits[hit][0]);
  });
  bar.append(search, found);

  // The overview: every box, a mark for each that changed, and what the panes show.
  const draw = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const viewBox = pictures[0].getAttribute("viewBox");
  const overview = draw("svg", { class: "overview", viewBox, preserveAspectRatio: "none", "aria-hidden": "true" });
  const marks = [];
  for (const [, box] of drawn) {
    const [x, y] = box.getAttribute("transform").slice(10, -1).split(" ").map(Number);
    const card = box.querySelector(".card");
    overview.append(draw("rect", { x, y, width: card.getAttribute("width"), height: card.getAttribute("height") }));
    const kind = ["removed", "added", "meaning", "encoding"].find((name) => box.classList.contains(name));
    if (kind) marks.push(draw("path", { class: `changed ${kind}`, d: `M-12 ${y}H${width}`, "vector-effect": "non-scaling-stroke" }));
  }
  const seen = draw("rect", { class: "seen" });
  overview.append(...marks, seen);
  const look = () => {
    const pane = graphs[0];
    const shown = { x: pane.scrollLeft / scale - 12, y: pane.scrollTop / scale - 12, width: pane.clientWidth / scale, height: pane.clientHeight / scale };
    for (const [key, value] of Object.entries(shown)) seen.setAttribute(key, value);
  };
  overview.addEventListener("click", (event) => {
    const box = overview.getBoundingClientRect();
    graphs[0].scrollTop = ((event.clientY - box.y) / box.height) * height * scale - graphs[0].clientHeight / 2;
    graphs[0].scrollLeft = ((event.clientX - box.x) / box.width) * width * scale - graphs[0].clientWidth / 2;
  });
  graphs[0].addEventListener("scroll", look);
  if (graphs.length > 1 && pictures[0].clientHeight > graphs[0].clientHeight) {
    panes.append(overview);
    panes.classList.add("with-overview");
    fit();
  }
  if (stops.length) go(0, false);
  look();
}
