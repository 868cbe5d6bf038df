// Light and dark, the keyboard, and the order in which the page comes up: numbers first, then the notes.

const KEYS = [
  ["j  ↓", "next note"],
  ["k  ↑", "note before"],
  ["/", "search"],
  ["Esc", "leave the search, clear the filters"],
  ["n", "to the notes"],
  ["o", "to the numbers"],
  ["t", "light or dark"],
  ["?", "these keys"],
];

function theme(set) {
  const root = document.documentElement;
  if (set) root.dataset.theme = set;
  try {
    if (set) localStorage.setItem("tagllm-report-theme", set);
    else if (["light", "dark"].includes(localStorage.getItem("tagllm-report-theme"))) root.dataset.theme = localStorage.getItem("tagllm-report-theme");
  } catch {
    // Files may have no storage; the choice then lasts as long as the page.
  }
}

function turnTheme() {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  theme(dark ? "light" : "dark");
}

function drawHelp() {
  const box = byId("help");
  fill(box, {}, [
    el("h2", { id: "help-title" }, "Keyboard"),
    el("dl", { class: "keys" }, KEYS.map(([keys, says]) => el("div", {}, el("dt", {}, keys.split("  ").map((key) => el("kbd", {}, key))), el("dd", {}, says)))),
    el("form", { method: "dialog" }, el("button", { type: "submit" }, "Close")),
  ]);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const typing = event.target.closest && event.target.closest("input, select, textarea");
  if (event.key === "Escape") {
    if (typing) event.target.blur();
    else if (!byId("clear").hidden) reset();
    else byId("browser").classList.remove("open");
    return;
  }
  if (typing) return;
  const inList = event.target === byId("list");
  const actions = {
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: inList ? () => move(1) : null,
    ArrowUp: inList ? () => move(-1) : null,
    "/": () => { byId("notes").scrollIntoView(); inputs.text.focus(); inputs.text.select(); },
    n: () => { byId("notes").scrollIntoView(); byId("list").focus({ preventScroll: true }); },
    o: () => byId("overview").scrollIntoView(),
    t: turnTheme,
    "?": () => byId("help").showModal(),
  };
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

async function start() {
  theme();
  byId("theme").addEventListener("click", turnTheme);
  byId("help-button").addEventListener("click", () => byId("help").showModal());
  drawHelp();
  drawOverview();
  drawFilters();
  refresh();
  document.addEventListener("keydown", onKey);
  let drawn = 0;
  await readHeads((notes) => {
    all.push(...notes);
    if (!drawn || all.length >= drawn * 4) {
      drawn = all.length;
      refresh();
    }
  });
  loading = false;
  refresh();
  showRemembered();
  document.documentElement.dataset.ready = "";
}

start().catch((error) => {
  fill(byId("count"), { class: "alert" }, [`The report cannot be shown: ${error.message}`]);
  throw error;
});
