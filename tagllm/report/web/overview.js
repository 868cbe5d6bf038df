// The numbers: what run, what became of its rows, how good, how it spreads.

function card(title, says, ...content) {
  return el("section", { class: "card" }, el("h2", {}, title), says && el("p", { class: "says" }, says), content);
}

function account(run, letter) {
  const counts = run.counts;
  const kinds = [
    ["tagged", "Tagged", () => choose({ status: "tagged" })],
    ["failed", "Failed", () => choose({ status: "failed" })],
    ["rejected", "Rejected", null],
    ["duplicate", "Duplicate", null],
  ];
  const sum = kinds.reduce((total, [name]) => total + counts[name], 0);
  const read = counts.read === null ? sum : counts.read;
  const parts = [el("div", { class: "sum" }, el("b", {}, count(read)), el("span", {}, counts.read === null ? "so far" : "read"))];
  kinds.forEach(([name, label, chosen], i) => {
    parts.push(el("span", { class: "sign", "aria-hidden": "true" }, i ? "+" : "="));
    const inside = [el("b", {}, count(counts[name])), el("span", {}, label)];
    parts.push(
      chosen && counts[name]
        ? el("button", { type: "button", class: `sum ${name}`, onclick: chosen }, inside)
        : el("div", { class: `sum ${name} ${counts[name] ? "" : "zero"}` }, inside),
    );
  });
  const strip = el("div", { class: "strip", "aria-hidden": "true" });
  for (const [name] of kinds) if (counts[name]) strip.append(el("span", { class: name, style: { "flex-grow": String(counts[name]) } }));
  const holds = run.accounted
    ? el("p", { class: "holds" }, "✓ Every row that was read is accounted for.")
    : el("p", { class: "holds bad" }, run.finished ? "✗ Not every row is accounted for." : "The run has not finished.");
  return el("div", { class: "account" }, letter && el("span", { class: `letter ${letter}` }, letter), el("div", { class: "sums" }, parts), strip, holds);
}

function madeBy(run, letter) {
  const prompts = run.prompts.join(", ");
  const pairs = [
    ["teacher", [run.teacher, run.model].filter(Boolean).join(" · ")],
    ["revision", run.revision],
    ["prompts", prompts],
    ["graph", run.graph],
    ["handbook", run.handbook ? run.handbook.slice(0, 12) : "none"],
    ["notes", [run.notes.file, run.notes.split && `split ${run.notes.split}`, run.notes.limit && `first ${count(run.notes.limit)}`].filter(Boolean).join(", ")],
    ["made", run.created_at.replace("T", " ").slice(0, 16)],
    ["took", seconds(run.seconds)],
    ["tokens", run.tokens && run.tokens.prompt + run.tokens.completion ? `${count(run.tokens.prompt)} read, ${count(run.tokens.completion)} written` : ""],
    ["fingerprint", run.fingerprint.slice(0, 12)],
  ].filter(([, value]) => value);
  return el(
    "div",
    { class: "made" },
    letter && el("h2", { class: "run-name" }, el("span", { class: `letter ${letter}` }, letter), said(run.name)),
    el("dl", { class: "pairs" }, pairs.map(([name, value]) => el("div", {}, el("dt", {}, name), said(value, "dd")))),
  );
}

const KEY_METRICS = ["groundedness", "interest_coverage", "redundancy", "granularity", "tags_per_note", "novelty"];

function tiles(run) {
  const found = Object.fromEntries(run.metrics.map((m) => [m.name, m]));
  const names = [...KEY_METRICS.filter((name) => found[name]), ...(found["F1@3"] ? ["F1@3"] : [])];
  if (!names.length) return null;
  return el(
    "div",
    { class: "tiles" },
    names.map((name) => {
      const m = found[name];
      return el(
        "div",
        { class: "tile" },
        el("span", { class: "tile-name" }, worded(METRICS, name)),
        el("b", {}, metric(m.value, m.unit)),
        el("small", {}, m.low === null ? "" : `${m.low.toFixed(1)} to ${m.high.toFixed(1)}`),
        el("small", { class: "what" }, name.startsWith("F1") ? "of three tags against the authors' own" : m.says),
      );
    }),
  );
}

