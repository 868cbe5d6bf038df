// The data lies in script blocks as JSON, small runs as it is, large ones packed: gzip in base64.

const facts = JSON.parse(byId("facts").textContent);
const runs = facts.runs;
const comparing = runs.length === 2;
const LETTERS = ["A", "B"];

const interestName = (id) => facts.interests[id] || id;

async function unpacked(packed) {
  if (typeof DecompressionStream === "undefined") throw new Error("this browser cannot unpack gzip; use a newer one");
  const letters = atob(packed);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i += 1) bytes[i] = letters.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

async function chunk(kind, number) {
  const value = JSON.parse(byId(`${kind}-${number}`).textContent);
  return typeof value === "string" ? unpacked(value) : value;
}

const KEPT = 24;
const keptDetails = new Map();

/** Every step of a note. */
async function detailsOf(note) {
  const [number, place] = note.details;
  let found = keptDetails.get(number);
  keptDetails.delete(number);
  found = found || chunk("details", number);
  keptDetails.set(number, found);
  if (keptDetails.size > KEPT) keptDetails.delete(keptDetails.keys().next().value);
  return (await found)[place];
}

/** All notes that can be browsed, a chunk at a time; `taken` gets each chunk. */
async function readHeads(taken) {
  for (let number = 0; number < facts.chunks.heads; number += 1) {
    const notes = await chunk("heads", number);
    byId(`heads-${number}`).remove();
    for (const note of notes) {
      const tags = note.outcomes.flatMap((outcome) => (outcome ? outcome.tags : []));
      note.tags = tags.map(plain);
      note.find = plain([note.id, note.title.text, note.content.text, ...tags, ...note.ocr].join("\n"));
    }
    taken(notes);
    await new Promise((done) => setTimeout(done));
  }
}
