// The notes: a list that draws only the rows in sight, filters, search, and the chosen note beside it.

const ROW = 74;
const all = [];
let listed = [];
let chosen = -1;
let loading = true;

const wanted = { text: "", status: "", category: "", interest: "", tag: "", change: "", sort: "place" };
const inputs = {};

const failedIn = (note, run) => Boolean(note.outcomes[run] && note.outcomes[run].failure);
const CHANGES = {
  changed: (note) => note.difference.only[0].length + note.difference.only[1].length > 0,
  same: (note) => note.outcomes.every((o) => o && !o.failure) && !CHANGES.changed(note),
  "failed-a": (note) => failedIn(note, 0) && note.outcomes[1] && !failedIn(note, 1),
  "failed-b": (note) => failedIn(note, 1) && note.outcomes[0] && !failedIn(note, 0),
  "only-a": (note) => !note.outcomes[1],
  "only-b": (note) => !note.outcomes[0],
};

const least = (name, sign) => (note) => {
  const values = note.outcomes.filter((o) => o && o[name] !== undefined && o[name] !== null).map((o) => sign * o[name]);
  return values.length ? Math.min(...values) : Infinity;
};
const SORTS = {
  place: ["order of the notes", (note) => note.place],
  confidence: ["least confident tag", least("confidence", 1)],
  groundedness: ["least grounded", least("groundedness", 1)],
  interest_coverage: ["least coverage", least("interest_coverage", 1)],
  granularity: ["least granular", least("granularity", 1)],
  redundancy: ["most redundant", least("redundancy", -1)],
  tags: ["fewest tags", (note) => Math.min(...note.outcomes.filter(Boolean).map((o) => o.tags.length))],
  decided: ["most drafts merged or dropped", least("decided", -1)],
  milliseconds: ["slowest", least("milliseconds", -1)],
};
if (comparing) SORTS.difference = ["most different tags", (note) => -(note.difference.only[0].length + note.difference.only[1].length)];

function matches() {
  const words = plain(wanted.text).split(/\s+/).filter(Boolean);
  const tag = plain(wanted.tag.trim());
  const exact = tag && all.some((note) => note.tags.includes(tag));
  const [status, reason] = wanted.status.split(":");
  const tests = [];
  if (words.length) tests.push((note) => words.every((word) => note.find.includes(word)));
  if (status === "tagged") tests.push((note) => note.outcomes.some((o) => o && !o.failure));
  if (status === "failed") tests.push((note) => note.outcomes.some((o) => o && o.failure && (!reason || o.failure.reason === reason)));
  if (wanted.category) tests.push((note) => `=${note.category}` === wanted.category);
  if (wanted.interest) tests.push((note) => note.outcomes.some((o) => o && o.interests.includes(wanted.interest)));
  if (tag) tests.push((note) => note.tags.some((found) => (exact ? found === tag : found.includes(tag))));
  if (wanted.change) tests.push(CHANGES[wanted.change]);
  const found = all.filter((note) => tests.every((test) => test(note)));
  const [, key] = SORTS[wanted.sort];
  const keys = new Map(found.map((note) => [note, key(note)]));
  return found.sort((x, y) => keys.get(x) - keys.get(y) || x.place - y.place);
}

function refresh({ keep = true } = {}) {
  const current = keep ? listed[chosen] : null;
  listed = matches();
  const at = current ? listed.indexOf(current) : -1;
  const { notes, of } = facts.shown;
  const some = notes < of ? ` ${count(notes)} of the run's ${count(of)} notes found room here: failures${comparing ? " and differences" : ""} first, then some of every category and interest.` : "";
  const found = listed.length === all.length ? `${count(all.length)} notes.` : `${count(listed.length)} of ${count(all.length)} notes.`;
  byId("count").textContent = (loading && all.length < notes ? `Loading ${count(all.length)} of ${count(notes)} notes … ` : `${found}`) + some;
  byId("rows").style.height = `${listed.length * ROW}px`;
  if (at >= 0) chosen = at;
  else if (listed.length) show(0, { scroll: false, open: false });
  else {
    chosen = -1;
    clear(byId("detail"));
    fill(byId("detail"), {}, [el("p", { class: "none" }, loading ? "Loading …" : "No note fits. "), !loading && el("button", { type: "button", onclick: reset }, "Clear the filters")]);
  }
  byId("clear").hidden = !Object.entries(wanted).some(([name, value]) => name !== "sort" && value);
  drawRows();
}

function row(note, at) {
  let tags;
  if (comparing) {
    const { both, only } = note.difference;
    tags = [only[0].map((tag) => said(tag, "span", { class: "mini A" })), only[1].map((tag) => said(tag, "span", { class: "mini B" })), both.map(([tag]) => said(tag, "span", { class: "mini" }))];
  } else tags = note.outcomes[0].tags.map((tag) => said(tag, "span", { class: "mini" }));
  const failed = note.outcomes.map((outcome, run) => outcome && outcome.failure && el("span", { class: "mini bad" }, comparing && `${LETTERS[run]}: `, worded(FAILURES, outcome.failure.reason)));
  return el(
    "div",
    { class: `item ${at === chosen ? "chosen" : ""}`, role: "option", id: `item-${at}`, "aria-selected": at === chosen ? "true" : "false", "aria-posinset": at + 1, "aria-setsize": listed.length, style: { top: `${at * ROW}px` }, onclick: () => show(at, { open: true }) },
    el("div", { class: "item-title", dir: "auto" }, (note.title.text || note.content.text || note.id).slice(0, 160)),
    el("div", { class: "item-tags" }, failed, tags),
    el("div", { class: "item-meta" }, el("span", {}, note.id), note.category && said(note.category)),
  );
}