function allMetrics(run) {
  const rows = run.metrics.map((m) =>
    el(
      "tr",
      { class: m.part ? "part" : "" },
      el("th", { scope: "row" }, m.name.replaceAll("_", " ")),
      el("td", { class: "number" }, metric(m.value, m.unit)),
      el("td", { class: "number" }, m.low === null ? "" : `${m.low.toFixed(2)} … ${m.high.toFixed(2)}`),
      el("td", { class: "number wide" }, count(m.notes)),
      el("td", { class: "wide" }, m.says),
    ),
  );
  return el(
    "details",
    { class: "card full" },
    el("summary", {}, "All metrics", el("small", {}, " with 95 % intervals; meaning is not compared here, tagllm eval does")),
    el(
      "table",
      { class: "numbers" },
      el("thead", {}, el("tr", {}, ["metric", "value", "interval", "notes", "what it says"].map((name, i) => el("th", { scope: "col", class: i === 3 ? "number wide" : i === 4 ? "wide" : i ? "number" : "" }, name)))),
      el("tbody", {}, rows),
    ),
  );
}

function tagCards(run) {
  const tags = run.tags;
  const frequent = card(
    "Most frequent tags",
    `${count(tags.distinct)} different tags; ${percent(tags.once, tags.distinct)} of them stand on one note.`,
    bars(tags.top.map((row) => ({ label: row.tag, value: row.count, choose: () => choose({ tag: row.tag }) }))),
  );
  const interests = card(
    "Interests and their tags",
    `Interests that were matched: ${count(run.interests.distinct)}. Bars count notes.`,
    run.interests.top.length
      ? bars(
          run.interests.top.map((row) => ({
            label: row.name,
            value: row.notes,
            more: row.tags.length ? row.tags.map((tag, i) => [i > 0 && " · ", said(tag.tag)]) : null,
            choose: () => choose({ interest: row.id }),
          })),
          { most: 8 },
        )
      : el("p", { class: "none" }, "No interest was matched."),
  );
  return [frequent, interests];
}

function draftsCard(run) {
  const { kept, decisions } = run.drafts;
  const rows = [
    { label: "final", value: kept, kind: "good" },
    ...decisions.map((row) => ({
      label: `${row.action}: ${worded(DECISIONS, row.reason)}`,
      value: row.count,
      kind: row.action === "merged" ? "quiet" : "warn",
    })),
  ];
  return card("What became of drafts", "Final tags, and why the other drafts were merged or dropped.", bars(rows, { most: 10 }));
}

function troubleCard(run) {
  const parts = [];
  if (run.failures.length) {
    const rows = run.failures.map((row) => ({
      label: worded(FAILURES, row.reason),
      note: row.step ? ` in ${row.step}` : "",
      value: row.count,
      kind: "bad",
      choose: () => choose({ status: `failed:${row.reason}` }),
    }));
    parts.push(el("h3", {}, "Failed notes"), bars(rows));
    if (run.lost.length) parts.push(el("p", { class: "says" }, "Kinds of notes that fail more or less often than chance:"), el("ul", { class: "plain" }, run.lost.map((kind) => said(kind, "li"))));
  }
  if (run.rejects.reasons.length) {
    const rows = run.rejects.reasons.map((row) => ({ label: row.reason.replaceAll("_", " "), value: row.count, kind: "warn" }));
    const lines = run.rejects.examples.map((row) =>
      el("li", {}, el("code", {}, row.where), " ", row.id && [said(row.id, "b"), " "], said(row.message)),
    );
    const total = run.rejects.reasons.reduce((sum, row) => sum + row.count, 0);
    parts.push(
      el("h3", {}, "Rows that were no notes"),
      bars(rows),
      el("details", {}, el("summary", {}, lines.length < total ? `The first ${lines.length} of ${count(total)}` : "Show them"), el("ul", { class: "plain" }, lines)),
    );
  }
  if (run.pictures.refused.length) {
    const rows = run.pictures.refused.map((row) => ({ label: row.reason.replaceAll("_", " "), value: row.count, kind: "warn" }));
    parts.push(el("h3", {}, `Pictures refused (${count(run.pictures.opened)} opened)`), bars(rows));
  }
  if (!parts.length) parts.push(el("p", { class: "none good" }, "✓ Nothing failed, nothing was rejected, no picture refused."));
  return card("Failures", null, parts);
}

