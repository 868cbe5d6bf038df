// What the names in a trace mean, for people.

const STEPS = {
  retrieve: "which interests could matter",
  describe: "what the pictures show",
  match: "which interests it speaks to",
  draft: "what people would look for",
  dedupe: "what says the same",
  refine: "house form",
};

const DECISIONS = {
  same_form: "the same words in another form",
  spelling: "another spelling",
  same_meaning: "says the same",
  coarser: "only its coarser form",
  unlikely_finer: "far less likely than the coarser form",
  teacher: "the teacher said so",
  no_evidence: "nothing in the note holds it up",
  instruction: "comes from a sentence that addresses the tagger",
  call_to_action: "calls to act",
  not_house_form: "not in house form",
  too_general: "too general",
  over_limit: "over the limit of tags",
  unconfirmed: "the last step did not confirm it",
};

const FAILURES = {
  nothing_to_tag: "nothing to tag",
  no_tags: "no tags left",
  unparsed: "answer not understood",
  truncated: "answer cut off",
  too_long: "too long for the model",
  refused: "refused",
  timeout: "no answer in time",
  unreachable: "teacher unreachable",
  teacher_error: "teacher's error",
  unforeseen: "an error nobody foresaw",
  worker_died: "the process died",
};

const METRICS = {
  interest_coverage: "Interest coverage",
  groundedness: "Groundedness",
  redundancy: "Redundancy",
  granularity: "Granularity",
  novelty: "Novelty",
  tags_per_note: "Tags per note",
};

const worded = (table, name) => table[name] || String(name).replaceAll("_", " ");
