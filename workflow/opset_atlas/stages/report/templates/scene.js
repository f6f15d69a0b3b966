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
}
