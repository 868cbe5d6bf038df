// Plots: bars as rows of a table-like list, spreads as inline SVG. Colours come from the style's variables.

/** Labelled bars. Rows: {label, value, note, more, run, choose, title}. */
function bars(rows, { unit = "", most = 12 } = {}) {
  const top = Math.max(1, ...rows.flatMap((row) => [row.value, row.second || 0]));
  const box = el("div", { class: "bars" });
  const draw = (shown) => {
    clear(box);
    for (const row of rows.slice(0, shown)) {
      const bar = el(
        "span",
        { class: "track", "aria-hidden": "true" },
        row.value > 0 && el("span", { class: `fill ${row.kind || ""}`, style: { width: `${(100 * row.value) / top}%` } }),
        row.second > 0 && el("span", { class: "fill second", style: { width: `${(100 * row.second) / top}%` } }),
      );
      const inside = [
        el("span", { class: "label" }, said(row.label), row.note && said(row.note, "small")),
        bar,
        el("span", { class: "value" }, row.shown || `${count(row.value)}${unit}`),
        row.more && el("span", { class: "more" }, row.more),
      ];
      box.append(
        row.choose
          ? el("button", { type: "button", class: "row", onclick: row.choose, title: row.title || "Show these notes" }, inside)
          : el("div", { class: "row", title: row.title }, inside),
      );
    }
    if (rows.length > shown) {
      const rest = Math.min(rows.length, 60);
      box.append(el("button", { type: "button", class: "link", onclick: () => draw(rest) }, `Show ${rest - shown} more`));
    }
  };
  draw(most);
  return box;
}

/** How numbers of notes spread; `spreads` holds one a run. */
function histogram(spreads, { unit = "", label }) {
  const known = spreads.filter(Boolean);
  if (!known.length) return el("p", { class: "none" }, "Nothing to measure.");
  const [width, height, left, bottom, top] = [360, 150, 34, 22, 8];
  const low = Math.min(...known.map((spread) => spread.low));
  const high = Math.max(...known.map((spread) => spread.high));
  const whole = known[0].whole;
  const sums = known.map((spread) => spread.counts.reduce((sum, n) => sum + n, 0) || 1);
  const share = (spread, at) => spread.counts[at] / sums[known.indexOf(spread)];
  const tallest = Math.max(...known.flatMap((spread) => spread.counts.map((_, at) => share(spread, at)))) || 1;
  const step = (spread) => (whole ? 1 : (spread.high - spread.low) / spread.counts.length);
  const end = high + (whole ? 1 : 0);
  const x = (value) => left + ((value - low) / (end - low || 1)) * (width - left - 12);
  const y = (value) => top + (1 - value / tallest) * (height - top - bottom);
  const plot = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "plot", role: "img", "aria-label": `${label}, ${describe()}` });
  function describe() {
    return known.map((spread, i) => `${comparing ? `run ${LETTERS[i]}: ` : ""}median ${spread.median}${unit}`).join("; ");
  }
  for (const part of [0, 0.5, 1]) {
    const at = y(tallest * part);
    plot.append(svg("line", { x1: left, x2: width - 12, y1: at, y2: at, class: "grid" }));
    plot.append(svg("text", { x: left - 5, y: at + 3.5, class: "tick", "text-anchor": "end" }, `${Math.round(100 * tallest * part)}%`));
  }
  known.forEach((spread, run) => {
    spread.counts.forEach((n, at) => {
      if (!n) return;
      const from = spread.low + at * step(spread);
      const [x1, x2] = [x(from), x(from + step(spread))];
      const half = known.length === 2 ? (x2 - x1) / 2 : x2 - x1;
      const ends = whole ? `${at}${at === spread.counts.length - 1 && at >= 40 ? " or more" : ""}` : `${round(from)}–${round(from + step(spread))}`;
      plot.append(
        svg(
          "rect",
          {
            x: x1 + 0.75 + run * half,
            width: Math.max(1, half - 1.5),
            y: y(share(spread, at)),
            height: Math.max(1, y(0) - y(share(spread, at))),
            rx: 1.5,
            class: run ? "second" : "first",
          },
          svg("title", {}, `${ends}${unit}: ${count(n)}`),
        ),
      );
    });
  });
  const ticks = whole ? Array.from({ length: high - low + 1 }, (_, i) => low + i).filter((value) => value % Math.ceil((high - low + 1) / 10) === 0) : [0, 0.25, 0.5, 0.75, 1].map((p) => low + p * (high - low));
  for (const value of new Set(ticks)) {
    plot.append(svg("text", { x: x(value + (whole ? 0.5 : 0)), y: height - 6, class: "tick", "text-anchor": "middle" }, round(value)));
  }
  known.forEach((spread, run) => {
    const at = x(spread.median + (whole ? 0.5 : 0));
    plot.append(svg("line", { x1: at, x2: at, y1: top - 4, y2: y(0), class: `median ${run ? "b" : ""}` }, svg("title", {}, `median ${spread.median}${unit}`)));
  });
  return el("div", {}, plot, el("p", { class: "says" }, describe()));
}

const round = (value) => (Math.abs(value) >= 10 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(value < 1 && value ? 2 : 1));

/** Step times: a line from the 5th to the 95th percentile, a dot at the median; time runs logarithmically. */
function stepTimes(steps) {
  const lowest = Math.max(0.05, Math.min(...steps.map((step) => step.p5 || 0.05)));
  const highest = Math.max(lowest * 10, ...steps.map((step) => step.p95));
  const at = (value) => `${(100 * Math.log(Math.max(value, lowest) / lowest)) / Math.log(highest / lowest)}%`;
  const rows = steps.map((step) =>
    el(
      "tr",
      {},
      el("th", { scope: "row", title: STEPS[step.name] }, step.name),
      el(
        "td",
        { class: "range" },
        el(
          "span",
          { class: "scale", "aria-hidden": "true" },
          el("span", { class: "line", style: { left: at(step.p5), right: `calc(100% - ${at(step.p95)})` } }),
          el("span", { class: "dot", style: { left: at(step.p50) } }),
        ),
      ),
      el("td", { class: "number" }, milliseconds(step.p50)),
      el("td", { class: "number" }, milliseconds(step.p95)),
      el("td", { class: "number wide" }, percent(step.cached, step.notes)),
      el("td", { class: "number wide" }, count(step.prompt_tokens + step.completion_tokens)),
    ),
  );
  const heads = ["step", "5th to 95th percentile", "median", "95th", "cached", "tokens"];
  return el(
    "table",
    { class: "numbers" },
    el("thead", {}, el("tr", {}, heads.map((name, i) => el("th", { scope: "col", class: i > 3 ? "number wide" : i > 1 ? "number" : i ? "range" : "" }, name)))),
    el("tbody", {}, rows),
  );
}
