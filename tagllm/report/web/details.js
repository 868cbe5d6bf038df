// One note: its words with the evidence marked, its pictures, its tags, and every step on the way to them.

const RUN_KEYS = ["a", "b"];

/** `text` with marks where evidence stands. Marks: {at: [start, end], key, tag}. */
function marked(text, marks) {
  const edges = [...new Set([0, text.length, ...marks.flatMap((mark) => mark.at)])].filter((at) => at <= text.length).sort((x, y) => x - y);
  return edges.slice(0, -1).map((start, i) => {
    const part = text.slice(start, edges[i + 1]);
    const over = marks.filter((mark) => mark.at[0] <= start && mark.at[1] >= edges[i + 1]);
    if (!over.length) return part;
    return el("mark", { "data-keys": ` ${over.map((mark) => mark.key).join(" ")} `, title: [...new Set(over.map((mark) => mark.tag))].join(", ") }, part);
  });
}

function marksIn(outcomes, source, picture) {
  const found = [];
  outcomes.forEach((outcome, run) => {
    if (!outcome || !outcome.tags) return;
    outcome.tags.forEach((tag, number) => {
      for (const part of tag.evidence) {
        if (part.at && part.source === source && (picture === undefined || part.picture === picture)) {
          found.push({ at: part.at, key: `${RUN_KEYS[run]}${number}`, tag: tag.tag });
        }
      }
    });
  });
  return found;
}

/** Shows in the texts what a tag rests on while the tag is pointed at or has the focus. */
function pointing(element, keys) {
  const show = (on) => {
    for (const mark of byId("detail").querySelectorAll("[data-keys]")) {
      if (keys.some((key) => mark.dataset.keys.includes(` ${key} `))) mark.classList.toggle("on", on);
    }
    byId("detail").classList.toggle("pointing", on);
  };
  element.addEventListener("mouseenter", () => show(true));
  element.addEventListener("mouseleave", () => show(false));
  element.addEventListener("focusin", () => show(true));
  element.addEventListener("focusout", () => show(false));
  return element;
}

const cutNote = (shown) => (shown.cut ? el("p", { class: "cut" }, `… ${count(shown.cut)} more characters are not in this report.`) : null);

const longText = (shown) => [said(shown.text, "pre", { tabindex: "0" }), cutNote(shown)];

function evidenceOf(part) {
  if (part.source === "interest") return el("span", { class: "evidence" }, "interest ", said(interestName(part.interest || ""), "q"));
  const where = part.picture ? `picture ${part.picture}` : part.source;
  return el("span", { class: "evidence" }, where, part.quote && [" ", said(part.quote, "q")]);
}

const meter = (value) =>
  el("span", { class: "meter", title: `confidence ${value}` }, el("span", { class: "meter-bar", "aria-hidden": "true" }, el("span", { style: { width: `${100 * Math.min(1, Math.max(0, value || 0))}%` } })), value === null ? "–" : value.toFixed(2));

function tagRow(tag, keys, extra) {
  const row = el(
    "li",
    { class: "tag-row", tabindex: "0" },
    el("div", { class: "tag-line" }, said(tag.tag, "b", { class: "tag" }), extra || meter(tag.confidence)),
    el(
      "div",
      { class: "tag-why" },
      tag.interest && el("button", { type: "button", class: "chip", title: "Notes of this interest", onclick: () => choose({ interest: tag.interest }) }, said(interestName(tag.interest))),
      tag.evidence.length ? tag.evidence.map(evidenceOf) : el("span", { class: "evidence none" }, "no evidence"),
    ),
  );
  return pointing(row, keys);
}

function finalTags(outcome, run) {
  if (!outcome.tags.length) return el("p", { class: "none" }, "No tags.");
  return el("ol", { class: "tags" }, outcome.tags.map((tag, number) => tagRow(tag, [`${RUN_KEYS[run]}${number}`])));
}

function decided(decision) {
  return [
    said(decision.tag, "s"),
    decision.into && [" → ", said(decision.into, "b")],
    el("span", { class: `badge ${decision.action}` }, decision.action),
    el("span", { class: "why" }, worded(DECISIONS, decision.reason), decision.detail && [": ", said(decision.detail)], ` (${decision.step})`),
  ];
}

function draftList(outcome) {
  const left = [...outcome.decisions];
  const final = new Set(outcome.tags.map((tag) => plain(tag.tag)));
  const rows = outcome.drafts.map((draft) => {
    const at = left.findIndex((decision) => decision.tag === draft.tag);
    const decision = at >= 0 ? left.splice(at, 1)[0] : null;
    const score = el("span", { class: "score" }, draft.score === null ? "" : draft.score.toFixed(2));
    if (decision) return el("li", { class: "gone" }, score, el("div", {}, decided(decision)));
    const kept = final.has(plain(draft.tag));
    return el("li", { class: "kept" }, score, el("div", {}, said(draft.tag, "b"), el("span", { class: "badge final" }, kept ? "final" : "rewritten")));
  });
  rows.push(...left.map((decision) => el("li", { class: "gone" }, el("span", { class: "score" }), el("div", {}, decided(decision)))));
  return rows.length ? el("ol", { class: "drafts" }, rows) : el("p", { class: "none" }, "No drafts.");
}