function categoriesCard(run) {
  const rows = run.categories.map((row) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("button", { type: "button", class: "link", onclick: () => choose({ category: row.category }) }, said(row.category || "(none)"))),
      el("td", { class: "number" }, count(row.tagged + row.failed)),
      el("td", { class: `number ${row.failed ? "bad" : ""}` }, count(row.failed)),
      el("td", { class: "number" }, row.tags_per_note.toFixed(1)),
      ["interest_coverage", "groundedness", "redundancy"].map((name) => el("td", { class: "number wide" }, row[name] === null ? "–" : `${(100 * row[name]).toFixed(0)} %`)),
      el("td", { class: "number wide" }, row.granularity === null ? "–" : row.granularity.toFixed(1)),
    ),
  );
  const heads = ["category", "notes", "failed", "tags/note", "coverage", "grounded", "redundant", "bits"];
  return el(
    "section",
    { class: "card full" },
    el("h2", {}, "Categories"),
    el("div", { class: "scroll" }, el("table", { class: "numbers" }, el("thead", {}, el("tr", {}, heads.map((name, i) => el("th", { scope: "col", class: i > 3 ? "number wide" : i ? "number" : "" }, name)))), el("tbody", {}, rows))),
  );
}

function spreadCards() {
  const of = (name) => runs.map((run) => run.spread[name]);
  return [
    ["Granularity", "Information content of a note's tags against its file, in bits: higher is finer.", "granularity", " bits"],
    ["Interest coverage", "Matched interests that a tag of the note expresses.", "interest_coverage", " %"],
    ["Redundancy", "Pairs of a note's tags that say the same, by form and spelling: lower is better.", "redundancy", " %"],
    ["Tags per note", "Of notes that got tags.", "tags_per_note", ""],
    ["Groundedness", "A note's tags whose evidence holds when it is looked up again.", "groundedness", " %"],
    ["Confidence", "Of final tags.", "confidence", ""],
  ].map(([title, says, name, unit]) => card(title, says, histogram(of(name), { unit, label: title })));
}

function runOverview(run) {
  return [
    account(run),
    tiles(run),
    el("div", { class: "cards" }, [
      ...tagCards(run),
      troubleCard(run),
      draftsCard(run),
      run.steps.length > 0 && card("Step times", "On a logarithmic scale; the dot is the median.", stepTimes(run.steps)),
      ...spreadCards(),
    ]),
    categoriesCard(run),
    allMetrics(run),
  ];
}

function differenceTable(metrics) {
  const sign = (value, unit) => {
    if (value === null) return "–";
    const shown = metric(Math.abs(value), unit);
    return `${/[1-9]/.test(shown) ? (value > 0 ? "+" : "−") : "±"}${shown}`;
  };
  const rows = metrics.map((m) =>
    el(
      "tr",
      { class: `${m.part ? "part" : ""} ${m.clear ? "sure" : ""}` },
      el("th", { scope: "row", title: m.says }, METRICS[m.name] || m.name.replaceAll("_", " ")),
      el("td", { class: "number" }, metric(m.a, m.unit)),
      el("td", { class: "number" }, metric(m.b, m.unit)),
      el("td", { class: "number difference" }, sign(m.difference, m.unit)),
      el("td", { class: "number wide" }, m.low === null ? "" : `${m.low.toFixed(2)} … ${m.high.toFixed(2)}`),
      el("td", { class: "wide" }, m.low === null ? "" : m.clear ? "clear" : m.low === 0 && m.high === 0 ? "the same" : "may be chance"),
    ),
  );
  const heads = ["metric", "A", "B", "B − A", "95 % interval", "sure?"];
  return el(
    "table",
    { class: "numbers" },
    el("thead", {}, el("tr", {}, heads.map((name, i) => el("th", { scope: "col", class: i === 5 ? "wide" : i === 4 ? "wide number" : i ? "number" : "" }, name)))),
    el("tbody", {}, rows),
  );
}