function drawRows() {
  const list = byId("list");
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 6);
  const last = Math.min(listed.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 6);
  const rows = byId("rows");
  clear(rows);
  for (let at = first; at < last; at += 1) rows.append(row(listed[at], at));
  if (chosen >= first && chosen < last) list.setAttribute("aria-activedescendant", `item-${chosen}`);
  else list.removeAttribute("aria-activedescendant");
}

let turn = 0;

async function show(at, { scroll = true, open = true } = {}) {
  if (at < 0 || at >= listed.length) return;
  chosen = at;
  const note = listed[at];
  const list = byId("list");
  if (scroll) {
    if (at * ROW < list.scrollTop) list.scrollTop = at * ROW;
    else if ((at + 1) * ROW > list.scrollTop + list.clientHeight) list.scrollTop = (at + 1) * ROW - list.clientHeight;
  }
  drawRows();
  if (open) {
    byId("browser").classList.add("open");
    remember(note.id);
  }
  const mine = (turn += 1);
  const details = await detailsOf(note);
  if (mine === turn) drawDetails(note, details, { move, back: () => byId("browser").classList.remove("open") });
}

function move(by) {
  if (!listed.length) return;
  byId("notes").scrollIntoView({ block: "start" });
  show(Math.min(listed.length - 1, Math.max(0, chosen + by)));
}

/** Filters set from the numbers or from a note. */
function choose(filters) {
  Object.assign(wanted, { text: "", status: "", category: "", interest: "", tag: "", change: "" }, filters);
  if ("category" in filters) wanted.category = `=${filters.category}`;
  for (const [name, input] of Object.entries(inputs)) {
    if (input.tagName === "SELECT" && wanted[name] && ![...input.options].some((option) => option.value === wanted[name])) {
      const label = name === "interest" ? interestName(wanted[name]) : wanted[name].replace(/^=/, "");
      input.append(el("option", { value: wanted[name] }, label));
    }
    input.value = wanted[name];
  }
  byId("browser").classList.remove("open");
  byId("list").scrollTop = 0;
  refresh({ keep: false });
  byId("notes").scrollIntoView({ block: "start" });
}

const reset = () => choose({});

function remember(id) {
  try {
    history.replaceState(null, "", `#note=${encodeURIComponent(id)}`);
  } catch {
    // Some browsers forbid it for files; the page works without.
  }
}

function counted(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) || 0) + 1);
  return [...counts].sort((x, y) => y[1] - x[1] || (x[0] < y[0] ? -1 : 1));
}

function select(name, label, options) {
  const input = el("select", { id: `filter-${name}`, onchange: (event) => { wanted[name] = event.target.value; byId("list").scrollTop = 0; refresh({ keep: false }); } });
  fill(input, {}, options.map(([value, shown]) => el("option", { value }, shown)));
  inputs[name] = input;
  return el("label", { class: "field" }, el("span", {}, label), input);
}

function drawFilters() {
  let waiting = 0;
  const typed = (name) => (event) => {
    wanted[name] = event.target.value;
    clearTimeout(waiting);
    waiting = setTimeout(() => { byId("list").scrollTop = 0; refresh({ keep: false }); }, 80);
  };
  inputs.text = el("input", { type: "search", id: "search", placeholder: "Words in title, text, pictures, tags, id", autocomplete: "off", spellcheck: "false", oninput: typed("text") });
  inputs.tag = el("input", { type: "search", id: "filter-tag", list: "known-tags", placeholder: "any", autocomplete: "off", spellcheck: "false", oninput: typed("tag") });
  const known = [...new Set(runs.flatMap((run) => run.tags.top.map((entry) => entry.tag)))];
  const reasons = counted(runs.flatMap((run) => run.failures.flatMap((entry) => Array(Math.min(entry.count, 1)).fill(entry.reason)))).map(([reason]) => [`failed:${reason}`, `failed: ${worded(FAILURES, reason)}`]);
  const categories = [...new Set(runs.flatMap((run) => run.categories.map((entry) => entry.category)))].map((name) => [`=${name}`, name.slice(0, 60) || "(none)"]);
  const interests = [...new Map(runs.flatMap((run) => run.interests.top.map((entry) => [entry.id, entry.name]))).entries()].map(([id, name]) => [id, name.slice(0, 60)]);
  const form = byId("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  fill(form, {}, [
    el("label", { class: "field search" }, el("span", {}, "Search"), inputs.text),
    comparing && select("change", "Difference", [["", "any"], ["changed", "other tags"], ["same", "same tags"], ["failed-a", "failed in A only"], ["failed-b", "failed in B only"], ["only-a", "in A only"], ["only-b", "in B only"]]),
    select("status", "Outcome", [["", "any"], ["tagged", "tagged"], ["failed", "failed"], ...reasons]),
    select("category", "Category", [["", "any"], ...categories]),
    select("interest", "Interest", [["", "any"], ...interests]),
    el("label", { class: "field" }, el("span", {}, "Tag"), inputs.tag, el("datalist", { id: "known-tags" }, known.map((tag) => el("option", { value: tag })))),
    select("sort", "Order", Object.entries(SORTS).map(([name, [label]]) => [name, label])),
    el("button", { type: "button", id: "clear", class: "clear", onclick: reset, hidden: true }, "Clear"),
  ]);
  let drawing = false;
  byId("list").addEventListener("scroll", () => {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => { drawing = false; drawRows(); });
  });
  new ResizeObserver(drawRows).observe(byId("list"));
}

function showRemembered() {
  const found = /^#note=(.+)$/.exec(location.hash);
  if (!found) return;
  let id;
  try {
    id = decodeURIComponent(found[1]);
  } catch {
    return;
  }
  const at = listed.findIndex((note) => note.id === id);
  if (at < 0) return;
  byId("notes").scrollIntoView({ block: "start" });
  show(at);
}