function interestList(outcome) {
  const matched = outcome.matched.map((match) =>
    el(
      "li",
      {},
      el("div", { class: "tag-line" }, el("button", { type: "button", class: "link", onclick: () => choose({ interest: match.id }) }, said(match.name)), meter(match.probability)),
      el("div", { class: "tag-why" }, match.why && said(match.why), match.evidence.map(evidenceOf)),
    ),
  );
  const retrieved = outcome.retrieved.map((found) => el("li", {}, said(found.name), el("span", { class: "score" }, found.score === null ? "" : found.score.toFixed(2))));
  return [
    matched.length ? el("ul", { class: "interests" }, matched) : el("p", { class: "none" }, "None matched."),
    retrieved.length > 0 && el("details", {}, el("summary", {}, `${retrieved.length} retrieved`), el("ol", { class: "columns" }, retrieved)),
  ];
}

function stepList(outcome) {
  return outcome.steps.map((step) =>
    el(
      "details",
      { class: "step" },
      el(
        "summary",
        {},
        el("b", {}, step.name),
        el("span", { class: "says" }, STEPS[step.name]),
        el("span", { class: "meta" }, said(step.program), milliseconds(step.milliseconds), step.prompt_tokens + step.completion_tokens > 0 && `${count(step.prompt_tokens)} + ${count(step.completion_tokens)} tokens`, step.cached && el("span", { class: "badge" }, "cached")),
      ),
      step.answer ? longText(step.answer) : el("p", { class: "none" }, "No answer was needed."),
      step.request && el("details", { class: "request" }, el("summary", {}, `The request${step.prompt ? ` (words ${step.prompt})` : ""}`), longText(step.request)),
    ),
  );
}

function failureBox(failure) {
  return el(
    "div",
    { class: "failure", role: "note" },
    el("b", {}, worded(FAILURES, failure.reason)),
    failure.step && ` in ${failure.step}`,
    said(failure.message, "p"),
    failure.answer && el("details", { open: true }, el("summary", {}, "The raw answer"), longText(failure.answer)),
    failure.request && el("details", {}, el("summary", {}, "The request"), longText(failure.request)),
  );
}

function part(title, ...content) {
  return el("section", { class: "part" }, el("h3", {}, title), content);
}

function pictureList(details) {
  if (!details.pictures.length && !details.images) return null;
  const figures = details.pictures.map((picture) => {
    const size = picture.width ? `${picture.width} × ${picture.height}` : "";
    let shown;
    if (picture.refused) shown = el("div", { class: "no-picture bad" }, "refused: ", worded({}, picture.refused.reason), said(picture.refused.message, "small"));
    else if (picture.src && picture.src.startsWith("data:image/webp;base64,")) shown = el("img", { src: picture.src, alt: picture.shows || `picture ${picture.number}`, loading: "lazy" });
    else shown = el("div", { class: "no-picture" }, "not in this report");
    return el(
      "figure",
      {},
      shown,
      el(
        "figcaption",
        {},
        el("b", {}, `${picture.number}`),
        el("span", { class: "size" }, size),
        picture.shows && said(picture.shows, "p"),
        picture.ocr && el("p", { class: "ocr", dir: "auto" }, marked(picture.ocr, marksIn(details.outcomes, "ocr", picture.number))),
      ),
    );
  });
  const more = details.images - details.pictures.length;
  return part("Pictures", el("div", { class: "pictures" }, figures), more > 0 && el("p", { class: "cut" }, `${more} more.`));
}

function outcomeParts(outcome, run) {
  if (!outcome) return el("p", { class: "none" }, "This run has nothing of the note.");
  const aside = outcome.set_aside && outcome.set_aside.length > 0 && part("Sentences that address the tagger", el("p", { class: "says" }, "No tag may rest on them."), el("ul", { class: "plain aside" }, outcome.set_aside.map((text) => said(text, "li"))));
  if (outcome.failure) {
    return [
      failureBox(outcome.failure),
      outcome.decisions.length > 0 && part("Drafts that were merged or dropped", el("ol", { class: "drafts" }, outcome.decisions.map((decision) => el("li", { class: "gone" }, el("span", { class: "score" }), el("div", {}, decided(decision)))))),
    ];
  }
  return [
    part("Final tags", finalTags(outcome, run)),
    aside,
    part("From drafts to tags", draftList(outcome)),
    part("Interests", interestList(outcome)),
    part("Steps", stepList(outcome)),
    el("p", { class: "says" }, said(outcome.model)),
  ];
}