function compareOverview(compare) {
  const notes = compare.notes;
  const noteRows = [
    ["same tags", notes.same, "quiet", "same"],
    ["other tags", notes.changed, "", "changed"],
    ["failed in A only", notes.failed_a, "bad", "failed-a"],
    ["failed in B only", notes.failed_b, "bad", "failed-b"],
    ["in A only", notes.only_a, "first", "only-a"],
    ["in B only", notes.only_b, "second", "only-b"],
  ].map(([label, value, kind, change]) => ({ label, value, kind, choose: value ? () => choose({ change }) : null }));
  const tagRows = [
    { label: "in both", value: compare.tags.both, kind: "quiet" },
    { label: "only in A", value: compare.tags.only_a, kind: "first" },
    { label: "only in B", value: compare.tags.only_b, kind: "second" },
  ];
  const moved = compare.moved.map((row) => ({
    label: row.tag,
    value: row.a,
    second: row.b,
    kind: "first",
    shown: `${count(row.a)} → ${count(row.b)}`,
    choose: () => choose({ tag: row.tag }),
  }));
  const cost = runs.map((run, i) => [LETTERS[i], run]);
  return [
    el("div", { class: "two" }, runs.map((run, i) => account(run, LETTERS[i]))),
    el("div", { class: "two" }, [
      card("Notes", `${count(notes.in_both)} notes are in both runs.`, bars(noteRows)),
      card("Tags", "Of notes in both runs; case, spacing and number do not matter.", bars(tagRows)),
    ]),
    el(
      "section",
      { class: "card full" },
      el("h2", {}, "Metrics"),
      el("p", { class: "says" }, `Of the ${count(runs[0].measured)} notes that both runs read alike; intervals are paired. Meaning is not compared here, tagllm eval does.`),
      differenceTable(compare.metrics.filter((m) => !m.part)),
      el("details", {}, el("summary", {}, "Their parts"), differenceTable(compare.metrics.filter((m) => m.part))),
    ),
    el("div", { class: "cards" }, [
      card("Tags that came or went", "Notes with the tag in A and in B.", moved.length ? bars(moved) : el("p", { class: "none" }, "No tag's count has changed.")),
      card("What differs in how they were made", null, compare.configuration.length ? el("ul", { class: "plain" }, compare.configuration.map((line) => said(line, "li"))) : el("p", { class: "none" }, "The configurations are the same.")),
      ...spreadCards(),
      ...cost.filter(([, run]) => run.steps.length).map(([letter, run]) => card(`Step times in ${letter}`, null, stepTimes(run.steps))),
      ...cost.filter(([, run]) => run.failures.length || run.rejects.reasons.length).map(([letter, run]) => {
        const made = troubleCard(run);
        made.querySelector("h2").append(` in ${letter}`);
        return made;
      }),
    ]),
  ];
}

function drawOverview() {
  const heading = comparing ? [said(runs[0].name), el("span", { class: "against" }, " against "), said(runs[1].name)] : said(runs[0].name);
  byId("name").append(comparing ? `${runs[0].name} against ${runs[1].name}` : runs[0].name);
  const alerts = runs.flatMap((run, i) => run.problems.map((problem) => el("li", {}, comparing && `${LETTERS[i]}: `, said(problem))));
  const made = runs.map((run) => el("details", {}, el("summary", {}, comparing ? `Configuration of ${run.name}` : "Configuration and versions"), said(run.made_by.text, "pre")));
  byId("overview").append(
    el("h1", {}, heading),
    el("div", { class: comparing ? "two" : "" }, runs.map((run, i) => madeBy(run, comparing && LETTERS[i]))),
    alerts.length ? el("div", { class: "alert", role: "note" }, el("b", {}, "To know before you trust this:"), el("ul", {}, alerts)) : "",
    ...[comparing ? compareOverview(facts.compare) : runOverview(runs[0])].flat().filter(Boolean),
    el("div", { class: "card full made-by" }, made),
  );
}
