// Logging in, and what one may look at. The picture is `picture.js`'s.
import words from "./words.js";
import { look } from "./picture.js";

const $ = (id) => document.getElementById(id);
const language = document.documentElement.lang;
const { content: version } = document.querySelector("meta[name=version]");

/** A text of the chosen language, with its places filled. */
export function word(name, places = {}) {
  return (words[name] ?? name).replace(/\{(\w+)\}/g, (all, place) => places[place] ?? all);
}

for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
for (const element of document.querySelectorAll("[data-name]")) {
  element.setAttribute("aria-label", word(element.dataset.name));
  if (element.tagName === "BUTTON") element.title = word(element.dataset.name);
}

/** Of "French / English", the one. */
export function one(message) {
  const parts = message.split(" / ");
  return parts.length === 2 ? parts[language === "fr" ? 0 : 1] : message;
}

/** Orders something of the node; what it refuses is an error with its words. */
async function order(path, says = {}) {
  let answer;
  try {
    const headers = { "content-type": "application/json", "lucarne-page": version };
    answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(says) });
  } catch {
    throw new Error(word("unreachable"));
  }
  const outcome = await answer.json().catch(() => ({ message: word("unreachable") }));
  // The node was upgraded meanwhile: it answers its own page alone.
  if (answer.status === 409 && performance.getEntriesByType("navigation")[0]?.type !== "reload") location.reload();
  if (!answer.ok) throw Object.assign(new Error(one(outcome.message ?? "")), { status: answer.status });
  return outcome;
}

function show(id) {
  for (const main of document.querySelectorAll("main")) main.hidden = main.id !== id;
  for (const trouble of document.querySelectorAll(".trouble")) trouble.textContent = "";
}

function trouble(where, error) {
  $(where).querySelector(".trouble").textContent = error.message;
}

async function enter() {
  show("entry");
  $("login").elements.login.focus();
}

$("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { login, password, code } = event.target.elements;
  const button = event.target.querySelector("button");
  button.disabled = true;
  try {
    await order("acts/login", { login: login.value, password: password.value, code: code.value || null });
    event.target.reset();
    await list();
  } catch (error) {
    password.value = code.value = "";
    trouble("entry", error);
  } finally {
    button.disabled = false;
  }
});

$("leave").addEventListener("click", async () => {
  try {
    await order("acts/logout");
  } catch (error) {
    // Still in: whoever leaves must know.
    if (error.status !== 401) return trouble("list", error);
  }
  enter();
});

$("charter").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const bytes = await event.target.querySelector("input").files[0].arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    await order("acts/acknowledge", { sha256: [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("") });
    await list();
  } catch (error) {
    trouble("list", error);
  }
});

/** A time here, with UTC beside. */
function moment(time) {
  const at = new Date(time);
  const here = at.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
  const utc = at.toLocaleTimeString(language, { timeStyle: "short", timeZone: "UTC" });
  return `${here} (${word("utc", { time: utc })})`;
}

/** What there is to look at. */
async function list() {
  let person, planned = [];
  try {
    person = await order("acts/who_am_i");
    let after = null;
    do {
      const page = await order("acts/list_engagements", { after });
      planned.push(...page.engagements);
      after = page.next ?? null;
    } while (after);
  } catch (error) {
    if (error.status === 401) return enter();
    show("list");
    return trouble("list", error);
  }
  show("list");
  $("who").textContent = word("welcome", { name: person.account.name });
  $("note").hidden = person.password_days === null;
  $("note").textContent = word("password-days", { days: person.password_days });
  $("charter").hidden = !person.owes_charter;
  const open = planned.filter(({ state }) => !["closed", "cancelled"].includes(state));
  open.sort((one, other) => one.engagement.terms.opens.localeCompare(other.engagement.terms.opens));
  $("none").hidden = open.length > 0;
  $("engagements").replaceChildren(...open.map(item));
}

function element(tag, text, name) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (name) made.className = name;
  return made;
}

function item({ engagement, state, label }) {
  const { terms } = engagement;
  const place = element("li");
  place.append(
    element("span", word(`state-${state}`), `badge ${state}`),
    element("h3", terms.purpose),
    element("p", `${label ?? terms.site} · ${terms.class} · ${word("window", { opens: moment(terms.opens), closes: moment(terms.closes) })}`, "quiet"),
  );
  if (["showing", "paused"].includes(state)) {
    const button = element("button", word("look"), "main");
    button.addEventListener("click", () => begin({ ...engagement, label: label ?? terms.site }, button));
    place.append(element("p", word("reminder"), "small"), button);
  }
  return place;
}

async function begin(engagement, button) {
  button.disabled = true;
  try {
    await order("look", { engagement: engagement.id, acknowledged: true });
  } catch (error) {
    button.disabled = false;
    return error.status === 401 ? enter() : missing(engagement, button, error);
  }
  show("viewer");
  await look(engagement);
  await list();
}

/** Why nobody may look now, rule by rule. */
async function missing(engagement, button, error) {
  const checks = await order("acts/checklist", { engagement: engagement.id, login: null }).then((list) => list.checks, () => []);
  const lines = checks.filter(({ message }) => message).map(({ message }) => element("li", one(message)));
  const told = lines.length > 0 ? lines : [element("li", error.message)];
  const list = element("ul");
  list.append(...told);
  const note = element("div", word("missing"), "note");
  note.append(list);
  button.parentElement.querySelector(".note")?.remove();
  button.before(note);
}

list();