/** What the other run made of a tag that it does not have. */
function fateIn(outcome, tag) {
  if (!outcome) return "no outcome";
  const decision = (outcome.decisions || []).find((found) => plain(found.tag) === plain(tag));
  if (decision) return [decision.action, decision.into && [" into ", said(decision.into, "b")], ": ", worded(DECISIONS, decision.reason)];
  if (outcome.failure) return "the note failed";
  return "not drafted";
}

function comparedTags(note, details) {
  const found = note.difference;
  const [a, b] = details.outcomes;
  const number = (outcome, tag) => (outcome && outcome.tags ? outcome.tags.findIndex((entry) => entry.tag === tag) : -1);
  const both = found.both.map(([first, second]) => {
    const [i, j] = [number(a, first), number(b, second)];
    const twice = el("span", { class: "twice" }, i >= 0 && meter(a.tags[i].confidence), "→", j >= 0 && meter(b.tags[j].confidence));
    const extra = [first !== second && [" → ", said(second, "b")], twice];
    return i >= 0 ? tagRow(a.tags[i], [`a${i}`, `b${j}`], extra) : el("li", {}, said(first));
  });
  const only = (run) =>
    found.only[run].map((tag) => {
      const i = number(details.outcomes[run], tag);
      const other = el("span", { class: "why" }, `${LETTERS[1 - run]}: `, fateIn(details.outcomes[1 - run], tag));
      if (i < 0) return el("li", {}, said(tag));
      const row = tagRow(details.outcomes[run].tags[i], [`${RUN_KEYS[run]}${i}`]);
      row.append(other);
      return row;
    });
  const group = (title, rows, kind) => el("div", { class: `group ${kind}` }, el("h4", {}, title, ` (${rows.length})`), rows.length ? el("ul", { class: "tags" }, rows) : el("p", { class: "none" }, "None."));
  return part("Tags", el("div", { class: "groups" }, group("Only in A", only(0), "A"), group("Only in B", only(1), "B"), group("In both", both, "both")));
}

function drawDetails(note, details, steps) {
  const outcomes = details.outcomes;
  const head = el(
    "header",
    { class: "note-head" },
    el("div", { class: "note-tools" }, el("button", { type: "button", class: "back", onclick: steps.back }, "← List"), el("span", { class: "spring" }), el("button", { type: "button", onclick: () => steps.move(-1), "aria-label": "Note before (k)" }, "↑"), el("button", { type: "button", onclick: () => steps.move(1), "aria-label": "Next note (j)" }, "↓")),
    el("h2", { class: "note-title", dir: "auto" }, note.title.text ? marked(note.title.text, marksIn(outcomes, "title")) : el("i", {}, "no title"), note.title.cut > 0 && el("small", {}, ` … ${count(note.title.cut)} more characters`)),
    el("p", { class: "says" }, el("code", {}, note.id), note.category && el("button", { type: "button", class: "chip", onclick: () => choose({ category: note.category }) }, said(note.category)), outcomes.find((outcome) => outcome && outcome.lang) && el("span", {}, outcomes.find((outcome) => outcome && outcome.lang).lang)),
  );
  const stale = outcomes.map((outcome, run) => outcome && !outcome.same_text && el("p", { class: "cut" }, note.known ? `The note has changed since${comparing ? ` run ${LETTERS[run]}` : " the run"}: evidence is not marked.` : "The note could not be read again: its words are not shown."));
  const text = note.content.text && el("div", { class: "content", dir: "auto" }, marked(note.content.text, marksIn(outcomes, "content")));
  const hashtags = details.hashtags.length > 0 && el("p", { class: "says" }, "The author's own: ", details.hashtags.map((tag) => [said(`#${tag}`, "span", { class: "hashtag" }), " "]));
  const words = comparing
    ? [
        comparedTags(note, details),
        outcomes.map((outcome, run) => el("details", { class: "run-part", open: Boolean(outcome && outcome.failure) }, el("summary", {}, el("span", { class: `letter ${LETTERS[run]}` }, LETTERS[run]), said(runs[run].name), " step by step"), outcomeParts(outcome, run))),
      ]
    : outcomeParts(outcomes[0], 0);
  const pictures = pictureList(details);
  const body = el("div", { class: "note-body" }, el("div", { class: "note-words" }, text, cutNote(note.content), hashtags, words), pictures && el("aside", { class: "note-aside" }, pictures));
  const box = byId("detail");
  clear(box);
  fill(box, {}, [head, stale, body]);
  box.scrollTop = 0;
}
