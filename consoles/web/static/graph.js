// Draws the closure of a ticket: what #drawing has as JSON, laid out by dagre, into #graph. It is drawn anew when that changes.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const KINDS = ["ticket", "order", "colocation", "location", "template"];
  const PAD = 12, GAP = 10, LINE = 18, ROUND = 6;
  const SMALLEST = 0.1, READABLE = 0.6, LARGEST = 4;
  const ruler = document.createElement("canvas").getContext("2d");

  const width = (text, size, weight = "400") => {
    ruler.font = `${weight} ${size}px system-ui, sans-serif`;
    return Math.ceil(ruler.measureText(text).width) + 2;
  };

  const make = (parent, name, attributes = {}, text) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  };

  // -- layout: collections hold their parts in a column; dagre places what stands at the top

  const measured = (node, parts) => {
    const inner = parts.map((part) => part.box);
    const detail = node.detail ? 1 : 0;
    const head = PAD + LINE * (2 + detail);
    const words = [width(node.label, 14, "600"), width(node.kind, 11), node.detail ? width(node.detail, 11) : 0];
    const widest = Math.max(...words, ...inner.map((box) => box.width));
    let bottom = head;
    for (const part of parts) {
      part.box.x = PAD;
      part.box.y = bottom;
      bottom += part.box.height + GAP;
    }
    for (const part of parts) part.box.width = widest;
    return { width: widest + 2 * PAD, height: parts.length ? bottom + PAD - GAP : head + PAD / 2, x: 0, y: 0 };
  };

  const layOut = (nodes, edges) => {
    const byId = new Map(nodes.map((node) => [node.id, node]));
    const partsOf = (id) => nodes.filter((node) => node.parent === id);
    const measure = (node) => {
      node.parts = partsOf(node.id);
      node.parts.forEach(measure);
      node.box = measured(node, node.parts);
    };
    const top = (node) => (node.parent ? top(byId.get(node.parent)) : node);
    const place = (node, x, y) => {
      node.box.x += x;
      node.box.y += y;
      for (const part of node.parts) place(part, node.box.x, node.box.y);
    };
    const graph = new dagre.graphlib.Graph({ multigraph: true });
    graph.setGraph({ rankdir: "TB", nodesep: 48, edgesep: 24, ranksep: 48, marginx: 16, marginy: 16 });
    graph.setDefaultEdgeLabel(() => ({}));
    const tops = nodes.filter((node) => !node.parent);
    tops.forEach(measure);
    for (const node of tops) graph.setNode(node.id, { width: node.box.width, height: node.box.height });
    edges.forEach((edge, number) => {
      edge.from = byId.get(edge.source);
      edge.to = byId.get(edge.target);
      edge.words = edge.label ? `${edge.kind}: ${edge.label}` : edge.kind;
      const [source, target] = [top(edge.from).id, top(edge.to).id];
      if (source === target) return;
      // What is placed with something stands below it, as what comes after it does.
      const turned = edge.kind === "colocation";
      const label = { width: width(edge.words, 11), height: 14, labelpos: "c" };
      graph.setEdge(turned ? target : source, turned ? source : target, label, String(number));
      edge.laid = { turned, label };
    });
    dagre.layout(graph);
    for (const node of tops) {
      const { x, y } = graph.node(node.id);
      place(node, x - node.box.width / 2, y - node.box.height / 2);
    }
    for (const edge of edges) {
      if (!edge.laid) continue;
      const points = edge.laid.label.points.map(({ x, y }) => ({ x, y }));
      edge.points = edge.laid.turned ? points.reverse() : points;
    }
    return graph.graph();
  };

  // -- drawing

  const border = ({ box }, { x, y }) => {
    // Where the line from the middle of a box to a point leaves the box.
    const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    const [dx, dy] = [x - middle.x, y - middle.y];
    const scale = Math.max((2 * Math.abs(dx)) / box.width, (2 * Math.abs(dy)) / box.height) || 1;
    return { x: middle.x + dx / scale, y: middle.y + dy / scale };
  };

  const path = (edge) => {
    if (!edge.points) {
      // Both ends stand in the same box: round its parts, at their right side.
      const [a, b] = [edge.from.box, edge.to.box];
      const [x1, y1] = [a.x + a.width, a.y + a.height / 2];
      const [x2, y2] = [b.x + b.width, b.y + b.height / 2];
      return `M${x1},${y1} C${x1 + 30},${y1} ${x2 + 30},${y2} ${x2},${y2}`;
    }
    const inner = edge.points.slice(1, -1);
    const from = border(edge.from, inner[0] ?? edge.points.at(-1));
    const to = border(edge.to, inner.at(-1) ?? edge.points[0]);
    let d = `M${from.x},${from.y}`;
    inner.forEach((point, number) => {
      const next = inner[number + 1];
      const end = next ? { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 } : to;
      d += ` Q${point.x},${point.y} ${end.x},${end.y}`;
    });
    return inner.length ? d : `${d} L${to.x},${to.y}`;
  };

  const drawNode = (parent, node, configuration) => {
    const resource = !["ticket", "node", "rule", "unknown"].includes(node.kind);
    const names = `node ${node.kind}${node.outside ? " outside" : ""}`;
    const said = [node.kind, node.label, node.detail, node.outside ? "stays here" : ""].filter(Boolean).join(", ");
    const group = resource
      ? make(parent, "a", { class: names, href: `${configuration}?${new URLSearchParams({ id: node.id })}` })
      : make(parent, "g", { class: names, role: "img", "aria-label": said });
    // A link is named by its text, so that it can be said as it is read.
    if (resource && node.outside) group.setAttribute("aria-description", "stays here");
    group.dataset.id = node.id;
    const { x, y, width: w, height: h } = node.box;
    make(group, "rect", { class: `box${node.outside ? " outside" : ""}`, x, y, width: w, height: h, rx: node.kind === "ticket" ? h / 3 : ROUND });
    let line = y + PAD + 2;
    for (const [text, name] of [[node.kind, "kind"], [node.label, "label"], [node.detail, "detail"]]) {
      if (!text) continue;
      make(group, "text", { class: name, x: x + PAD, y: line + 4 }, `${text} `);
      line += LINE;
    }
    for (const part of node.parts) drawNode(parent, part, configuration);
  };

  const drawEdge = (lines, labels, edge) => {
    const outside = edge.outside ? " outside" : "";
    const line = make(lines, "path", { class: `edge ${edge.kind}${outside}`, d: path(edge), "marker-end": `url(#arrow-${edge.kind})` });
    line.dataset.constraint = edge.constraint;
    line.dataset.ends = `${edge.source} ${edge.target}`;
    make(line, "title", {}, `${edge.constraint} ${edge.words}`);
    if (edge.laid && edge.laid.label.x !== undefined) {
      make(labels, "text", { class: `edge-label${outside}`, x: edge.laid.label.x, y: edge.laid.label.y + 4 }, edge.words);
    }
  };

  const draw = (figure, { nodes, edges }) => {
    const box = figure.querySelector(".graph-box");
    const size = layOut(nodes, edges);
    box.replaceChildren();
    const svg = make(box, "svg", { viewBox: `0 0 ${size.width} ${size.height}`, role: "group", "aria-label": "Closure" });
    const marks = make(svg, "defs");
    for (const kind of KINDS) {
      const mark = { id: `arrow-${kind}`, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 10, markerHeight: 10, markerUnits: "userSpaceOnUse", orient: "auto" };
      make(make(marks, "marker", mark), "path", { class: `arrow ${kind}`, d: "M0,0 L10,5 L0,10 z" });
    }
    const [boxes, lines, labels] = ["boxes", "lines", "labels"].map((name) => make(svg, "g", { class: name }));
    for (const node of nodes.filter((each) => !each.parent)) drawNode(boxes, node, figure.dataset.configuration);
    for (const edge of edges) drawEdge(lines, labels, edge);
    zoom(figure, "fit", size);
  };

  // -- looking at it

  const zoom = (figure, by, { width: w, height: h }) => {
    const box = figure.querySelector(".graph-box");
    const fitting = Math.max(READABLE, Math.min(1, box.clientWidth / w || 1));
    const now = Number(figure.dataset.scale) || fitting;
    const scale = by === "fit" ? fitting : Math.min(LARGEST, Math.max(SMALLEST, now * Number(by)));
    figure.dataset.scale = scale;
    const svg = box.querySelector("svg");
    svg.setAttribute("width", Math.floor(w * scale));
    svg.setAttribute("height", Math.floor(h * scale));
  };

  const drag = (box) => {
    let from = null;
    box.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button !== 0 || event.target.closest("a")) return;
      from = { x: event.clientX + box.scrollLeft, y: event.clientY + box.scrollTop };
      box.setPointerCapture(event.pointerId);
    });
    box.addEventListener("pointermove", (event) => {
      if (from) box.scrollTo(from.x - event.clientX, from.y - event.clientY);
    });
    for (const name of ["pointerup", "pointercancel"]) box.addEventListener(name, () => { from = null; });
  };

  const begin = () => {
    const [figure, region] = [document.getElementById("graph"), document.getElementById("closure")];
    if (!figure || !region) return;
    let drawn = null;
    const look = () => {
      const data = region.querySelector("#drawing")?.dataset.graph ?? "";
      if (data === drawn) return;
      drawn = data;
      figure.hidden = !data;
      if (data) draw(figure, JSON.parse(data));
    };
    figure.addEventListener("click", (event) => {
      const by = event.target.dataset?.zoom;
      const view = figure.querySelector("svg[viewBox][role]")?.viewBox.baseVal;
      if (by && view) zoom(figure, by, view);
    });
    drag(figure.querySelector(".graph-box"));
    new MutationObserver(look).observe(region, { attributes: true, attributeFilter: ["data-graph"], childList: true, subtree: true });
    look();
  };
  begin();
})();
